"""The component that takes a photo in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData


class Photo(gr.Image):
    """A `gr.Image` that hands over the uploaded file as it is.

    `gr.Image` would decode it: without EXIF rotation, with 16-bit gray clipped to white, with palette indices for a
    GIF, and with a Python traceback for a text file named .jpg. Here `facemorph.images.load_photo` decodes, and only
    there.
    """

    is_template = True  # the browser draws it as an Image
    REFUSAL = "This photo was not uploaded here. Upload it; links and other files are not opened."

    def preprocess(self, payload: ImageData | None) -> str | None:
        """Return the path of the uploaded file, None where there is none.

        Gradio checks only paths that are marked as files; a request can leave the mark out, so all are checked here.
        """
        if payload is None or payload.path is None:
            return None
        if not Path(payload.path).resolve().is_relative_to(Path(self.GRADIO_CACHE).resolve()):
            raise gr.Error(self.REFUSAL, print_exception=False)
        return payload.path

    async def async_move_resource_to_block_cache(self, url_or_file_path: str | Path | None) -> str | None:
        """Refuse to fetch a photo from the network; a photo is uploaded or it is not here."""
        if str(url_or_file_path).startswith(("http:", "https:")):
            raise gr.Error(self.REFUSAL, print_exception=False)
        moved: str | None = await super().async_move_resource_to_block_cache(url_or_file_path)
        return moved

    def postprocess(self, value: Any) -> ImageData | None:
        """Show the file at the path `value`; an upload that has been deleted meanwhile shows nothing."""
        if value is None or not Path(value).is_file():
            return None
        return ImageData(path=str(value), orig_name=Path(value).name)
