"""Points on the outline of the head, so that hair moves with the face."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

ANGLES = tuple(math.radians(degrees) for degrees in range(10, 171, 20))
"""Directions from the point between the eyes, counted from the right over the top."""
NEAREST, FARTHEST, STEPS = 0.12, 0.75, 64
"""Distances at which a ray looks for the outline, parts of the side."""


def radii(mask: torch.Tensor, centre: torch.Tensor) -> torch.Tensor:
    """Return how far the head reaches in each direction of `ANGLES`.

    Args:
        mask: (1, 1, m, m) in [0, 1], where the person is.
        centre: (2,), the point between the eyes, parts of the side.

    Returns:
        (len(ANGLES),) float64, parts of the side; NaN where the head goes on beyond the edge of the crop.
    """
    distance = torch.linspace(NEAREST, FARTHEST, STEPS, dtype=torch.float64)
    places = centre + distance[None, :, None] * _directions()[:, None]
    within = ((places >= 0) & (places <= 1)).all(-1)
    grid = (2 * places - 1).to(mask.dtype).unsqueeze(0)
    person = F.grid_sample(mask, grid, padding_mode="border", align_corners=False)[0, 0] > 0.5
    ends = ~person | ~within
    first = ends.double().argmax(1)
    found = ends.any(1) & within.gather(1, first[:, None])[:, 0]
    return torch.where(found, distance[first], torch.nan)


def anchors(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return points on the heads' common outline, which hair keeps its place by.

    No outline is brought to the other: hair that is stretched to a larger head of hair looks bent. It recedes instead.

    Args:
        first, second: (len(ANGLES),) `radii` of either head.

    Returns:
        (M, 2) float64, from the point between the eyes, parts of the side, for the M directions in which both outlines
        are seen.
    """
    both = ~(first.isnan() | second.isnan())
    return (first[both] * second[both]).sqrt().unsqueeze(1) * _directions()[both]


def _directions() -> torch.Tensor:
    return torch.tensor([(math.cos(angle), -math.sin(angle)) for angle in ANGLES], dtype=torch.float64)
