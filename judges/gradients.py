"""Gradient energy: does the middle of a morph have the sharpness of its ends?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def gradient_magnitude(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the mean magnitude of the gradient of the gray of (..., S, S, 3) pictures, (...)."""
    gray = pictures.astype(np.float64).mean(-1)
    across, down = np.diff(gray, axis=-1)[..., :-1, :], np.diff(gray, axis=-2)[..., :, :-1]
    return np.hypot(across, down).mean((-1, -2))


def gradient_energy(middle: npt.NDArray[np.uint8], ends: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the gradient magnitude of middle frames against the mean of their ends'.

    No network. 1 is as sharp as the photos; a blend of two pictures that don't agree loses contrast and falls below.

    Args:
        middle: (P, S, S, 3) uint8, the frames at alpha 0.5.
        ends: (P, 2, S, S, 3) uint8, the aligned photos.

    Returns:
        (P,).
    """
    return gradient_magnitude(middle) / gradient_magnitude(ends).mean(1)
