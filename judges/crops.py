"""Aligned crops and their landmarks at the sizes that the benchmark works in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from facemorph import AlignedFace, images, morph
from facemorph.align.face import CROP_SIZE

Picture = npt.NDArray[np.uint8]
Frames = Callable[[AlignedFace, AlignedFace, Sequence[float], int], Picture]
"""A way to morph: (face a, face b, alphas, size) → (T, size, size, 3) uint8 RGB."""


def shrink(picture: Picture, size: int) -> Picture:
    """Bring (S, S, 3) uint8 to (size, size, 3), antialiased, as the morph itself does."""
    return np.asarray(images.to_uint8(morph.resize(images.to_tensor(picture), size))[0])


def scaled_landmarks(face: AlignedFace, size: int) -> npt.NDArray[np.float32]:
    """Return the (68, 2) landmarks in pixels of the crop at `size`."""
    return ((face.landmarks + 0.5) * (size / CROP_SIZE) - 0.5).astype(np.float32)
