"""Where the outlines of two bodies differ, both are bent towards the one between them: edges move with their shading.

The landmarks bring faces together, not ears, necks and what lies beyond the jaw. What is bent lies near the outline;
each place moves across it, by the difference of the signed distances there (as level sets do: Osher & Sethian 1988).
"""

from __future__ import annotations

import torch

from facemorph.morph import maps
from facemorph.morph.warp import MIDDLE_SIZE, Sampler

MOST = 10 / 256
"""No place moves farther than this, parts of the side."""
REACH = 32 / 256
"""Distance to the outline at which no place moves any more, parts of the side."""
SOFT = 1
"""Radius over which directions are averaged, twice, in places of the map."""


def bend(samplers: list[Sampler], outlines: list[torch.Tensor], shape: torch.Tensor) -> list[Sampler]:
    """Return samplers along flows that bring the outlines of two bodies to the one between them.

    Args:
        samplers: along the flow of each.
        outlines: (1, 1, S, S) each, signed distances to its outline, parts of the side, in its own geometry.
        shape: (T,) in [0, 1], where the geometry stands.
    """
    small = [maps.resize(x, MIDDLE_SIZE) for x in outlines]
    distances = [sample(x, "bilinear") for sample, x in zip(samplers, small, strict=True)]
    between = torch.lerp(distances[0], distances[1], shape.reshape(-1, 1, 1, 1))
    near = maps.smoothstep(1 - between.abs() / REACH)
    return [
        sample.after(_across(own) * near * MOST * torch.tanh((between - own) / MOST))
        for own, sample in zip(distances, samplers, strict=True)
    ]


def _across(distance: torch.Tensor) -> torch.Tensor:
    """Return the direction in which a distance (T, 1, m, m) grows, (T, 2, m, m) of length 1 or, on ridges, less."""
    smooth = maps.smooth_mean(distance, SOFT)
    slope = torch.cat(torch.gradient(smooth, dim=(3, 2)), 1) * distance.shape[-1]
    direction: torch.Tensor = slope / slope.norm(dim=1, keepdim=True).clamp_min(0.7)
    return direction
