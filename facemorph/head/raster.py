"""Draw the head's triangles into a small map: what is seen at each pixel, by barycentric weights and a depth buffer.

The surface has more triangles than a map of 128 px has pixels, so most cover no pixel centre or one. All (triangle,
pixel centre in its box) pairs are listed and tested at once; of those that hold, each pixel keeps the nearest.

Convention: x and y are pixels with the origin at the centre of the top-left pixel, depth is larger where it is nearer
to the viewer. Triangles that turn their back to the viewer are not drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

EDGE = 1e-5
"""How far outside a triangle, in barycentric weights, a pixel counts as inside: no pinholes between neighbours."""


@dataclass(frozen=True)
class Raster:
    """What a map shows.

    Attributes:
        size: (H, W) of the map.
        pixels: (P,) the pixels where there is something, numbered row by row, increasing.
        corners: (P, 3) the vertices of the triangle seen there.
        weights: (P, 3) float32 barycentric, they sum to 1.
        depth: (P,) float32.
    """

    size: tuple[int, int]
    pixels: IntArray
    corners: IntArray
    weights: FloatArray
    depth: FloatArray

    def interpolate(self, attributes: npt.NDArray[np.floating]) -> FloatArray:
        """Return (P, C) float32 values at `pixels`, linear between those of the vertices, (V, C)."""
        values = attributes.astype(np.float32, copy=False)
        mixed = values[self.corners[:, 0]] * self.weights[:, :1]
        mixed += values[self.corners[:, 1]] * self.weights[:, 1:2]
        mixed += values[self.corners[:, 2]] * self.weights[:, 2:]
        return mixed

    def map(self, attributes: npt.NDArray[np.floating], empty: float = 0.0) -> FloatArray:
        """Return an (H, W, C) float32 map of (V, C) attributes; `empty` where nothing is seen."""
        height, width = self.size
        drawn = np.full((height * width, attributes.shape[1]), empty, np.float32)
        drawn[self.pixels] = self.interpolate(attributes)
        return drawn.reshape(height, width, -1)

    def covered(self) -> npt.NDArray[np.bool_]:
        """Return (H, W), True where there is something."""
        drawn = np.zeros(self.size, bool)
        drawn.reshape(-1)[self.pixels] = True
        return drawn


def rasterise(vertices: npt.NDArray[np.floating], triangles: npt.NDArray[np.integer], size: tuple[int, int]) -> Raster:
    """Draw triangles.

    Args:
        vertices: (V, 3) float x, y in pixels and depth, as `HeadFit.project` gives them; finite.
        triangles: (T, 3) int, clockwise to the viewer.
        size: (H, W) of the map.
    """
    height, width = size
    x, y, z = np.asarray(vertices, np.float32).T
    (ax, bx, cx), (ay, by, cy) = (column[triangles.T] for column in (x, y))
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    left, right = _whole(ax, bx, cx, width)
    top, bottom = _whole(ay, by, cy, height)
    across, down = right - left, bottom - top
    drawn = np.flatnonzero((area > 1e-9) & (across > 0) & (down > 0))
    across, count = across[drawn], across[drawn] * down[drawn]
    entry = np.repeat(np.arange(len(drawn)), count)
    place = np.arange(len(entry)) - np.repeat(np.cumsum(count) - count, count)  # within its triangle's box
    row, column = np.divmod(place, across[entry])
    triangle = drawn[entry]
    px, py = left[triangle] + column, top[triangle] + row
    ax, bx, cx, ay, by, cy, area = (values[triangle] for values in (ax, bx, cx, ay, by, cy, area))
    second = ((px - ax) * (cy - ay) - (py - ay) * (cx - ax)) / area
    third = ((bx - ax) * (py - ay) - (by - ay) * (px - ax)) / area
    first = 1 - second - third
    inside = np.flatnonzero(np.minimum(np.minimum(first, second), third) >= -EDGE)
    weights = np.stack([first[inside], second[inside], third[inside]], 1).astype(np.float32)
    corners = triangles[triangle[inside]].astype(np.int64)
    depth = (z[corners] * weights).sum(1)
    pixel = py[inside] * width + px[inside]
    nearest = _nearest(pixel, depth)
    return Raster(size, pixel[nearest], corners[nearest], weights[nearest], depth[nearest])


def _whole(a: FloatArray, b: FloatArray, c: FloatArray, length: int) -> tuple[IntArray, IntArray]:
    """Return the first whole number that each triple spans, and the one after the last, within [0, length]."""
    first = np.ceil(np.clip(np.minimum(np.minimum(a, b), c) - EDGE, 0, length))
    last = np.floor(np.clip(np.maximum(np.maximum(a, b), c) + EDGE, -1, length - 1))
    return first.astype(np.int64), last.astype(np.int64) + 1


def _nearest(pixel: IntArray, depth: FloatArray) -> IntArray:
    """Return the entries that hold the largest depth of their pixel, one each, by increasing pixel."""
    order = np.argsort(depth, kind="stable")
    order = order[np.argsort(pixel[order], kind="stable")]
    sorted_pixel = pixel[order]
    last = np.ones(len(order), bool)
    last[:-1] = sorted_pixel[1:] != sorted_pixel[:-1]
    return order[last]
