"""Where things are in a face crop, as maps of its landmarks: what `label_hair` and `evaluate_mask` look at."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch

from facemorph.align.pose import fit_pose

IMAGE_SIZE, LABEL_SIZE = 128, 64
JAW_AND_BROWS = [*range(17), *range(26, 16, -1)]
BROWS = (list(range(17, 22)), list(range(22, 27)))
EYES_AND_MOUTH = (list(range(36, 42)), list(range(42, 48)), list(range(48, 60)))


@dataclass(frozen=True)
class Face:
    """Where things are in each of B crops; maps are (B, 64, 64), lengths in units of the mean face.

    Attributes:
        x: distance from the middle of the face.
        y: downwards; the brows are at -0.9, the chin at 1.18.
        depth: in the polygon of jaw and brows, negative outside.
        brows: 1 on the brows.
        marks: 1 on brows, eyes and mouth, where colours say nothing.
        cheeks: 1 where it is surely skin.
    """

    x: torch.Tensor
    y: torch.Tensor
    depth: torch.Tensor
    brows: torch.Tensor
    marks: torch.Tensor
    cheeks: torch.Tensor


def read_face(landmarks: npt.NDArray[np.float32]) -> Face:
    """Read the maps off (B, 68, 2) landmarks in crop pixels."""
    x, y = mean_face_places(landmarks).unbind(1)
    depth, brows = depth_in_face(landmarks), hulls(landmarks, BROWS)
    marks = torch.maximum(brows, hulls(landmarks, EYES_AND_MOUTH))
    cheeks = ((depth > 0.1) & (y > -0.45) & (y < 0.3) & (x.abs() < 0.8)).float() * (1 - marks)
    return Face(x.abs(), y, depth, brows, marks, cheeks)


def mean_face_places(landmarks: npt.NDArray[np.float32]) -> torch.Tensor:
    """Return where each place lies on the mean face, (B, 2, 64, 64) x and y, of (B, 68, 2) landmarks in crop pixels."""
    cell = IMAGE_SIZE / LABEL_SIZE
    y, x = np.mgrid[:LABEL_SIZE, :LABEL_SIZE] * cell + (cell - 1) / 2
    grid = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    inverses = [np.linalg.inv(np.vstack([fit_pose(points).matrix(), [0, 0, 1]])) for points in landmarks]
    return torch.from_numpy(np.stack([(m @ grid)[:2].reshape(2, *x.shape) for m in inverses])).float()


def depth_in_face(landmarks: npt.NDArray[np.float32]) -> torch.Tensor:
    """Return how deep each place lies in the polygon of jaw and brows, (B, 64, 64), about in units of the mean face."""
    maps = np.zeros((len(landmarks), LABEL_SIZE, LABEL_SIZE), np.float32)
    for place, points in zip(maps, landmarks, strict=True):
        inside = cv2.fillPoly(np.zeros(place.shape, np.uint8), [to_cells(points[JAW_AND_BROWS])], 1)
        place[:] = cv2.distanceTransform(inside, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    return torch.from_numpy(maps) * (3.7 / LABEL_SIZE)  # a crop is 3.7 units wide


def hulls(landmarks: npt.NDArray[np.float32], groups: tuple[list[int], ...]) -> torch.Tensor:
    """Return 1 in the convex hulls of groups of landmarks, one cell wider, (B, 64, 64)."""
    maps = np.zeros((len(landmarks), LABEL_SIZE, LABEL_SIZE), np.uint8)
    for place, points in zip(maps, landmarks, strict=True):
        for group in groups:
            cv2.fillConvexPoly(place, cv2.convexHull(to_cells(points[group])), 1)
        place[:] = cv2.dilate(place, np.ones((3, 3), np.uint8))
    return torch.from_numpy(maps).float()


def to_cells(points: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
    """Return the cells of the label map that (N, 2) crop pixels fall into."""
    return np.round((points + 0.5) * (LABEL_SIZE / IMAGE_SIZE) - 0.5).astype(np.int32)
