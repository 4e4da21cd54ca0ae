"""Where a face is and which way up: the similarity between a photo and the mean face.

How a head is turned out of the picture's plane is `facemorph.head`'s.

Convention: the mean face is upright, in units of the distance between its eye centres, with the origin at the mean of
its 68 points, y downwards. A pose is its image in the photo: the origin's place `centre`, the length of the unit
`scale` in pixels, and the angle `roll` in radians by which it is turned, positive from x towards y (clockwise to the
viewer). Points are pixels with the origin at the centre of the top-left pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facemorph.errors import AlignmentError
from facemorph.head import MIRROR_ORDER

FloatArray = npt.NDArray[np.float32]

WINDOW = 3.2
"""Side of the square that the landmark network sees, in units of the mean face."""

# The right half of the mean of 8,102 frontal faces as the teacher marks them; the left half mirrors it.
_JAW = [(0.0, 1.183), (0.201, 1.16), (0.49, 1.008), (0.762, 0.766), (0.875, 0.607), (0.975, 0.396), (1.045, 0.136),
        (1.094, -0.341), (1.103, -0.564)]  # fmt: skip
_BROW = [(0.228, -0.889), (0.451, -0.923), (0.646, -0.94), (0.797, -0.902), (0.895, -0.826)]
_BRIDGE = [(0.0, -0.637), (0.0, -0.398), (0.0, -0.177), (0.0, -0.039)]
_NOSTRILS = [(0.0, 0.14), (0.129, 0.129), (0.284, 0.086)]
_EYE = [(0.275, -0.567), (0.442, -0.661), (0.602, -0.652), (0.7, -0.6), (0.568, -0.545), (0.413, -0.548)]
_UPPER_LIP = [(0.0, 0.34), (0.131, 0.319), (0.335, 0.366), (0.433, 0.418)]
_LOWER_LIP = [(0.335, 0.549), (0.134, 0.662), (0.0, 0.675)]
_UPPER_INNER = [(0.0, 0.422), (0.202, 0.41), (0.395, 0.422)]
_LOWER_INNER = [(0.2, 0.503), (0.0, 0.53)]


def _mean_face() -> FloatArray:
    points = np.zeros((68, 2), np.float32)
    right = {8: _JAW, 22: _BROW, 27: _BRIDGE, 33: _NOSTRILS, 42: _EYE, 51: _UPPER_LIP, 55: _LOWER_LIP}
    right |= {62: _UPPER_INNER, 65: _LOWER_INNER}
    for start, part in right.items():
        points[start : start + len(part)] = part
    for index, mirrored in enumerate(MIRROR_ORDER):
        if points[index, 0] == 0.0 and points[mirrored, 0] > 0.0:
            points[index] = points[mirrored] * (-1.0, 1.0)
    return points


MEAN_FACE = _mean_face()
"""(68, 2) float32, iBUG order."""


@dataclass(frozen=True)
class Pose:
    """A similarity from the mean face to a photo.

    Attributes:
        x, y: where the mean face's origin lies, in pixels.
        scale: pixels per unit, that is roughly the distance between the eyes of a frontal face.
        roll: radians, in (-pi, pi].
    """

    x: float
    y: float
    scale: float
    roll: float

    def matrix(self) -> FloatArray:
        """Return (2, 3) photo_from_mean_face."""
        cos, sin = self.scale * np.cos(self.roll), self.scale * np.sin(self.roll)
        return np.array([[cos, -sin, self.x], [sin, cos, self.y]], np.float32)

    def window_from_photo(self, size: int) -> FloatArray:
        """Return (2, 3): the similarity that brings this face upright into a window of `size` pixels."""
        scale = size / (WINDOW * self.scale)
        cos, sin = scale * np.cos(self.roll), scale * np.sin(self.roll)
        linear = np.array([[cos, sin], [-sin, cos]])
        return np.column_stack([linear, (size - 1) / 2 - linear @ (self.x, self.y)]).astype(np.float32)


def fit_pose(points: FloatArray) -> Pose:
    """Fit the pose of 68 points by least squares (Umeyama 1991, without reflection).

    Args:
        points: (68, 2) float (x, y) in photo pixels, iBUG order.

    Raises:
        AlignmentError: the points are not finite or all lie in one place.
    """
    if not np.isfinite(points).all():
        raise AlignmentError("The landmarks of this face are not finite numbers. Use another photo of the face.")
    centre = points.mean(0)
    mean = MEAN_FACE - MEAN_FACE.mean(0)
    z, w = mean[:, 0] + 1j * mean[:, 1], (points - centre)[:, 0] + 1j * (points - centre)[:, 1]
    factor = complex((w * z.conj()).sum() / (np.abs(z) ** 2).sum())
    if abs(factor) < 1e-6:
        raise AlignmentError("The landmarks of this face all lie in one place. Use another photo of the face.")
    return Pose(float(centre[0]), float(centre[1]), abs(factor), float(np.angle(factor)))


def box(points: FloatArray) -> FloatArray:
    """Return (4,) float32 x0, y0, x1, y1: the box of (N, 2) points."""
    return np.concatenate([points.min(0), points.max(0)]).astype(np.float32)
