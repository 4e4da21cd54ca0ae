"""Colour of a part of the head: measured, and changed at full resolution.

Colours are logarithms, so that light falls away as a difference: a part is its mean and its contrast, and a change of
colour keeps every strand (Reinhard et al. 2001, in one part of the picture).
"""

from __future__ import annotations

import torch

from facemorph.morph.maps import luma

LIFT = 0.03
"""Added to values in [0, 1] before their logarithm."""
LEAST_AREA = 0.002
"""Part of the picture that a part must fill before its colour is trusted in full."""
LEAST_CONTRAST, MOST_CONTRAST = 0.6, 1.3
"""The contrast of a part is changed by no more than this."""
WHOLE_SHIFT = 0.2
"""From this change of a colour on, in logarithms, the part gets all that is new; less of it comes in gradually."""
FARTHEST = 2.0
"""What differs more from its part than this, in standard deviations, is driven no further; what is lighter than twice
that is something else, skin or sky, and is not made lighter."""
CHROMA, MOST_CHROMA = 0.5, 0.3
"""Colours differ from that of their part by so much of what they did, and before that by no more than the second."""


def colour_of(pictures: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Measure the colour of a part.

    Args:
        pictures: (B, 3, S, S) in [0, 1].
        mask: (B, 1, S, S) in [0, 1].

    Returns:
        (B, 4): the mean logarithms of red, green and blue, and the logarithm of the contrast, which is the standard
        deviation of the logarithm of the luma.
    """
    logs = (pictures.clamp(0, 1) + LIFT).log()
    area = mask.sum((2, 3)).clamp_min(1e-6)
    mean = (logs * mask).sum((2, 3)) / area
    away = luma(logs - mean[:, :, None, None])
    contrast = ((away.square() * mask).sum((2, 3)) / area + 1e-4).sqrt()
    return torch.cat([mean, contrast.log()], 1)


def recolour(pictures: torch.Tensor, mask: torch.Tensor, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Give a part another colour.

    Args:
        pictures: (B, 3, S, S) in [0, 1].
        mask: (B, 1, S, S) in [0, 1].
        before: (B, 4), the colour that it has, of `colour_of`.
        after: (B, 4), the one that it gets.

    Returns:
        (B, 3, S, S) in [0, 1], the picture where the mask is 0 or the colours are the same.
            Too small a part changes by less.
    """
    gain = (after[:, 3:] - before[:, 3:]).exp().clamp(LEAST_CONTRAST, MOST_CONTRAST)[:, :, None, None]
    spread = before[:, 3:, None, None].exp()
    away = (pictures.clamp(0, 1) + LIFT).log() - before[:, :3, None, None]
    bright = luma(away)
    reach = FARTHEST * gain * spread
    turned = reach * torch.tanh(gain * bright / reach) + CHROMA * (away - bright).clamp(-MOST_CHROMA, MOST_CHROMA)
    turned = (after[:, :3, None, None] + turned).exp() - LIFT
    lighter = luma((after - before)[:, :3, None, None]) > 0
    other = torch.where(lighter, (bright / (FARTHEST * spread) - 1).clamp(0, 1), 0.0)
    trusted = (mask.mean((1, 2, 3)) / LEAST_AREA).clamp(0, 1).reshape(-1, 1, 1, 1)
    grown = ((after - before)[:, :3].abs().amax(1) / WHOLE_SHIFT).clamp(0, 1).reshape(-1, 1, 1, 1)
    return torch.lerp(pictures, turned.clamp(0, 1), mask * trusted * grown * (1 - other))
