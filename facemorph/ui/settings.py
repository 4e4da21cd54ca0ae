"""How a morph is made: the settings, and the accordion in which shape and appearance go apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from facemorph.ui.texts import text

SIZES = (128, 256, 384, 512)


@dataclass(frozen=True)
class Settings:
    """How the morph is to be made."""

    steps: gr.Slider
    size: gr.Radio
    fps: gr.Slider
    ping_pong: gr.Checkbox
    quality: gr.Radio
    moving: gr.Radio

    @property
    def inputs(self) -> list[Any]:
        """All of them, in the order of the handler's arguments."""
        return [self.steps, self.size, self.fps, self.ping_pong, self.quality, self.moving]


@dataclass(frozen=True)
class Still:
    """One frame with shape and appearance apart; `outputs` is in the order of `StillView`."""

    accordion: gr.Accordion
    shape: gr.Slider
    appearance: gr.Slider
    picture: gr.Image
    note: gr.HTML
    png: gr.DownloadButton

    @property
    def outputs(self) -> list[Any]:
        """What a new still changes."""
        return [self.picture, self.note, self.png]


def build_settings() -> tuple[Settings, Still]:
    """Lay out the settings and the accordion below them."""
    with gr.Group(elem_classes="settings"):
        size = gr.Radio(list(SIZES), value=256, label=text("size"), elem_id="size", elem_classes="words")
        with gr.Row():
            steps = slider("steps", 8, 60, 24)
            fps = slider("fps", 5, 30, 20)
        ping_pong = gr.Checkbox(True, label=text("ping_pong"), elem_id="ping-pong")
        quality = words("quality", ("best", "best"), ("fast", "fast"))
    with gr.Accordion(text("apart"), open=False, elem_id="apart") as accordion:
        gr.Markdown(text("apart_info"), elem_classes="fine")
        moving = words("moving", ("both", "both"), ("shape_only", "shape"), ("appearance_only", "appearance"))
        with gr.Column(elem_classes="still"):
            gr.Markdown(text("still"), elem_classes="fine")
            shape = slider("shape", 0, 1, 0.5, step=0.01, classes="a-to-b")
            appearance = slider("appearance", 0, 1, 0.5, step=0.01, classes="a-to-b")
            note = gr.HTML(elem_id="note-still")
            picture = gr.Image(
                show_label=False,
                interactive=False,
                buttons=[],
                format="png",
                min_width=140,
                elem_id="still",
                visible=False,
                alt_text="One frame, its shape and its appearance each at a place of its own between A and B",
            )
            png = gr.DownloadButton("PNG", visible=False, size="md", elem_id="download-still")
    settings = Settings(steps, size, fps, ping_pong, quality, moving)
    return settings, Still(accordion, shape, appearance, picture, note, png)


def slider(
    key: str, least: float, most: float, value: float, *, step: float = 1, classes: str | None = None
) -> gr.Slider:
    """Return a slider; `key` is its id and the key of its text."""
    return gr.Slider(
        least,
        most,
        value,
        step=step,
        label=text(key),
        interactive=True,
        buttons=[],
        min_width=140,
        elem_id=key,
        elem_classes=classes,
    )


def words(key: str, *choices: tuple[str, str]) -> gr.Radio:
    """Return a choice of few words; each is the key of its text and its value, the first is taken at the start."""
    return gr.Radio(
        [(text(word), value) for word, value in choices],
        value=choices[0][1],
        label=text(key),
        info=text(f"{key}_info"),
        elem_id=key,
        elem_classes="words",
    )
