"""Pictures for the landmark network, made on the fly: a face roughly in place, or something that is none."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facemorph.align.pose import Pose
from training.aligner.material import BORDERS, FloatArray, Material, Picture, draw_face, face_free, warp
from training.data.degrade import cover, degrade


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
