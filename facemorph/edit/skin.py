"""Texture of the skin at full resolution: wrinkles and spots, softened or deepened."""

from __future__ import annotations

import torch

from facemorph.morph import maps
from facemorph.morph.maps import luma, resize

REACH = 0.08
"""What is finer than this, in parts of the side, is texture."""
EDGE = 0.18
"""Steps of the luma that are higher than this are no texture."""
SOFTENED, DEEPENED = 1.25, 0.6
"""A change of -1 takes away, a change of 1 adds, so much of the texture; no more than all is taken away."""


def change_texture(pictures: torch.Tensor, skin: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
    """Soften or deepen the texture of skin.

    Texture is what the guided filter takes away, whose coefficients are found on a small picture (He & Sun 2015).

    Args:
        pictures: (B, 3, S, S) in [0, 1].
        skin: (B, 1, m, m) in [0, 1], where bare skin is.
        change: (B,), less than 0 for softer, more for deeper.

    Returns:
        (B, 3, S, S) in [0, 1].
    """
    size, small = pictures.shape[-1], skin.shape[-1]
    bright = luma(pictures)
    guide = resize(bright, small)
    reach = max(1, round(REACH * small))
    mean = maps.box_mean(guide, reach)
    variance = (maps.box_mean(guide.square(), reach) - mean.square()).clamp_min(0)
    slope = variance / (variance + EDGE**2)
    slope, offset = (maps.box_mean(x, reach) for x in (slope, (1 - slope) * mean))
    base = maps.enlarge(slope, size) * bright + maps.enlarge(offset, size)
    amount = torch.where(change < 0, (SOFTENED * change).clamp_min(-1), DEEPENED * change).reshape(-1, 1, 1, 1)
    return (pictures + amount * maps.enlarge(skin, size) * (bright - base)).clamp(0, 1)
