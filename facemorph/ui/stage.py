"""The component that shows a morph: the GIF, and a slider that scrubs its frames in the browser.

The frames travel once, as JPEG data URLs inside the component's value; drawing them is the page's own work, without a
round trip (see `stage.js`).
"""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any, TypedDict

import gradio as gr
import numpy as np
import numpy.typing as npt
from gradio.data_classes import FileData
from PIL import Image

from facemorph.ui import texts

HERE = Path(__file__).parent
JPEG_QUALITY = 88


class StageValue(TypedDict):
    """What the browser needs to show a morph."""

    gif: dict[str, Any]
    frames: list[str]
    alphas: list[float]
    caption: str


class Stage(gr.HTML):
    """Shows a morph; its value is a `StageValue` or None."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(
            value=None,
            html_template=(HERE / "stage.html").read_text(encoding="utf-8"),
            css_template=(HERE / "stage.css").read_text(encoding="utf-8"),
            js_on_load=(HERE / "stage.js").read_text(encoding="utf-8"),
            texts=texts.STAGE_TEXTS,
            **arguments,
        )

    def postprocess(self, value: Any) -> Any:
        """Pass a `StageValue` or None on; Gradio moves its GIF to the cache and adds the address."""
        return value


def stage_value(gif: Path, frames: npt.NDArray[np.uint8], alphas: npt.NDArray[np.float32], caption: str) -> StageValue:
    """Pack a morph for the browser.

    Args:
        gif: the rendered animation.
        frames: (T, H, W, 3) uint8 RGB.
        alphas: (T,) positions of the frames between face A (0) and face B (1).
        caption: the line under the picture.
    """
    return {
        "gif": FileData(path=str(gif), orig_name=gif.name).model_dump(),
        "frames": [_data_url(frame) for frame in frames],
        "alphas": [round(float(alpha), 4) for alpha in alphas],
        "caption": caption,
    }


def _data_url(frame: npt.NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
