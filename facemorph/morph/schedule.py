"""The source's dynamic steps: positions on the morph between which the eye sees equal change."""

from __future__ import annotations

import torch

PROBE_FRAMES = 25
"""Frames at even alphas from which the pace of change is measured."""
PACE = 0.6
"""LPIPS grows faster than the step; this power of it is about additive along the way."""
SLOWEST = 0.15
"""No stretch counts as slower than this times the mean, so that a pause in the picture is not skipped as a whole."""


def even_alphas(num_frames: int) -> torch.Tensor:
    """Return `num_frames` positions from 0 to 1 at equal distances, (T,) float32."""
    return torch.linspace(0, 1, num_frames)


def perceptual_alphas(distances: torch.Tensor, num_frames: int) -> torch.Tensor:
    """Space positions so that each step covers the same part of the whole change.

    Args:
        distances: (K - 1,) change between K frames at even alphas, any unit, additive along the way.
        num_frames: how many positions, at least 2.

    Returns:
        (T,) float32, increasing from 0 to 1; even positions where nothing changes at all.
    """
    total = float(distances.sum())
    if total <= 1e-9:
        return even_alphas(num_frames)
    pace = distances.double().clamp_min(SLOWEST * total / len(distances))
    way = torch.cat([torch.zeros(1, dtype=torch.float64), pace.cumsum(0)]) / pace.sum()
    knots = torch.linspace(0, 1, len(way), dtype=torch.float64)
    targets = torch.linspace(0, 1, num_frames, dtype=torch.float64)
    upper = torch.searchsorted(way, targets).clamp(1, len(way) - 1)
    part = (targets - way[upper - 1]) / (way[upper] - way[upper - 1])
    alphas = knots[upper - 1] + part * (knots[upper] - knots[upper - 1])
    alphas[0], alphas[-1] = 0.0, 1.0
    return alphas.float()
