"""How a morph is to be written, and what was written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from facemorph.errors import RenderError

Frames: TypeAlias = npt.NDArray[np.uint8]
"""(T, H, W, 3) uint8 RGB."""

MIN_FPS, MAX_FPS = 1.0, 50.0
"""GIF delays are whole hundredths of a second, and browsers play a delay of one hundredth as ten."""
MAX_HOLD = 10.0


@dataclass(frozen=True)
class RenderOptions:
    """How frames follow each other in a file.

    Attributes:
        fps: frames per second, 1 to 50. A GIF's delays are hundredths of a second: they are rounded so that the whole
            keeps its length, hence at 24 fps some frames stand 0.04 s and some 0.05 s.
        ping_pong: play forwards, then backwards, without doubling the ends.
        hold: seconds, 0 to 10, that the first and the last frame stand still beyond their own 1 / fps.

    Raises:
        RenderError: a value is outside its range.
    """

    fps: float = 20.0
    ping_pong: bool = True
    hold: float = 0.5

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fps) and MIN_FPS <= self.fps <= MAX_FPS):
            raise RenderError(f"{self.fps:g} frames per second cannot be played. Use {MIN_FPS:g} to {MAX_FPS:g}.")
        if not (math.isfinite(self.hold) and 0 <= self.hold <= MAX_HOLD):
            raise RenderError(f"A hold of {self.hold:g} seconds is out of range. Use 0 to {MAX_HOLD:g}.")


@dataclass(frozen=True)
class RenderedFile:
    """A file that was written.

    Attributes:
        path: where it lies.
        num_bytes: its size.
        warnings: sentences for the user, such as that no ffmpeg was found.
    """

    path: Path
    num_bytes: int
    warnings: tuple[str, ...] = ()
