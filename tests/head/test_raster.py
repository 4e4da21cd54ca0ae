"""The rasteriser against a slow one that tries every triangle at every pixel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from facemorph.head import Head, Raster, own_head, rasterise
from tests.head.conftest import PlaceHead

Array = npt.NDArray[np.float64]


def slow(vertices: Array, triangles: npt.NDArray[np.int64], size: tuple[int, int]) -> tuple[Array, Array]:
    """Return (H, W) depths, -inf where nothing is, and (H, W, 2) interpolated x and y."""
    height, width = size
    depth, places = np.full(size, -np.inf), np.zeros((*size, 2))
    for triangle in triangles:
        a, b, c = vertices[triangle]
        edges = np.column_stack([b[:2] - a[:2], c[:2] - a[:2]])
        if np.linalg.det(edges) <= 1e-9:
            continue
        for row in range(height):
            for column in range(width):
                second, third = np.linalg.solve(edges, (column, row) - a[:2])
                if min(second, third, 1 - second - third) < 0:
                    continue
                z = a[2] + second * (b[2] - a[2]) + third * (c[2] - a[2])
                if z > depth[row, column]:
                    depth[row, column], places[row, column] = z, (a + second * (b - a) + third * (c - a))[:2]
    return depth, places


def depth_map(raster: Raster) -> Array:
    drawn = np.full(raster.size, -np.inf).reshape(-1)
    drawn[raster.pixels] = raster.depth
    return drawn.reshape(raster.size)


@pytest.mark.parametrize("spread", [1.5, 6.0, 40.0])
def test_it_draws_what_a_slow_one_draws(spread: float) -> None:
    """Triangles smaller than a pixel, of some pixels, and larger than the map, over each other and across its edge."""
    rng = np.random.default_rng(int(spread))
    corners = rng.uniform(-4, 18, (60, 1, 2)) + spread * rng.standard_normal((60, 3, 2))
    vertices = np.concatenate([corners, rng.uniform(-5, 5, (60, 3, 1))], 2).reshape(-1, 3)
    triangles = np.arange(180).reshape(-1, 3)
    raster = rasterise(vertices, triangles, (14, 12))
    expected, places = slow(vertices, triangles, (14, 12))
    np.testing.assert_array_equal(raster.covered(), np.isfinite(expected))
    np.testing.assert_allclose(depth_map(raster), expected, atol=1e-3)
    np.testing.assert_allclose(raster.map(vertices[:, :2])[raster.covered()], places[raster.covered()], atol=1e-3)


def test_positions_come_out_as_the_pixels_themselves(head: Head, place: PlaceHead) -> None:
    fit = place(35.0, 10.0, -8.0, scale=34.0, x=63.0, y=60.0)
    vertices = fit.project(head.surface.reshape(-1, 3))
    raster = rasterise(vertices, head.triangles, (128, 128))
    rows, columns = np.divmod(raster.pixels, 128)
    np.testing.assert_allclose(raster.interpolate(vertices[:, :2]), np.column_stack([columns, rows]), atol=1e-3)
    np.testing.assert_allclose(raster.weights.sum(1), 1, atol=1e-5)
    assert (np.diff(raster.pixels) > 0).all()


@pytest.mark.parametrize("yaw", [-70.0, -20.0, 0.0, 20.0, 70.0])
def test_a_head_has_no_holes(head: Head, place: PlaceHead, yaw: float) -> None:
    """Every row of the face is one run of pixels."""
    raster = rasterise(
        place(yaw, 0, 0, 34.0, 63.0, 60.0).project(head.surface.reshape(-1, 3)), head.triangles, (128, 128)
    )
    covered = raster.covered()
    assert 4000 < covered.sum() < 12000
    below = covered[45:]  # above, the open edge of the surface may show two horns
    assert ((np.diff(below.astype(int), axis=1) == 1).sum(1) <= 1).all()


def test_the_nose_hides_the_far_cheek(head: Head, place: PlaceHead) -> None:
    fit = place(70.0, 0, 0, 60.0, 63.0, 60.0)
    own = own_head(head, fit, fit.project(head.points)[:, :2])
    vertices = fit.project(own.surface.reshape(-1, 3))
    raster = rasterise(vertices, head.triangles, (128, 128))
    nearest = depth_map(raster)
    tip = fit.project(own.points)[30]
    column, row = np.round(tip[:2] - (2, 0)).astype(int)
    assert nearest[row, column] == pytest.approx(tip[2], abs=8)


def test_the_map_fills_what_is_empty() -> None:
    vertices = np.array([[1, 1, 0], [4, 1, 0], [1, 4, 0]], float)
    raster = rasterise(vertices, np.array([[0, 1, 2]]), (6, 6))
    drawn = raster.map(np.array([[2.0, 0], [2, 3], [2, 0]]), empty=-1)
    assert drawn.shape == (6, 6, 2)
    assert (drawn[~raster.covered()] == -1).all()
    assert raster.covered().sum() == 10  # the pixels on its edges too
    np.testing.assert_allclose(drawn[1, 1:5], [[2, 0], [2, 1], [2, 2], [2, 3]], atol=1e-6)


@pytest.mark.parametrize("shift", [-500.0, 500.0])
def test_what_lies_outside_or_turns_away_is_not_drawn(shift: float) -> None:
    vertices = np.array([[1, 1, 0], [4, 1, 0], [1, 4, 0]], float)
    assert len(rasterise(vertices + np.array([shift, 0, 0]), np.array([[0, 1, 2]]), (6, 6)).pixels) == 0
    assert len(rasterise(vertices, np.array([[0, 2, 1]]), (6, 6)).pixels) == 0
    assert len(rasterise(vertices * 0, np.array([[0, 1, 2]]), (6, 6)).pixels) == 0
