"""The source's dynamic steps: positions on the morph between which the eye sees equal change."""

from __future__ import annotations

from collections.abc import Sequence

import torch

PROBE_FRAMES = 12
"""Frames at even alphas from which the pace of change is measured."""
PROBES_OF_A_CHANGE = 9
"""Frames besides in each stretch in which a piece changes hands."""
SECOND_LOOK = 33
"""Frames at the positions found from the first, from which the pace is measured once more."""
PACE = 0.8
"""LPIPS grows faster than the step; this power of it is about additive along the way."""
SLOWEST = 0.15
"""No stretch counts as slower than this times the mean, so that a pause in the picture is not skipped as a whole."""


def even_alphas(num_frames: int) -> torch.Tensor:
    """Return `num_frames` positions from 0 to 1 at equal distances, (T,) float32."""
    return torch.linspace(0, 1, num_frames)


def probe_alphas(middles: Sequence[float], span: float) -> torch.Tensor:
    """Return where to measure the pace: evenly, and densely in stretches of `span` round `middles`, (K,) float32."""
    changes = [torch.linspace(x - span / 2, x + span / 2, PROBES_OF_A_CHANGE) for x in sorted(set(middles))]
    knots: torch.Tensor = torch.unique(torch.cat([even_alphas(PROBE_FRAMES), *changes]).clamp(0, 1))
    return knots


def perceptual_alphas(distances: torch.Tensor, knots: torch.Tensor, num_frames: int) -> torch.Tensor:
    """Space positions so that each step covers the same part of the whole change.

    Args:
        distances: (K - 1,) change between frames at the knots, any unit, additive along the way.
        knots: (K,) rising from 0 to 1.
        num_frames: how many positions, at least 2.

    Returns:
        (T,) float32, increasing from 0 to 1; even positions where nothing changes at all.
    """
    total = float(distances.sum())
    if total <= 1e-9:
        return even_alphas(num_frames)
    knots = knots.double()
    pace = distances.double().maximum(SLOWEST * total * knots.diff())
    way = torch.cat([torch.zeros(1, dtype=torch.float64), pace.cumsum(0)]) / pace.sum()
    targets = torch.linspace(0, 1, num_frames, dtype=torch.float64)
    upper = torch.searchsorted(way, targets).clamp(1, len(way) - 1)
    part = (targets - way[upper - 1]) / (way[upper] - way[upper - 1])
    alphas = knots[upper - 1] + part * (knots[upper] - knots[upper - 1])
    alphas[0], alphas[-1] = 0.0, 1.0
    return alphas.float()
