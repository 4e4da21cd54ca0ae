"""What a morph gives back."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facemorph.render import RenderedFile, RenderOptions, render


@dataclass(frozen=True)
class Morph:
    """The frames of a morph, or of a head that swings.

    Attributes:
        frames: (T, S, S, 3) uint8 RGB; of a morph, the first and the last are the aligned photos.
        alphas: (T,) float32, position of each frame, increasing from 0 to 1.
        warnings: sentences for the user.
    """

    frames: npt.NDArray[np.uint8]
    alphas: npt.NDArray[np.float32]
    warnings: tuple[str, ...] = ()

    def save(
        self, path: str | PathLike[str], *, fps: float = 20.0, ping_pong: bool = True, hold: float = 0.5
    ) -> RenderedFile:
        """Write the morph; the suffix decides how: .gif, .webp, .mp4, or .png for a strip of its frames.

        Args:
            path: where to.
            fps: frames per second.
            ping_pong: play back to the first face as well, so that a loop has no jump.
            hold: seconds to rest on each face.

        Returns:
            The file, its size, and what could not be done as asked.

        Raises:
            RenderError: an unknown suffix, a folder that cannot be written, or no encoder for the format.
        """
        return render(Path(path), self.frames, self.alphas, RenderOptions(fps=fps, ping_pong=ping_pong, hold=hold))
