"""The files that a morph can be taken home as."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from facemorph.ui.texts import file_size

DOWNLOADS = {"gif": "GIF", "webp": "WebP", "mp4": "MP4", "png": "Strip"}
"""Suffix of each and what the page calls it."""


@dataclass(frozen=True)
class Downloads:
    """Renders a morph to a folder, one format at a time."""

    result: Any
    folder: Path
    fps: float
    ping_pong: bool

    def download(self, suffix: str) -> tuple[Path, gr.DownloadButton, tuple[str, ...]]:
        """Render one format; return the file, the button that hands it out, and what to know about it."""
        rendered = self.result.save(self.folder / f"facemorph.{suffix}", fps=self.fps, ping_pong=self.ping_pong)
        label = f"{DOWNLOADS[suffix]} · {file_size(rendered.num_bytes)}"
        button = gr.DownloadButton(label, value=str(rendered.path), interactive=True)
        return rendered.path, button, rendered.warnings
