"""Residual bands: what the autoencoder leaves out of a photo, carried along and added back."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from facemorph.morph import maps

MISMATCH = 0.16
"""Difference of the two warped photos, in [0, 1], at which their details no longer belong together."""
MAX_GAIN = 1.6
"""Two unlike details half each are weaker than either; they are lifted to the mean strength, by no more than this."""
FINEST = 64
"""What means over this part of the side leave out counts as finest texture."""
STRENGTH_SIZE = 64
"""Side of the maps of strength."""
MAX_LIFT = 1.5
"""The finest textures are lifted by no more than this."""
NEIGHBOURHOOD = 1 / 16
"""Side of the neighbourhood over which strength and agreement are measured, as a part of the crop's."""


def agreement(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return where two warped photos show the same thing.

    Args:
        a, b: (B, 3, s, s) in [0, 1].

    Returns:
        (B, 1, s, s) in (0, 1], 1 where they are equal.
    """
    difference = (a - b).square().mean(1, keepdim=True)
    return torch.exp(-local_mean(difference) / MISMATCH**2)


def blend_details(a: torch.Tensor, b: torch.Tensor, weight: torch.Tensor, agree: torch.Tensor) -> torch.Tensor:
    """Blend the residual bands of two warped photos.

    Each is weighted by its part of the morph. The sum is lifted to the strength that both have on average, where they
    agree; where they don't, it fades towards the middle, since half of each would show as a ghost.

    Args:
        a, b: (B, 3, S, S), photo minus reconstruction.
        weight: (B, 1, S, S) or (B, 1, 1, 1) in [0, 1], the part of `b`.
        agree: (B, 1, s, s) in [0, 1].

    Returns:
        (B, 3, S, S); exactly `a` where the weight is 0, `b` where it is 1.
    """
    blend = torch.lerp(a, b, weight)
    target = torch.lerp(_strength(a), _strength(b), _fit(weight))
    gain = (target / _strength(blend).clamp_min(1e-4)).clamp(1.0, MAX_GAIN)
    divided = 4 * weight * (1 - weight)  # 0 at the ends, 1 in the middle
    gain = 1 + (maps.enlarge(gain, a.shape[-1]) - 1) * divided
    return blend * gain * (1 - divided * (1 - maps.enlarge(agree, a.shape[-1])))


def finest_strength(x: torch.Tensor) -> torch.Tensor:
    """Return how strong the finest textures of (B, 3, S, S) pictures are, (B, 1, STRENGTH_SIZE, STRENGTH_SIZE)."""
    return _strength(_finest(x))


def restore_strength(x: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """Lift the finest textures of a frame to the strength that they should have.

    A warp softens them a little each time, and the mean of two textures is weaker than either, in codes as in pixels:
    that is the blur of most morphs.

    Args:
        x: (B, 3, S, S), the frame.
        strength: (B, 1, STRENGTH_SIZE, STRENGTH_SIZE), as `finest_strength` gives it.

    Returns:
        (B, 3, S, S); `x` where it is as strong as that.
    """
    fine = _finest(x)
    gain = (strength / _strength(fine).clamp_min(1e-4)).clamp(1, MAX_LIFT)
    lifted: torch.Tensor = x + fine * (maps.enlarge(gain, x.shape[-1]) - 1)
    return lifted


def local_mean(x: torch.Tensor) -> torch.Tensor:
    """Average (B, C, s, s) over a neighbourhood of `NEIGHBOURHOOD` of the side, borders repeated."""
    reach = max(1, round(x.shape[-1] * NEIGHBOURHOOD / 2))
    return maps.box_mean(maps.box_mean(x, reach), reach)


def _finest(x: torch.Tensor) -> torch.Tensor:
    size = x.shape[-1]
    return x - maps.enlarge(F.avg_pool2d(x, max(2, round(size / FINEST)), ceil_mode=True), size)


def _strength(x: torch.Tensor) -> torch.Tensor:
    small = F.adaptive_avg_pool2d(x.square().mean(1, keepdim=True), STRENGTH_SIZE)
    return local_mean(small).sqrt()


def _fit(weight: torch.Tensor) -> torch.Tensor:
    return weight if weight.shape[-1] == 1 else F.adaptive_avg_pool2d(weight, STRENGTH_SIZE)
