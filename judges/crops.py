"""Aligned crops and their landmarks at the sizes that the benchmark works in, and patches of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from facemorph import AlignedFace, images, morph
from facemorph.align.face import CROP_SIZE

Picture = npt.NDArray[np.uint8]
Frames = Callable[[AlignedFace, AlignedFace, Sequence[float], int], Picture]
"""A way to morph: (face a, face b, alphas, size) → (T, size, size, 3) uint8 RGB."""
PATCH_SIDE = 112
PATCH_CENTRES = ((0.5, 0.3), (0.28, 0.46), (0.72, 0.46), (0.5, 0.62), (0.5, 0.8))
"""(x, y) in parts of the crop's side: forehead, both eyes with the temples, nose and mouth, chin and neck."""


def shrink(picture: Picture, size: int) -> Picture:
    """Bring (S, S, 3) uint8 to (size, size, 3), antialiased, as the morph itself does."""
    return np.asarray(images.to_uint8(morph.resize(images.to_tensor(picture), size))[0])


def scaled_landmarks(face: AlignedFace, size: int) -> npt.NDArray[np.float32]:
    """Return the (68, 2) landmarks in pixels of the crop at `size`."""
    return ((face.landmarks + 0.5) * (size / CROP_SIZE) - 0.5).astype(np.float32)


def patches(picture: Picture) -> Picture:
    """Cut the patches at `PATCH_CENTRES` out of (S, S, 3) as they are, (5, 112, 112, 3); none sticks out of it."""
    last = picture.shape[0] - PATCH_SIDE
    cut = []
    for x, y in PATCH_CENTRES:
        left, top = (min(max(round(at * picture.shape[0]) - PATCH_SIDE // 2, 0), last) for at in (x, y))
        cut.append(picture[top : top + PATCH_SIDE, left : left + PATCH_SIDE])
    return np.stack(cut)
