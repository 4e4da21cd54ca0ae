"""Places near landmarks, as small maps."""

from __future__ import annotations

import torch

from facemorph.morph import maps, warp

MAP_SIZE = 64
"""Side of the maps."""
COARSE_SIZE = 32
"""Distances are measured on a grid of this side and enlarged."""
BEARD, BEARD_REACH = [*range(3, 14), 31, 33, 35, *range(48, 60)], 0.06
"""Landmarks that a beard lies between, and how far from them it reaches, parts of the side."""


def distance_to(points: torch.Tensor) -> torch.Tensor:
    """Return the distance of each place to the nearest of (T, N, 2) points, (T, 1, MAP_SIZE, MAP_SIZE), in sides."""
    grid = warp.cell_centres(COARSE_SIZE)
    nearest = torch.cdist(grid.expand(len(points), -1, -1), points).amin(-1)
    return maps.enlarge(nearest.reshape(-1, 1, COARSE_SIZE, COARSE_SIZE), MAP_SIZE)


def near(points: torch.Tensor, reach: float) -> torch.Tensor:
    """Return 1 near (T, N, 2) points, and near what lies between neighbours, 0 farther off than `reach`."""
    middles = (points[:, 1:] + points[:, :-1]) / 2
    close = (points[:, 1:] - points[:, :-1]).norm(dim=2, keepdim=True) < 3 * reach
    middles = torch.where(close, middles, points[:, 1:])
    return torch.exp(-((distance_to(torch.cat([points, middles], 1)) / reach) ** 4))


def inside(outline: torch.Tensor, size: int) -> torch.Tensor:
    """Return which cells lie inside polygons of (B, P, 2) corners, parts of the side: (B, 1, size, size), 0 or 1."""
    x, y = warp.cell_centres(size).to(outline.dtype).unsqueeze(1).unbind(-1)  # (N, 1)
    ax, ay = outline.unsqueeze(1).unbind(-1)  # (B, 1, P)
    bx, by = outline.roll(-1, 1).unsqueeze(1).unbind(-1)
    between = (ay > y) != (by > y)
    crossing = ax + (y - ay) / torch.where(by == ay, 1.0, by - ay) * (bx - ax)
    crossed = (between & (x < crossing)).sum(-1) % 2
    return crossed.reshape(-1, 1, size, size).to(outline.dtype)
