"""A face's own head: the mean head, moved so that its landmarks lie where the photo shows them.

A photo shows two coordinates of three. Of what is symmetric, the two sides of a turned face are two views of one
point, which tell its depth too (Rothwell et al. 1993); the rest moves in the plane of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facemorph.head.fit import HeadFit
from facemorph.head.landmarks import MIRROR_ORDER, near
from facemorph.head.model import FloatArray, Head

RESTRAINT = 0.12
"""Pulls the symmetric part to the mean head, where both views tell little: the depth of frontal faces."""
MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class OwnHead:
    """The head of one face, in the head's frame.

    Attributes:
        points: (68, 3) float32; projected by the face's fit they are its landmarks, but for the jaw on the far side,
            which comes from the near one.
        surface: (rows, columns, 3) float32, as that of the mean head.
    """

    points: FloatArray
    surface: FloatArray

    def normals(self) -> FloatArray:
        """Return the outward unit normals of the surface, (rows, columns, 3)."""
        return grid_normals(self.surface)


def own_head(head: Head, fit: HeadFit, landmarks: npt.ArrayLike) -> OwnHead:
    """Give a face its own head; where no head explains the landmarks (`fit.told` is False) it is the mean one.

    Args:
        head: the mean head.
        fit: of these landmarks.
        landmarks: (68, 2) float (x, y) in pixels, iBUG order.
    """
    if not fit.told:
        return OwnHead(head.points, head.surface)
    moved = own_moves(head, fit, np.asarray(landmarks, np.float64)).astype(np.float32)
    surface = head.surface + (head.spread @ moved).reshape(head.surface.shape)
    return OwnHead(head.points + moved, surface)


def own_moves(head: Head, fit: HeadFit, landmarks: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how far each of the 68 points of this face lies from the mean head's, (68, 3)."""
    view = fit.rotation[:2]
    rest = (landmarks - fit.translation) / fit.scale - head.points @ view.T
    seen = near(np.array([fit.pose.yaw]))[0]
    normal = seen[:, None, None] * (view.T @ view)
    right = seen[:, None] * (rest @ view)
    normal = normal + normal[MIRROR_ORDER] * MIRROR * MIRROR[:, None] + RESTRAINT * np.eye(3)
    right = right + right[MIRROR_ORDER] * MIRROR
    symmetric = np.linalg.solve(normal, right[..., None])[..., 0]
    return np.asarray(symmetric + seen[:, None] * (rest - symmetric @ view.T) @ view)


def grid_normals(surface: FloatArray) -> FloatArray:
    """Return the outward unit normals, (rows, columns, 3) float32, of a surface of the head's grid."""
    down, across = np.gradient(surface, axis=0), np.gradient(surface, axis=1)
    normals = np.cross(across, down)
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9), np.float32)
