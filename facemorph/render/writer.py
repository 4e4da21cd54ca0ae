"""One door for all formats: the suffix decides."""

from __future__ import annotations

from os import PathLike

import numpy as np
import numpy.typing as npt

from facemorph.errors import RenderError
from facemorph.render.destination import check_path, written
from facemorph.render.gif import write_gif
from facemorph.render.mp4 import write_mp4
from facemorph.render.options import Frames, RenderedFile, RenderOptions
from facemorph.render.strip import write_strip
from facemorph.render.webp import write_webp

ANIMATIONS = {".gif": write_gif, ".webp": write_webp, ".mp4": write_mp4}


def render(
    path: str | PathLike[str],
    frames: Frames,
    alphas: npt.NDArray[np.float32],
    options: RenderOptions | None = None,
) -> RenderedFile:
    """Write frames as GIF, WebP, MP4 or, as .png, the strip; a file of that name is replaced.

    Args:
        path: where to; its suffix, one of `SUFFIXES`, decides the format.
        frames: (T, H, W, 3) uint8 RGB.
        alphas: (T,) the position of each frame on the morph; only the strip shows them.
        options: speed, direction and hold; the defaults of `RenderOptions` where none are given.

    Returns:
        The file, its size and what the user should know about it.

    Raises:
        RenderError: an unknown suffix, a folder that cannot be written to, arrays of another shape, or no ffmpeg where
            the format needs it. Nothing is left half written.
    """
    path = check_path(path)
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8 or 0 in frames.shape:
        raise RenderError(f"Frames are a (T, H, W, 3) uint8 array, not {frames.shape} {frames.dtype}.")
    if alphas.shape != (len(frames),):
        raise RenderError(f"{len(frames)} frames need as many alphas, not an array of shape {alphas.shape}.")
    frames = np.ascontiguousarray(frames)
    write = ANIMATIONS.get(path.suffix.lower())
    if write is None:
        return written(path, lambda target: write_strip(target, frames, alphas))
    chosen = options or RenderOptions()
    return written(path, lambda target: write(target, frames, chosen))
