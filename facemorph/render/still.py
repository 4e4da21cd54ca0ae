"""A single picture to a file."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from facemorph.render.destination import STILL_SUFFIXES, check_path, written
from facemorph.render.options import RenderedFile


def save_still(path: str | PathLike[str], pixels: npt.NDArray[np.uint8]) -> RenderedFile:
    """Write one picture, without any metadata of the photos it came from.

    Args:
        path: where to; the suffix is one of `STILL_SUFFIXES`.
        pixels: (H, W, 3) uint8 RGB.

    Returns:
        The file.

    Raises:
        RenderError: another suffix, or the file cannot be written.
    """
    path = check_path(path, STILL_SUFFIXES)
    return written(path, lambda target: _save(target, pixels))


def _save(target: Path, pixels: npt.NDArray[np.uint8]) -> tuple[str, ...]:
    Image.fromarray(pixels).save(target, quality=95)
    return ()
