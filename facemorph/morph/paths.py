"""Paths between two latents."""

from __future__ import annotations

import torch
import torch.nn.functional as F

PARALLEL = 1.0 - 1e-4
"""Above this cosine two directions are blended linearly: the arc between them has no plane."""
MAX_GAIN = 1.5
"""Codes that point opposite ways cancel; more than this would amplify what little is left of them."""


def slerp(a: torch.Tensor, b: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """Blend unit vectors along the great circle (Shoemake 1985).

    Args:
        a, b: (B, D), rows of L2 norm 1.
        alpha: (B,) in [0, 1].

    Returns:
        (B, D), rows of L2 norm 1; a where alpha is 0 and b where it is 1. Opposite vectors have no shortest path: the
        first of `a`'s axes that is not along it decides.
    """
    cosine = (a * b).sum(1, keepdim=True).clamp(-1.0, 1.0)
    opposite = cosine < -PARALLEL
    angle = torch.arccos(cosine)
    weight = alpha.reshape(-1, 1).to(a.dtype)
    sine = torch.sin(angle).clamp_min(1e-7)
    arc = (torch.sin((1 - weight) * angle) * a + torch.sin(weight * angle) * b) / sine
    detour = torch.cos(torch.pi * weight) * a + torch.sin(torch.pi * weight) * _perpendicular(a)
    return torch.where(opposite, detour, torch.where(cosine > PARALLEL, lerp_unit(a, b, alpha), arc))


def lerp_unit(a: torch.Tensor, b: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """Blend unit vectors linearly and bring the result back to L2 norm 1; (B, D), (B, D), (B,) → (B, D)."""
    weight = alpha.reshape(-1, 1).to(a.dtype)
    mixed = (1 - weight) * a + weight * b
    unit: torch.Tensor = F.normalize(mixed, dim=1, eps=1e-7)
    return unit


def mix_maps(a: torch.Tensor, b: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Blend maps place by place and keep their local norm.

    A plain mean of two unlike vectors is shorter than both, which decodes as haze; each place is brought back to the
    mean of both lengths (the L2 normalisation of the source, on a spatial code).

    Args:
        a, b: (B, C, h, w).
        weight: (B, 1, h, w) or (B, 1, 1, 1) in [0, 1]; 0 gives `a`, 1 gives `b`.

    Returns:
        (B, C, h, w).
    """
    mixed = torch.lerp(a, b, weight)
    length = torch.lerp(a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True), weight)
    gain = length / mixed.norm(dim=1, keepdim=True).clamp_min(1e-6)
    kept: torch.Tensor = mixed * gain.clamp(1.0, MAX_GAIN)
    return kept


def _perpendicular(a: torch.Tensor) -> torch.Tensor:
    axis = torch.zeros_like(a)
    axis.scatter_(1, a.abs().argmin(dim=1, keepdim=True), 1.0)
    across = axis - (axis * a).sum(1, keepdim=True) * a
    unit: torch.Tensor = F.normalize(across, dim=1)
    return unit
