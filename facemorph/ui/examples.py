"""The row of example pairs to click."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import gradio as gr
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"
THUMBNAIL = 144

JAVASCRIPT = """
const name = /^zh-(CN|TW)$/.test(navigator.language) ? "示例" : "Example";
element.querySelectorAll("button").forEach((button, index) => {
  button.setAttribute("aria-label", name + " " + (index + 1));
  button.addEventListener("click", () => trigger("click", { index }));
});
"""

CSS = """
.pairs { display: flex; flex-wrap: wrap; gap: 10px; }
button { display: flex; margin: 0; padding: 0; overflow: hidden; cursor: pointer; background: none;
  border: 1px solid var(--border-color-primary); border-radius: var(--radius-md); }
button:hover { border-color: var(--color-accent); }
button:focus-visible { outline: 2px solid var(--color-accent); outline-offset: 2px; }
img { display: block; width: 60px; height: 60px; margin: 0; object-fit: cover; }
"""


def find_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Return the photos of `folder` in pairs, neighbours by name; one left over is dropped."""
    photos = sorted(folder.glob("*.jpg")) if folder.is_dir() else []
    return list(zip(photos[::2], photos[1::2], strict=False))


def example_row(pairs: Sequence[tuple[Path, Path]]) -> gr.HTML:
    """Return one button per pair; its click carries the pair's `index`."""
    buttons = "".join(
        f'<button type="button">{_thumbnail(first)}{_thumbnail(second)}</button>' for first, second in pairs
    )
    return gr.HTML(
        html_template=f'<div class="pairs">{buttons}</div>',
        css_template=CSS,
        js_on_load=JAVASCRIPT,
        elem_id="examples",
    )


def _thumbnail(path: Path) -> str:
    """Return the upper middle square of a photo as an `img` element that holds its own data."""
    with Image.open(path) as photo:
        photo.draft("RGB", (2 * THUMBNAIL, 2 * THUMBNAIL))
        side = min(photo.size)
        left = (photo.width - side) // 2
        square = photo.convert("RGB").crop((left, 0, left + side, side)).resize((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    square.save(buffer, format="JPEG", quality=85)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img alt="" src="data:image/jpeg;base64,{data}">'
