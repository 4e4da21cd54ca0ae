"""Gradient energy: does the middle of a morph have the sharpness of its ends?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]
FEATURES = (slice(36, 42), slice(42, 48), slice(48, 68))
"""Landmarks of both eyes and the mouth."""
MARGIN = 0.25
"""What a box has on each side around the landmarks, in parts of their width."""


def gradient_magnitude(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the mean magnitude of the gradient of the gray of (..., H, W, 3) pictures, (...)."""
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


def feature_magnitude(picture: npt.NDArray[np.uint8], landmarks: Points) -> float:
    """Return the mean of the gradient magnitudes in the boxes of both eyes and the mouth of (S, S, 3).

    Args:
        picture: uint8.
        landmarks: (68, 2) in its pixels.
    """
    values = []
    for part in FEATURES:
        points = landmarks[part]
        margin = MARGIN * np.ptp(points[:, 0])
        (x0, y0), (x1, y1) = ((end).round().astype(int) for end in (points.min(0) - margin, points.max(0) + margin))
        values.append(gradient_magnitude(picture[max(y0, 0) : y1 + 1, max(x0, 0) : x1 + 1]))
    return float(np.mean(values))


def feature_energy(
    middle: npt.NDArray[np.uint8], ends: npt.NDArray[np.uint8], landmarks: tuple[Points, Points]
) -> float:
    """Return the gradient magnitude of a middle's eyes and mouth against the mean of its ends' in theirs.

    Args:
        middle: (S, S, 3) uint8, the frame at alpha 0.5, whose landmarks are taken to be halfway.
        ends: (2, S, S, 3) uint8.
        landmarks: (68, 2) of each end.
    """
    own = feature_magnitude(middle, (landmarks[0] + landmarks[1]) / 2)
    return own / float(np.mean([feature_magnitude(*end) for end in zip(ends, landmarks, strict=True)]))
