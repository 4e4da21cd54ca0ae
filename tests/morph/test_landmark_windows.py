from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.path import Path as Outline
from scipy.spatial.distance import cdist

from facemorph.morph import landmark_windows, warp
from facemorph.morph.landmark_windows import MAP_SIZE


def points_of(seed: int, count: int) -> torch.Tensor:
    return torch.rand(2, count, 2, generator=torch.Generator().manual_seed(seed))


def test_distances_are_scipys() -> None:
    points = points_of(0, 7)
    distance = landmark_windows.distance_to(points)
    for row in range(2):
        expected = cdist(warp.cell_centres(MAP_SIZE).numpy(), points[row].numpy()).min(1)
        np.testing.assert_allclose(distance[row].flatten().numpy(), expected, atol=0.03)  # measured on a coarse grid


def test_a_window_goes_from_neighbour_to_neighbour() -> None:
    places = torch.tensor([[[0.3, 0.5], [0.4, 0.5], [0.9, 0.9]]])
    window = landmark_windows.near(places, 0.05)[0, 0]

    def at(x: float, y: float) -> float:
        return float(window[int(y * MAP_SIZE), int(x * MAP_SIZE)])

    assert min(at(0.3, 0.5), at(0.35, 0.5), at(0.4, 0.5), at(0.9, 0.9)) > 0.9
    assert at(0.65, 0.7) < 0.01  # the third is no neighbour
    assert at(0.35, 0.62) < 0.01


@pytest.mark.parametrize("corners", [3, 5, 8])
def test_inside_of_a_polygon_is_matplotlibs(corners: int) -> None:
    angles = torch.linspace(0, 2 * np.pi, corners + 1)[:-1]
    radii = 0.2 + 0.2 * torch.rand(corners, generator=torch.Generator().manual_seed(corners))
    outline = 0.5 + radii[:, None] * torch.stack([angles.cos(), angles.sin()], 1)
    expected = Outline(outline.numpy()).contains_points(warp.cell_centres(32).numpy())
    assert np.array_equal(landmark_windows.inside(outline[None], 32).flatten().bool().numpy(), expected)
