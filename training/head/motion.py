"""The 68 points of the mean head from photos of many people: structure from motion by alternating least squares.

After Tomasi and Kanade 1992 (affine factorisation) with rotations kept orthonormal: poses from the points
(`facemorph.head.fit`), then each point from all poses, mirror-symmetric; again, until nothing moves.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facemorph.align.pose import MEAN_FACE
from facemorph.head.fit import Poses, angles, fit_poses
from facemorph.head.landmarks import LEFT_EYE, MIRROR_ORDER, MOUTH_CORNERS, RIGHT_EYE

Array = npt.NDArray[np.float64]

MIRROR = np.diag([-1.0, 1.0, 1.0])
YAW_BIN = 5.0
"""Degrees; photos count so that each bin of yaw weighs alike."""
FEWEST = 30
"""Photos that a bin counts as having at least: a few odd ones shall not weigh as much as a thousand."""


def crude_points() -> Array:
    """Return (68, 3) to start from: the flat mean face on a cylinder, with a nose."""
    points = np.column_stack([MEAN_FACE, -0.6 * MEAN_FACE[:, 0] ** 2]).astype(np.float64)
    points[27:31, 2] += np.linspace(0.15, 0.6, 4)
    points[31:36, 2] += 0.35
    return normalised(points)


def normalised(points: Array) -> Array:
    """Bring (68, 3) points into the head's frame: origin, unit, and mouth corners as far in front as the eyes."""
    eyes = points[LEFT_EYE].mean(0), points[RIGHT_EYE].mean(0)
    centred = (points - (eyes[0] + eyes[1]) / 2) / np.linalg.norm(eyes[1] - eyes[0])
    _, y, z = centred[MOUTH_CORNERS].mean(0)
    cos, sin = np.array([y, z]) / np.hypot(y, z)
    return np.asarray(centred @ np.array([[1, 0, 0], [0, cos, sin], [0, -sin, cos]]).T)


def photo_weights(poses: Poses) -> Array:
    """Return (N,) weights: bins of yaw alike, photos that fit badly down."""
    bins = np.round(angles(poses.rotation)[0] / YAW_BIN).astype(int)
    _, inverse, counts = np.unique(np.abs(bins), return_inverse=True, return_counts=True)
    odd = 1 + (poses.rest / np.median(poses.rest)) ** 4
    return np.asarray(1 / np.maximum(counts, FEWEST)[inverse] / odd)


def solve_points(landmarks: Array, poses: Poses) -> Array:
    """Return the (68, 3) symmetric points that explain N faces best, (N, 68, 2) landmarks."""
    first = poses.rotation[:, :2]
    seen = (landmarks - poses.translation[:, None]) / poses.scale[:, None, None]
    weights = poses.weights * photo_weights(poses)[:, None]
    normal = np.einsum("np,nki,nkj->pij", weights, first, first)
    right = np.einsum("np,nki,npk->pi", weights, first, seen)
    normal = normal + MIRROR @ normal[MIRROR_ORDER] @ MIRROR
    right = right + right[MIRROR_ORDER] @ MIRROR
    return np.asarray(np.linalg.solve(normal, right[..., None])[..., 0])


def structure_from_motion(landmarks: Array, rounds: int = 20) -> tuple[Array, Poses]:
    """Return the (68, 3) points of the mean head, in its frame, and the poses of (N, 68, 2) landmarks."""
    points = crude_points()
    for round_index in range(rounds):
        before = points
        points = normalised(solve_points(landmarks, fit_poses(points, landmarks)))
        print(
            f"round {round_index}: points moved by {np.linalg.norm(points - before, axis=1).mean():.5f} eye distances"
        )
    return points, fit_poses(points, landmarks)
