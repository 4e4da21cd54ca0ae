"""Where the outlines of two bodies differ, both are bent towards the one between them: edges move with their shading.

The landmarks bring faces together, not ears, necks and what lies beyond the jaw. What is bent lies near the outline;
each place moves across it, by the difference of the signed distances there (as level sets do: Osher & Sethian 1988).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from facemorph.morph import maps
from facemorph.morph.landmark_windows import MAP_SIZE
from facemorph.morph.regions import Regions
from facemorph.morph.warp import Sampler

MOST = 10 / 256
"""No place moves farther than this, parts of the side."""
REACH = 32 / 256
"""Distance to the outline at which no place moves any more, parts of the side."""
SOFT = 1
"""Radius over which distances are averaged before their slope is taken, in places of the maps."""
LEAST_SLOPE = 0.7
"""Slope of a distance below which it is a ridge, as far from one edge as from another: there is no direction."""


def shifts(samplers: list[Sampler], regions: Sequence[Regions], shape: torch.Tensor) -> list[torch.Tensor]:
    """Return flows (T, 2, m, m) that bring the outlines of two bodies to the one between them, before `samplers`.

    Args:
        samplers: along the flow of each.
        regions: of each, in its own geometry; an outline under hair or a hat bends nothing.
        shape: (T,) in [0, 1], where the geometry stands.
    """
    small = [torch.cat([maps.resize(x.outline, MAP_SIZE), x.kinds[:, 2:].sum(1, keepdim=True)], 1) for x in regions]
    moved = [sample(x, "bilinear") for sample, x in zip(samplers, small, strict=True)]
    distances, covers = [x[:, :1] for x in moved], [maps.box_mean(x[:, 1:], SOFT) for x in moved]
    between = torch.lerp(distances[0], distances[1], shape.reshape(-1, 1, 1, 1))
    near = maps.smoothstep(1 - between.abs() / REACH) * (1 - torch.maximum(*covers)).clamp(0, 1)
    return [_across(own) * near * MOST * torch.tanh((between - own) / MOST) for own in distances]


def _across(distance: torch.Tensor) -> torch.Tensor:
    """Return the direction in which a distance (T, 1, m, m) grows, (T, 2, m, m) of length 1 or, on ridges, less."""
    smooth = maps.box_mean(distance, SOFT)
    x, y = (slope * distance.shape[-1] for slope in torch.gradient(smooth, dim=(3, 2)))
    return torch.cat([x, y], 1) / (x * x + y * y).sqrt().clamp_min(LEAST_SLOPE)
