"""What pictures for the aligner are made of: photos with the teacher's landmarks, and face-free pictures."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facemorph.align.pose import MEAN_FACE, Pose
from facemorph.head import MIRROR_ORDER
from training.aligner.textures import textures
from training.data.photo_pack import PhotoPack, read_pack
from training.data.split import is_validation

Picture = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
NUM_TEXTURES = 150
"""Made in addition to the real face-free pictures."""
BORDERS = (cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT_101, cv2.BORDER_CONSTANT)


@dataclass
class Material:
    """Training photos with their landmarks and poses, and face-free pictures (RGBA)."""

    pack: PhotoPack
    rows: npt.NDArray[np.int64]
    poses: FloatArray
    negatives: list[Picture]
    hard: list[Picture] = field(default_factory=list)

    def part(self, place: int, batch: int) -> Material:
        """Return the material whose photos belong to one place of a batch (`training.loop.distributed`)."""
        return replace(self, rows=self.rows[place::batch])


def load_material(packed: Path, *, hard: Path | None = None) -> Material:
    """Read `photos` and `negatives.npz` of the folder `packed`, the training part of both."""
    pack = read_pack(packed / "photos")
    rows = training_rows(pack.people)
    archive = np.load(packed / "negatives.npz")
    negatives = [_opaque(archive[f"picture_{i}"]) for i in np.flatnonzero(~archive["validation"])]
    negatives += textures(NUM_TEXTURES, np.random.default_rng(0))
    mined = list(np.load(hard)["windows"]) if hard is not None and hard.exists() else []
    return Material(pack, rows, fit_poses(pack.landmarks), negatives, mined)


def training_rows(people: npt.NDArray[np.str_]) -> npt.NDArray[np.int64]:
    """Return which photos show nobody who is kept for validation."""
    return np.array([i for i, person in enumerate(people) if not is_validation(str(person))])


def _opaque(picture: Picture) -> Picture:
    """Drop the alpha channel where it says nothing; halve large transparent pictures, they are slow to flatten."""
    if picture[..., 3].min() == 255:
        return np.ascontiguousarray(picture[..., :3])
    return cv2.resize(picture, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)


def fit_poses(landmarks: FloatArray) -> FloatArray:
    """Fit (N, 4) poses (x, y, scale, roll) to (N, 68, 2) landmarks; `fit_pose` for many."""
    centres = landmarks.mean(1)
    points, mean = landmarks - centres[:, None], MEAN_FACE - MEAN_FACE.mean(0)
    z, w = mean[:, 0] + 1j * mean[:, 1], points[..., 0] + 1j * points[..., 1]
    factors = (w * z.conj()).sum(1) / (np.abs(z) ** 2).sum()
    return np.column_stack([centres, np.abs(factors), np.angle(factors)]).astype(np.float32)


@dataclass(frozen=True)
class Face:
    """A training photo with its face, mirrored or not."""

    photo: Picture
    landmarks: FloatArray
    pose: Pose
    source: str


def draw_face(material: Material, rng: np.random.Generator) -> Face:
    """Take a photo at random, half of the time its mirror image."""
    row = int(material.rows[rng.integers(len(material.rows))])
    photo, landmarks = material.pack.photo(row), material.pack.landmarks[row]
    x, y, scale, roll = (float(v) for v in material.poses[row])
    if rng.random() < 0.5:
        right = photo.shape[1] - 1
        photo = cv2.flip(np.asarray(photo), 1)
        landmarks = (landmarks * (-1, 1) + (right, 0)).astype(np.float32)[MIRROR_ORDER]
        x, roll = right - x, -roll
    return Face(np.asarray(photo), landmarks, Pose(x, y, scale, roll), str(material.pack.sources[row]))


def warp(photo: Picture, matrix: FloatArray, size: int, border: int, value: tuple[int, ...] = (0, 0, 0)) -> Picture:
    """Sample `photo` by a (2, 3) canvas_from_photo matrix, reducing it first where it shrinks."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.65:
        height, width = photo.shape[:2]
        small = (max(2, round(width * scale * 1.3)), max(2, round(height * scale * 1.3)))
        photo = cv2.resize(photo, small, interpolation=cv2.INTER_AREA)
        fx, fy = width / small[0], height / small[1]
        offset = matrix[:, :2] @ ((fx - 1) / 2, (fy - 1) / 2) + matrix[:, 2]
        matrix = np.column_stack([matrix[:, :2] * (fx, fy), offset])
    flags = cv2.INTER_LINEAR
    return cv2.warpAffine(
        photo, matrix.astype(np.float64), (size, size), flags=flags, borderMode=border, borderValue=value
    )


def placing(pose: Pose, x: float, y: float, scale: float, roll: float) -> FloatArray:
    """Return (2, 3): the similarity that brings a face of `pose` to (x, y, scale, roll)."""
    factor, angle = scale / pose.scale, roll - pose.roll
    cos, sin = factor * np.cos(angle), factor * np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([linear, (x, y) - linear @ (pose.x, pose.y)]).astype(np.float32)


def flatten(picture: Picture, rng: np.random.Generator) -> Picture:
    """Lay an RGBA picture on a plain colour."""
    if picture.shape[2] == 3:
        return picture
    colour = rng.integers(0, 256, 3) if rng.random() < 0.6 else np.full(3, rng.choice([0, 255]))
    alpha = cv2.cvtColor(np.ascontiguousarray(picture[..., 3]), cv2.COLOR_GRAY2RGB)
    plain = np.empty_like(alpha)
    plain[:] = colour
    return cv2.add(
        cv2.multiply(np.ascontiguousarray(picture[..., :3]), alpha, scale=1 / 255),
        cv2.multiply(plain, 255 - alpha, scale=1 / 255),
    )


def face_free(material: Material, size: int, rng: np.random.Generator, *, zoom: float = 2.7) -> Picture:
    """Return a (size, size, 3) face-free picture, magnified up to `zoom` times: seldom plain, a gradient or noise."""
    kind = rng.random()
    if kind < 0.1:
        corners = (
            rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
            if kind < 0.06
            else np.tile(rng.integers(0, 256, 3), (2, 2, 1)).astype(np.uint8)
        )
        return cv2.resize(corners, (size, size), interpolation=cv2.INTER_LINEAR)
    if kind < 0.15:
        coarse = int(rng.integers(4, size))
        grain = rng.integers(0, 256, (coarse, coarse, 3 if kind < 0.12 else 1), dtype=np.uint8)
        return cv2.resize(
            np.broadcast_to(grain, (coarse, coarse, 3)).copy(), (size, size), interpolation=cv2.INTER_LINEAR
        )
    picture = flatten(material.negatives[rng.integers(len(material.negatives))], rng)
    height, width = picture.shape[:2]
    scale = size / max(height, width) * np.exp(rng.uniform(-0.1, np.log(zoom)))
    angle = 0.0 if rng.random() < 0.5 else rng.uniform(-0.8, 0.8)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    if rng.random() < 0.5:
        linear = linear @ np.diag([-1, 1])
    anchor = rng.uniform(0.15, 0.85, 2) * (width, height)
    matrix = np.column_stack([linear, (size / 2, size / 2) - linear @ anchor])
    return warp(picture, matrix, size, BORDERS[rng.integers(3)], tuple(int(v) for v in rng.integers(0, 256, 3)))
