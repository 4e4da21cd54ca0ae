"""The pose of a head from its 68 landmarks: scaled-orthographic projection, least squares.

Convention: a landmark is `scale · (rotation @ point)[:2] + translation` in pixels, x to the right, y downwards; the
head's frame is `facemorph.head.model`'s. rotation = Rz(roll) · Ry(yaw) · Rx(pitch). Yaw is positive where the nose
points to the viewer's right, pitch where it points up, roll where the head leans clockwise to the viewer. A mirrored
picture has the opposite yaw and roll and the same pitch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facemorph.head.landmarks import TRUST, near
from facemorph.head.model import Head

Array = npt.NDArray[np.float64]

ROUNDS = 12
"""Gauss-Newton steps; most faces stand still after 5."""
TOLERANCE = 0.12
"""Distance from the head, in eye distances, at which a landmark counts a quarter: half-open mouths, raised brows."""
LARGEST_REST = 0.12
"""Weighted root mean square of the landmarks' distances from the head, in eye distances, that a face may have."""
LARGEST_TURN, LARGEST_NOD = 85.0, 65.0
"""Degrees of yaw and pitch; beyond, half of the landmarks would be hidden."""

SMALLEST, FARTHEST = 1e-3, 1e6
"""Pixels that landmarks span at least, and how far from a picture's corner they may lie."""


