"""How the page looks: a theme made of Gradio's own parts, system fonts only."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

FONTS = (
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "Noto Sans",
    "Helvetica Neue",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "Noto Sans CJK SC",
    "WenQuanYi Micro Hei",
    "sans-serif",
)
"""Gradio bundles no Chinese font; what the system has is named, and nothing is fetched."""

CSS = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")

HEAD = """<script>
  document.documentElement.lang = /^zh-(CN|TW)$/.test(navigator.language) ? navigator.language : "en";
</script>"""
"""Screen readers are told the language that Gradio chose: it has Chinese for these two and English for the rest."""


def make_theme() -> gr.themes.Base:
    """Return the theme of the page."""
    theme = gr.themes.Default(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_lg,
        font=FONTS,
        font_mono=("ui-monospace", "SFMono-Regular", "Consolas", "monospace"),
    )
    return theme.set(
        body_background_fill="*neutral_50",
        body_text_color_subdued="*neutral_500",
        block_label_text_color="*neutral_500",
        block_shadow="none",
        block_border_width="1px",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        button_secondary_background_fill="white",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover_dark="*neutral_700",
        slider_color="*primary_600",
    )
