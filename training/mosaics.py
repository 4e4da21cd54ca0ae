"""Pictures for the aligner, made on the fly: mosaics for the detector, windows for the landmark network.

A mosaic is one portrait that fills the canvas, several faces pasted on a face-free picture (with soft edges or as
whole photos, so that the edge gives nothing away), or a face-free picture alone. Faces are turned, mirrored, scaled,
covered and degraded; the teacher's landmarks go along.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facemorph.align.detector import REFERENCE_SCALE, STRIDE
from facemorph.align.pose import MEAN_FACE, MIRROR_ORDER, Pose
from training.degrade import cover, degrade
from training.photo_pack import PhotoPack, read_pack
from training.split import is_validation
from training.textures import textures

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


@dataclass
class Mosaic:
    """A training picture of the detector.

    Attributes:
        picture: (S, S, 3) uint8.
        faces: (N, 4) x, y, scale, roll.
        doubtful: (S/8, S/8) float32, 1 where nobody knows whether there is a face: no loss there.
    """

    picture: Picture
    faces: FloatArray
    doubtful: FloatArray


def _roll(rng: np.random.Generator) -> float:
    return float(rng.normal(0, 0.12) if rng.random() < 0.35 else rng.uniform(-1.1, 1.1))


def portrait(material: Material, size: int, rng: np.random.Generator) -> Mosaic:
    """Let one photo fill the canvas, as most photos that people choose do."""
    face = draw_face(material, rng)
    height, width = face.photo.shape[:2]
    scale = size / max(height, width) * (1.0 if rng.random() < 0.4 else np.exp(rng.uniform(-0.5, 0.7)))
    scale = min(scale, 0.46 * size / face.pose.scale)
    turn = 0.0 if rng.random() < 0.3 else _roll(rng)
    reach = size / 2 - min(size / 2, 1.15 * face.pose.scale * scale)
    x, y = size / 2 + rng.uniform(-1, 1, 2) * reach * (0.3 if rng.random() < 0.3 else 1.0)
    target = (float(x), float(y), face.pose.scale * scale, face.pose.roll + turn)
    matrix = placing(face.pose, *target)
    border = rng.random()
    if border < 0.35:
        picture = face_free(material, size, rng)
        _blend(picture, face.photo, matrix, np.full((height, width), 255, np.uint8))
    else:
        value = (int(rng.integers(256)),) * 3 if border < 0.6 else (0, 0, 0) if border < 0.8 else (255, 255, 255)
        mode = cv2.BORDER_CONSTANT if border < 0.85 or face.source == "utkface" else cv2.BORDER_REPLICATE
        picture = warp(face.photo, matrix, size, mode, value)
    doubtful = np.zeros((size // STRIDE, size // STRIDE), np.float32)
    if face.source == "lfw":
        _doubt(doubtful, target)
    return Mosaic(picture, np.array([target], np.float32), doubtful)


def _doubt(doubtful: FloatArray, target: tuple[float, float, float, float]) -> None:
    """Mark everything away from the face: press photos show bystanders that the teacher did not mark."""
    ticks = np.arange(doubtful.shape[0]) * STRIDE + (STRIDE - 1) / 2
    distance = np.hypot(ticks[None] - target[0], ticks[:, None] - target[1])
    doubtful[distance > 2.0 * target[2]] = 0.8


def _blend(canvas: Picture, photo: Picture, matrix: FloatArray, mask: Picture) -> Picture:
    """Lay `photo` with its `mask` on `canvas`, in place; return the warped mask."""
    size = canvas.shape[0]
    warped = warp(photo, matrix, size, cv2.BORDER_REPLICATE)
    soft = warp(mask, matrix, size, cv2.BORDER_CONSTANT, (0,))
    alpha = cv2.merge([soft, soft, soft])
    mixed = cv2.add(cv2.multiply(warped, alpha, scale=1 / 255), cv2.multiply(canvas, 255 - alpha, scale=1 / 255))
    np.copyto(canvas, mixed)
    return soft


def _cut_out(face: Face, rng: np.random.Generator) -> Picture:
    """Return a soft mask (H, W) of the head, or of the whole photo."""
    height, width = face.photo.shape[:2]
    if rng.random() < 0.4:
        return np.full((height, width), 255, np.uint8)
    mask = np.zeros((height, width), np.uint8)
    axes = (face.pose.scale * rng.uniform(1.25, 1.9), face.pose.scale * rng.uniform(1.5, 2.3))
    centre = (int(face.pose.x), int(face.pose.y - 0.2 * face.pose.scale))
    cv2.ellipse(mask, centre, (int(axes[0]), int(axes[1])), float(np.degrees(face.pose.roll)), 0, 360, 255, -1)
    return cv2.blur(mask, (int(rng.integers(1, 14)),) * 2, borderType=cv2.BORDER_REPLICATE)


def group(material: Material, size: int, rng: np.random.Generator) -> Mosaic:
    """Paste one to six faces on a face-free picture."""
    canvas = face_free(material, size, rng)
    targets: list[tuple[float, float, float, float]] = []
    points: list[FloatArray] = []
    covered: list[float] = []
    largest = float(np.exp(rng.uniform(np.log(0.2), np.log(0.9))))
    for _ in range(int(rng.choice([1, 2, 3, 4, 6], p=[0.35, 0.25, 0.2, 0.1, 0.1]))):
        face = draw_face(material, rng)
        part = float(np.exp(rng.uniform(np.log(0.08), np.log(largest))))
        scale = max(part * size, 17.0) / 2.2
        margin = min(1.1 * scale, size / 2)
        x, y = rng.uniform(margin, size - margin + 1e-3, 2)
        target = (float(x), float(y), scale, _roll(rng))
        if any(np.hypot(t[0] - x, t[1] - y) < 1.3 * (t[2] + scale) for t in targets):
            continue
        matrix = placing(face.pose, *target)
        mask = _blend(canvas, face.photo, matrix, _cut_out(face, rng))
        for i, earlier in enumerate(points):
            at = earlier.round().astype(int).clip(0, size - 1)
            covered[i] = max(covered[i], float((mask[at[:, 1], at[:, 0]] > 127).mean()))
        targets.append(target)
        points.append(face.landmarks @ matrix[:, :2].T + matrix[:, 2])
        covered.append(0.0)
    doubtful = np.zeros((size // STRIDE, size // STRIDE), np.float32)
    for target, part in zip(targets, covered, strict=True):
        if 0.35 < part < 0.8:
            ticks = np.arange(size // STRIDE) * STRIDE + (STRIDE - 1) / 2
            doubtful[np.hypot(ticks[None] - target[0], ticks[:, None] - target[1]) < target[2]] = 1.0
    kept = [t for t, part in zip(targets, covered, strict=True) if part <= 0.35]
    return Mosaic(canvas, np.array(kept, np.float32).reshape(-1, 4), doubtful)


def make_mosaic(material: Material, size: int, rng: np.random.Generator) -> Mosaic:
    """Make one training picture of the detector, (size, size)."""
    kind = rng.random()
    if kind < 0.42:
        mosaic = portrait(material, size, rng)
    elif kind < 0.74:
        mosaic = group(material, size, rng)
    else:
        mosaic = Mosaic(
            face_free(material, size, rng, zoom=6.0),
            np.zeros((0, 4), np.float32),
            np.zeros((size // STRIDE, size // STRIDE), np.float32),
        )
    for x, y, scale, _ in mosaic.faces:
        if rng.random() < 0.15:
            cover(mosaic.picture, x, y, scale, rng)
    mosaic.picture = degrade(mosaic.picture, rng)
    return mosaic


def targets(mosaic: Mosaic) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what to predict: heat (S/8, S/8) in [0, 1], poses (5, S/8, S/8) and their weight (S/8, S/8)."""
    cells = mosaic.doubtful.shape[0]
    heat = np.zeros((cells, cells), np.float32)
    poses = np.zeros((5, cells, cells), np.float32)
    weight = np.zeros((cells, cells), np.float32)
    columns = np.arange(cells, dtype=np.float32)
    for x, y, scale, roll in mosaic.faces:
        dx, dy = (x - (STRIDE - 1) / 2) / STRIDE - columns[None], (y - (STRIDE - 1) / 2) / STRIDE - columns[:, None]
        sigma = max(0.7, 0.18 * scale / STRIDE)
        bump = np.exp(-(dx**2 + dy**2) / (2 * sigma**2))
        nearest = np.unravel_index(int(bump.argmax()), bump.shape)
        bump[nearest] = 1.0
        own = bump > np.maximum(heat, 0.3)
        ones = np.ones_like(bump)
        values = (
            dx * ones,
            dy * ones,
            np.log(scale / REFERENCE_SCALE) * ones,
            np.cos(roll) * ones,
            np.sin(roll) * ones,
        )
        poses[:, own] = np.stack(values)[:, own]
        weight[own] = bump[own]
        heat = np.maximum(heat, bump)
    return heat, poses, weight


