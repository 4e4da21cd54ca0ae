"""What the ghost detector learns from: warped photos of one person, and warp-and-dissolve middles of two.

Both kinds go through the same warps and the same degradations, so that neither resampling nor blur, nor noise, nor
compression, nor an autoencoder's softness tells them apart: two faces in one place does.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from facemorph import images
from facemorph.models import Autoencoder
from facemorph.morph import warp
from judges.rivals import delaunay
from training.data.crops import PackedCrops

SIZE = 128
GHOST_ALPHAS = (0.3, 0.7)
REAL_ALPHAS = (0.0, 0.7)
"""How far a real face is warped towards another person's landmarks; nobody dissolves into anybody."""

Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]
Rng = np.random.Generator
Rows = npt.NDArray[np.int64]
Alphas = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Faces:
    """Crops of one side of the split: images (N, 128, 128, 3) uint8, landmarks (N, 68, 2), person and source (N,)."""

    images: Picture
    landmarks: Points
    person: npt.NDArray[np.str_]
    source: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.images)

    def at(self, rows: npt.NDArray[np.int64]) -> Faces:
        """Return the crops at `rows`."""
        return Faces(self.images[rows], self.landmarks[rows], self.person[rows], self.source[rows])


def read_faces(path: Path, *, validation: bool) -> Faces:
    """Read one side of the split, without the tight UTKFace chips: no random pair of the benchmark has them."""
    crops = PackedCrops(path, validation=validation)
    kept = crops.source != "utkface"
    return Faces(crops.images[kept], crops.landmarks[kept], crops.person[kept], crops.source[kept])


def draw_alphas(ghost: bool, rng: Rng, count: int) -> Alphas:
    """Return how far (count,) faces go towards another's, as ghosts or as real ones."""
    return rng.uniform(*(GHOST_ALPHAS if ghost else REAL_ALPHAS), count)


def thin_plate_batch(crops: Faces, a: Rows, b: Rows, ghost: bool, alphas: Alphas) -> Picture:
    """Warp the crops at `a` by `alphas` towards the landmarks of those at `b` (B,); mix the latter in where `ghost`."""
    alpha = torch.from_numpy(alphas)
    points = [torch.stack([warp.control_points(crops.landmarks[i], SIZE) for i in index]) for index in (a, b)]
    flows = warp.backward_flows(torch.lerp(*points, alpha.view(-1, 1, 1)), *points)
    mixed = warp.warp(images.to_tensor(crops.images[a]), flows[0])
    if ghost:
        other = warp.warp(images.to_tensor(crops.images[b]), flows[1])
        mixed = torch.lerp(mixed, other, alpha.float().view(-1, 1, 1, 1))
    return images.to_uint8(mixed)


def delaunay_one(a: Picture, b: Picture, points_a: Points, points_b: Points, alpha: float, ghost: bool) -> Picture:
    """Warp by OpenCV's triangles; mix `b` in where `ghost`. Crops (128, 128, 3), landmarks (68, 2) in their pixels."""
    source = [delaunay.with_border(points, SIZE) for points in (points_a, points_b)]
    mesh = delaunay.triangles((source[0] + source[1]) / 2, SIZE)
    target = ((1 - alpha) * source[0] + alpha * source[1]).astype(np.float32)
    mixed = delaunay.warp_triangles(a, source[0], target, mesh)
    if ghost:
        mixed = (1 - alpha) * mixed + alpha * delaunay.warp_triangles(b, source[1], target, mesh)
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def delaunay_batch(crops: Faces, a: Rows, b: Rows, ghost: bool, alphas: Alphas) -> Picture:
    """As `thin_plate_batch`, by OpenCV's triangles."""
    return np.stack(
        [
            delaunay_one(crops.images[i], crops.images[j], crops.landmarks[i], crops.landmarks[j], float(alpha), ghost)
            for i, j, alpha in zip(a, b, alphas, strict=True)
        ]
    )


def draw_people(crops: Faces, count: int, rng: Rng) -> tuple[Rows, Rows]:
    """Return the rows (count,) of `count` random pairs of different people of one source."""
    a = rng.integers(0, len(crops), count)
    b = rng.integers(0, len(crops), count)
    for _ in range(1000):
        wrong = (crops.person[a] == crops.person[b]) | (crops.source[a] != crops.source[b])
        if not wrong.any():
            break
        b[wrong] = rng.integers(0, len(crops), int(wrong.sum()))
    return a, b


def reencode(pictures: Picture, model: Autoencoder) -> Picture:
    """Return the reconstructions of (N, 128, 128, 3) by an autoencoder."""
    with torch.inference_mode():
        return images.to_uint8(model.decode(model.encode(images.to_tensor(pictures)).mode()))


def degrade(picture: Picture, rng: Rng) -> Picture:
    """Mirror a (128, 128, 3) picture at random, change its tones, sharpness and noise, and compress it."""
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    x = picture.astype(np.float32)
    if rng.random() < 0.7:  # contrast too: a mix of two pictures has less of it
        mean = x.mean((0, 1), keepdims=True)
        x = (x - mean) * rng.uniform(0.7, 1.4) + mean + rng.uniform(-25, 25) + rng.uniform(-8, 8, 3)
    if rng.random() < 0.15:
        x = np.repeat(x.mean(2, keepdims=True), 3, 2)
    if rng.random() < 0.4:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.3, 1.3))
    if rng.random() < 0.4:
        x = x + rng.uniform(0.2, 1.5) * (x - cv2.GaussianBlur(x, (0, 0), rng.uniform(0.6, 2.0)))
    if rng.random() < 0.4:
        x = x + rng.normal(0, rng.uniform(1, 8), (*x.shape[:2], 1 if rng.random() < 0.5 else 3)).astype(np.float32)
    output = np.ascontiguousarray(x.clip(0, 255).astype(np.uint8))
    if rng.random() < 0.5:
        buffer = io.BytesIO()
        kind = "JPEG" if rng.random() < 0.5 else "WEBP"
        Image.fromarray(output).save(
            buffer, kind, quality=int(rng.integers(40, 96)), **({"method": 0} if kind == "WEBP" else {})
        )
        output = np.array(Image.open(buffer))
    return output
