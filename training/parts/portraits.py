"""Labelled portraits in memory, and views of them: a picture, its map of parts and its landmarks in one frame.

Convention: matrices are (2, 3) affine maps of pixel coordinates with the origin at the centre of the top-left pixel;
`view_from_canvas` maps a point of a canvas (`labels`) to the view.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facemorph.head import MIRROR_ORDER
from facemorph.models.parts_parser import CLASSES, MIRRORED
from training.parts.labels import IGNORE, FloatArray, Picture, groups_of, warp_labels

CROP_PART = 0.8
"""Side of the canonical crop as a part of a canvas's."""
BROWS, BROW_ROOTS, NOSE_TIP = slice(17, 27), (21, 22), 30
FOREHEAD = 0.5
"""Lift of the brows (`face_hull`) that reaches the middle of most foreheads."""
SKIN, GLASSES, HAIR, HAT = (CLASSES.index(name) for name in ("skin", "glasses", "hair", "hat"))
MIRROR_TABLE = np.array([*MIRRORED, *range(len(MIRRORED), 256)], np.uint8)


@dataclass(frozen=True)
class View:
    """One portrait in one frame.

    Attributes:
        image: (s, s, 3) uint8 RGB.
        label: (s, s) uint8, classes of `facemorph.models.parts_parser.CLASSES`, 255 where nothing is known.
        landmarks: (68, 2) float32, pixels of the frame, iBUG order.
    """

    image: Picture
    label: Picture
    landmarks: FloatArray


@dataclass(frozen=True)
class Portraits:
    """N portraits.

    Attributes:
        image: (N, c, c, 3) uint8 RGB canvases.
        label: (N, c, c) uint8.
        landmarks: (N, 68, 2) float32, pixels of the canvas.
    """

    image: Picture
    label: Picture
    landmarks: FloatArray

    def __len__(self) -> int:
        return len(self.image)

    @property
    def canvas(self) -> int:
        """Side of the canvases in pixels."""
        return int(self.image.shape[1])

    def view(self, index: int, matrix: FloatArray, side: int) -> View:
        """Return a portrait as `matrix`, view_from_canvas, shows it in a frame of `side` pixels."""
        image = cv2.warpAffine(
            self.image[index], matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        points = self.landmarks[index] @ matrix[:, :2].T + matrix[:, 2]
        label = warp_labels(self.label[index], matrix, side)
        if np.linalg.det(matrix[:, :2]) < 0:
            label, points = MIRROR_TABLE[label], points[MIRROR_ORDER]
        return View(image, label, points.astype(np.float32))

    def canonical(self, index: int, side: int) -> View:
        """Return the canonical crop of a portrait, `side` pixels at most the crop's own, reduced without aliasing."""
        margin = round(self.canvas * (1 - CROP_PART) / 2)
        inner = slice(margin, self.canvas - margin)
        image, label = self.image[index, inner, inner], self.label[index, inner, inner]
        factor = side / len(image)
        at = np.floor((np.arange(side) + 0.5) / factor).astype(int)
        points = (self.landmarks[index] - margin + 0.5) * factor - 0.5
        reduced = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        return View(reduced, label[np.ix_(at, at)], points.astype(np.float32))


def read_portraits(path: Path, rows: npt.NDArray[np.bool_] | None = None) -> Portraits:
    """Read a file of `labels` or `pseudo`, those of `rows` only."""
    with np.load(path) as packed:
        columns = [packed[key] if rows is None else packed[key][rows] for key in ("image", "label", "landmarks")]
    return Portraits(*columns)


def read_split(path: Path, held_back: int = 40) -> tuple[Portraits, Portraits, Portraits]:
    """Return training, held-back and validation portraits of a file of `labels`.

    The held-back ones are training people who are looked at while a training runs, `held_back` of them.
    """
    with np.load(path) as packed:
        validation, group = packed["validation"], groups_of(packed["embedding"])
    drawn = np.random.default_rng(1).permutation(np.unique(group[~validation]))[:held_back]
    aside = ~validation & np.isin(group, drawn)
    return tuple(read_portraits(path, rows) for rows in (~validation & ~aside, aside, validation))  # type: ignore[return-value]


def face_hull(landmarks: FloatArray, side: int, lift: float = 1.0) -> Picture:
    """Return (side, side) uint8, 1 on the face and above it, where hair hides skin or ends.

    The hull of the 68 points and of the brows' points lifted by `lift` times the way from the nose tip to their roots.
    """
    way = landmarks[list(BROW_ROOTS)].mean(0) - landmarks[NOSE_TIP]
    points = np.concatenate([landmarks, landmarks[BROWS] + lift * way])
    hull = cv2.convexHull(points.astype(np.float32)).round().astype(np.int32)
    return cv2.fillConvexPoly(np.zeros((side, side), np.uint8), hull, 1)


def hair_on_face(portraits: Portraits) -> FloatArray:
    """Return (N,) which part of the face, up to the middle of the forehead, is under hair."""
    parts = []
    for label, points in zip(portraits.label, portraits.landmarks, strict=True):
        inside = face_hull(points, portraits.canvas, FOREHEAD) > 0
        parts.append(np.mean(label[inside] == HAIR))
    return np.array(parts, np.float32)


def seen(portraits: Portraits, part: int) -> FloatArray:
    """Return (N,) which part of what is known of a portrait shows the class `part`."""
    known = (portraits.label != IGNORE).sum((1, 2))
    return ((portraits.label == part).sum((1, 2)) / np.maximum(known, 1)).astype(np.float32)
