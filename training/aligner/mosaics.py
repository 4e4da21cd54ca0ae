"""Pictures for the detector, made on the fly.

A mosaic is one portrait that fills the canvas, several faces pasted on a face-free picture (with soft edges or as
whole photos, so that the edge gives nothing away), or a face-free picture alone. Faces are turned, mirrored, scaled,
covered and degraded; the teacher's landmarks go along.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facemorph.align.detector import REFERENCE_SCALE, STRIDE
from training.aligner.material import Face, FloatArray, Material, Picture, draw_face, face_free, placing, warp
from training.data.degrade import cover, degrade


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
