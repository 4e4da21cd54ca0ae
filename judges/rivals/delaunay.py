"""What people use today: OpenCV's Delaunay triangles, warped one by one and dissolved, given our landmarks."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]


def with_border(landmarks: Points, size: int) -> Points:
    """Add the corners and the middles of the sides to (68, 2) landmarks in pixels."""
    ends = (0, (size - 1) / 2, size - 1)
    border = [(x, y) for x in ends for y in ends if (x, y) != (ends[1], ends[1])]
    return np.concatenate([landmarks.clip(0, size - 1), np.array(border, np.float32)])


def triangles(points: Points, size: int) -> npt.NDArray[np.int64]:
    """Return the Delaunay triangulation of (N, 2) points as (M, 3) indices."""
    subdivision = cv2.Subdiv2D((0, 0, size, size))
    subdivision.insert([(float(x), float(y)) for x, y in points])
    corners = subdivision.getTriangleList().reshape(-1, 3, 2)
    distance = np.linalg.norm(corners[:, :, None] - points, axis=-1)
    index = distance.argmin(-1)
    return index[(distance.min(-1) < 1).all(1) & (np.sort(index, 1)[:, :2] != np.sort(index, 1)[:, 1:]).all(1)]


def warp_triangles(
    image: Image, source: Points, target: Points, mesh: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Warp every triangle of `mesh` from `source` to `target` points; (S, S, 3) float32 in [0, 255]."""
    output = np.zeros(image.shape, np.float32)
    size = image.shape[0]
    for corners in mesh:
        x, y, w, h = cv2.boundingRect(target[corners])
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, size), min(y + h, size)
        if x1 <= x0 or y1 <= y0:
            continue
        offset = np.array([x0, y0], np.float32)
        matrix = cv2.getAffineTransform(source[corners], target[corners] - offset)
        part = cv2.warpAffine(
            image, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillConvexPoly(mask, np.round(target[corners] - offset).astype(np.int32), 1)
        region = output[y0:y1, x0:x1]
        region[mask > 0] = part[mask > 0]
    return output


def morph(a: Image, b: Image, points_a: Points, points_b: Points, alphas: npt.NDArray[np.float32]) -> Image:
    """Return the frames (T, S, S, 3) of a warp-and-dissolve.

    Args:
        a, b: (S, S, 3) uint8 crops.
        points_a, points_b: (68, 2) landmarks in their pixels.
        alphas: (T,) positions in [0, 1].
    """
    size = a.shape[0]
    source_a, source_b = with_border(points_a, size), with_border(points_b, size)
    mesh = triangles((source_a + source_b) / 2, size)
    frames = []
    for alpha in alphas:
        target = ((1 - alpha) * source_a + alpha * source_b).astype(np.float32)
        warped_a = warp_triangles(a, source_a, target, mesh)
        warped_b = warp_triangles(b, source_b, target, mesh)
        frames.append(np.clip((1 - alpha) * warped_a + alpha * warped_b + 0.5, 0, 255).astype(np.uint8))
    return np.stack(frames)