@dataclass
class Window:
    """A training picture of the landmark network; `landmarks` are None where it shows no face."""

    picture: Picture
    landmarks: FloatArray | None


def make_window(material: Material, size: int, rng: np.random.Generator, *, negatives: float = 0.4) -> Window:
    """Make one training window, (size, size): a face roughly in place, or something that is none."""
    if rng.random() < negatives:
        return Window(degrade(_no_face(material, size, rng), rng), None)
    face = draw_face(material, rng)
    loose = 1.0 if rng.random() < 0.6 else 0.3
    shift = rng.normal(0, 0.16, 2) * loose * face.pose.scale
    pose = Pose(
        float(face.pose.x + shift[0]),
        float(face.pose.y + shift[1]),
        float(face.pose.scale * np.exp(rng.normal(0, 0.14) * loose)),
        float(face.pose.roll + rng.normal(0, 0.28) * loose),
    )
    matrix = pose.window_from_photo(size)
    picture = warp(face.photo, matrix, size, BORDERS[rng.integers(3)], (int(rng.integers(256)),) * 3)
    landmarks = (face.landmarks @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    if rng.random() < 0.12:
        cover(picture, size / 2, size / 2, size / 3.2, rng)
    return Window(degrade(picture, rng), landmarks)


def _no_face(material: Material, size: int, rng: np.random.Generator) -> Picture:
    kind = rng.random()
    if material.hard and kind < 0.55:
        window = material.hard[rng.integers(len(material.hard))]
        window = cv2.resize(window, (size, size), interpolation=cv2.INTER_AREA)
        return cv2.flip(window, 1) if rng.random() < 0.5 else window
    if kind < 0.8:
        return face_free(material, size, rng, zoom=16.0)
    face = draw_face(material, rng)
    if kind < 0.96:  # beside the face, or far too near or too far to be one
        angle, far = rng.uniform(0, 2 * np.pi), face.pose.scale * rng.uniform(1.5, 2.4)
        factor = np.exp(rng.uniform(-0.7, 0.4))
        if rng.random() < 0.25:
            far, factor = face.pose.scale * rng.uniform(0.2, 0.8), rng.uniform(0.15, 0.35)
        x, y = face.pose.x + far * np.cos(angle), face.pose.y + far * np.sin(angle)
        pose = Pose(float(x), float(y), float(face.pose.scale * factor), float(rng.uniform(-0.8, 0.8)))
        return warp(face.photo, pose.window_from_photo(size), size, BORDERS[rng.integers(3)])
    window = warp(face.photo, face.pose.window_from_photo(size), size, cv2.BORDER_REPLICATE)
    half = size // 2
    tiles = [window[y : y + half, x : x + half] for y in (0, half) for x in (0, half)]
    order = rng.permutation(4)
    if (order == np.arange(4)).sum() > 1:
        order = np.array([3, 2, 1, 0])
    rows = [np.hstack([tiles[order[0]], tiles[order[1]]]), np.hstack([tiles[order[2]], tiles[order[3]]])]
    return np.ascontiguousarray(np.vstack(rows))