@dataclass(frozen=True)
class HeadPose:
    """How a head is turned; the signs are those of `facemorph.head.fit`.

    Attributes:
        yaw: degrees, positive where the nose points to the viewer's right.
        pitch: degrees, positive where it points up.
        roll: degrees in (-180, 180], positive where the head leans clockwise to the viewer.
        told: False where no head explains the landmarks: then yaw and pitch are 0.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    told: bool = False


UNTOLD = HeadPose()
"""The pose of what no head explains."""


@dataclass(frozen=True)
class HeadFit:
    """Where a head is in a picture.

    Attributes:
        rotation: (3, 3) float64.
        scale: pixels per eye distance of the head, positive.
        translation: (2,) float64, the pixel of the head's origin.
        rest: weighted root mean square of the landmarks' distances from the mean head, in eye distances.
        told: False where no head explains the landmarks: then the rotation has neither yaw nor pitch.
    """

    rotation: Array
    scale: float
    translation: Array
    rest: float
    told: bool

    @property
    def pose(self) -> HeadPose:
        """The rotation in degrees."""
        yaw, pitch, roll = (float(angle[0]) for angle in angles(self.rotation[None]))
        return HeadPose(yaw, pitch, roll, self.told)

    def project(self, points: npt.ArrayLike) -> Array:
        """Bring (..., 3) points of the head into the picture: (..., 3), x and y in pixels, and depth.

        Depth is in pixels too, and larger where it is nearer to the viewer.
        """
        turned = self.scale * (np.asarray(points, np.float64) @ self.rotation.T)
        turned[..., :2] += self.translation
        return turned


def fit_head(head: Head, landmarks: npt.ArrayLike) -> HeadFit:
    """Fit the pose of a face; nothing is raised, whatever the landmarks are.

    Args:
        head: the mean head.
        landmarks: (68, 2) float (x, y) in pixels of any picture, iBUG order.
    """
    marked = np.asarray(landmarks, np.float64)
    if not np.abs(marked).max() < FARTHEST or np.ptp(marked, axis=0).max() < SMALLEST:  # the first is False of NaN
        return HeadFit(np.eye(3), 1.0, np.zeros(2), float("inf"), told=False)
    points = head.points.astype(np.float64)
    poses = fit_poses(points, marked[None])
    yaw, pitch, _ = (float(angle[0]) for angle in angles(poses.rotation))
    rest = float(poses.rest[0])
    if rest < LARGEST_REST and abs(yaw) < LARGEST_TURN and abs(pitch) < LARGEST_NOD:
        return HeadFit(poses.rotation[0], float(poses.scale[0]), poses.translation[0], rest, told=True)
    return _frontal(points, marked, rest)


def _frontal(points: Array, marked: Array, rest: float) -> HeadFit:
    """Fit roll, scale and translation alone (Umeyama 1991)."""
    centred, middle = points - points.mean(0), marked.mean(0)
    z, w = centred[:, 0] + 1j * centred[:, 1], (marked - middle)[:, 0] + 1j * (marked - middle)[:, 1]
    factor = complex((w * z.conj()).sum() / (np.abs(z) ** 2).sum())
    scale, roll = max(abs(factor), 1e-6), float(np.angle(factor))
    rotation = rotations(*(np.array([angle]) for angle in (0.0, 0.0, np.degrees(roll))))[0]
    translation = middle - scale * (rotation @ points.mean(0))[:2]
    return HeadFit(rotation, scale, translation, rest, told=False)


@dataclass(frozen=True)
class Poses:
    """The poses of N faces.

    Attributes:
        rotation: (N, 3, 3).
        scale: (N,) pixels per unit of the head.
        translation: (N, 2) pixels.
        weights: (N, 68) how far each landmark counts in the end.
        rest: (N,) weighted root mean square of the landmarks' distances, in units of the head; robust weights left out.
    """

    rotation: Array
    scale: Array
    translation: Array
    weights: Array
    rest: Array


def fit_poses(points: Array, landmarks: Array, rounds: int = ROUNDS) -> Poses:
    """Fit N poses at once: affine first, then Gauss-Newton on rotation and log scale, far jaws and outliers down.

    Args:
        points: (68, 3) of the head.
        landmarks: (N, 68, 2) pixels, finite.
        rounds: Gauss-Newton steps.
    """
    rotation, scale = _affine_start(points, landmarks)
    for _ in range(rounds):
        weights, trust, turned, rest, _ = _compare(points, landmarks, rotation, scale)
        a, b, c = (turned[..., axis] for axis in range(3))
        none = np.zeros_like(a)
        # d(x, y) for turns about x, y, z (from the left) and for the logarithm of the scale, in units of the head
        jacobian = np.stack([none, -c, c, none, -b, a, a, b], -1).reshape(*a.shape, 4, 2)
        weighted = jacobian * weights[..., None, None]
        normal = np.einsum("npik,npjk->nij", weighted, jacobian) + 1e-9 * np.eye(4)
        step = np.linalg.solve(normal, np.einsum("npik,npk->ni", weighted, rest)[..., None])[..., 0]
        step *= np.minimum(1.0, 0.5 / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-12))
        rotation, scale = exponential(step[:, :3]) @ rotation, scale * np.exp(step[:, 3])
    weights, trust, _, rest, translation = _compare(points, landmarks, rotation, scale)
    distance = np.sqrt((trust * (rest**2).sum(-1)).sum(1) / trust.sum(1))
    return Poses(rotation, scale, translation, weights, distance)


def _affine_start(points: Array, landmarks: Array) -> tuple[Array, Array]:
    """Return the rotations and scales nearest to affine least squares."""
    weights = TRUST / TRUST.sum()
    centred = points - weights @ points
    solver = np.linalg.inv(centred.T @ (centred * weights[:, None])) @ (centred * weights[:, None]).T
    affine = (solver @ landmarks).transpose(0, 2, 1)  # (N, 2, 3); the columns of `solver` sum to 0
    u, sizes, v = np.linalg.svd(affine, full_matrices=False)
    first = u @ v
    rotation = np.concatenate([first, np.cross(first[:, 0], first[:, 1])[:, None]], 1)
    return rotation, np.maximum(sizes.mean(1), 1e-6)


def _compare(
    points: Array, landmarks: Array, rotation: Array, scale: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """Compare landmarks with the head, the translation being the best one.

    Returns:
        weights, trust: (N, 68) with and without the robust part.
        turned: (N, 68, 3) points of the turned head, centred by `weights`.
        rest: (N, 68, 2) from them to the landmarks, in units of the head.
        translation: (N, 2) pixels.
    """
    trust = TRUST * near(angles(rotation)[0])
    turned = points @ rotation.transpose(0, 2, 1)
    offset = landmarks / scale[:, None, None] - turned[..., :2]
    middle = np.median(offset, axis=1, keepdims=True)
    distance = np.linalg.norm(offset - middle, axis=-1)
    weights = trust / (1 + (distance / TOLERANCE) ** 2) ** 2  # Geman and McClure 1987
    part = weights / weights.sum(1, keepdims=True)
    mean = np.einsum("np,npk->nk", part, offset)
    centred = turned - np.einsum("np,npk->nk", part, turned)[:, None]
    return weights, trust, centred, offset - mean[:, None], mean * scale[:, None]


def exponential(turn: Array) -> Array:
    """Return the rotations (N, 3, 3) about the axes `turn` (N, 3) by their length in radians (Rodrigues)."""
    angle = np.linalg.norm(turn, axis=1)[:, None, None]
    x, y, z = turn.T
    none = np.zeros_like(x)
    cross = np.stack([none, -z, y, z, none, -x, -y, x, none], -1).reshape(-1, 3, 3)
    half = np.sinc(angle / (2 * np.pi))  # sin(angle / 2) / (angle / 2)
    return np.asarray(np.eye(3) + np.sinc(angle / np.pi) * cross + 0.5 * half**2 * cross @ cross)


def rotations(yaw: Array, pitch: Array, roll: Array) -> Array:
    """Return (N, 3, 3) rotations of (N,) angles in degrees; `angles` undoes it."""
    a, b, c = (np.radians(angle) for angle in (yaw, pitch, roll))
    zero, one = np.zeros_like(a), np.ones_like(a)

    def matrix(*entries: Array) -> Array:
        return np.stack(entries, -1).reshape(-1, 3, 3)

    about_y = matrix(np.cos(a), zero, np.sin(a), zero, one, zero, -np.sin(a), zero, np.cos(a))
    about_x = matrix(one, zero, zero, zero, np.cos(b), -np.sin(b), zero, np.sin(b), np.cos(b))
    about_z = matrix(np.cos(c), -np.sin(c), zero, np.sin(c), np.cos(c), zero, zero, zero, one)
    return np.asarray(about_z @ about_y @ about_x)


def angles(rotation: Array) -> tuple[Array, Array, Array]:
    """Return yaw in [-90, 90], pitch and roll in (-180, 180], (N,) degrees each, of (N, 3, 3) rotations."""
    yaw = np.degrees(np.arcsin(np.clip(-rotation[:, 2, 0], -1.0, 1.0)))
    pitch = np.degrees(np.arctan2(rotation[:, 2, 1], rotation[:, 2, 2]))
    roll = np.degrees(np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0]))
    return yaw, pitch, roll
