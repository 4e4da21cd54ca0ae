"""Pictures and maps over a crop: resized, and averaged over neighbourhoods."""

from __future__ import annotations

import torch
import torch.nn.functional as F

NEIGHBOURHOOD = 1 / 16
"""Side of a neighbourhood, as a part of the picture's."""
LEAST = 0.02
"""What is not there counts this much where the other is not there either."""
LUMA = (0.299, 0.587, 0.114)


def enlarge(x: torch.Tensor, size: int) -> torch.Tensor:
    """Bring (B, C, s, s) to (B, C, size, size), bilinear, `align_corners=False`."""
    return F.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)


def resize(x: torch.Tensor, size: int) -> torch.Tensor:
    """Bring (B, C, S, S) to `size`, antialiased on the way down, bicubic on the way up."""
    if x.shape[-1] == size:
        return x
    down = size < x.shape[-1]
    if down and x.shape[-1] % size == 0:
        return F.interpolate(x, size=(size, size), mode="area")
    return F.interpolate(x, size=(size, size), mode="bicubic", antialias=down, align_corners=False)


def box_mean(x: torch.Tensor, reach: int) -> torch.Tensor:
    """Average (B, C, s, s) over squares of side 2 · reach + 1, borders repeated."""
    side = 2 * reach + 1
    rows = F.avg_pool2d(F.pad(x, (reach,) * 4, mode="replicate"), (side, 1), 1)
    return F.avg_pool2d(rows, (1, side), 1)


def smooth_mean(x: torch.Tensor, reach: int) -> torch.Tensor:
    """Average (B, C, s, s) over squares twice: a soft window, borders repeated."""
    return box_mean(box_mean(x, reach), reach)


def narrowed(x: torch.Tensor, reach: int) -> torch.Tensor:
    """Return the least of (B, C, s, s) within squares of side 2 · reach + 1: masks become narrower by `reach`."""
    least: torch.Tensor = -F.max_pool2d(-x, 2 * reach + 1, 1, reach)
    return least


def smoothstep(x: torch.Tensor) -> torch.Tensor:
    """Return 0 below 0, 1 above 1, and between them a rise without a kink."""
    part = x.clamp(0, 1)
    smooth: torch.Tensor = part * part * (3 - 2 * part)
    return smooth


def among(weight: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the part of the second of two things: `weight` where both or neither are, else all of what is there.

    Args:
        weight: in [0, 1].
        first, second: in [0, 1], how much of either is at a place.
    """
    own = first * (2 - weight - second) + LEAST * (1 - weight)
    other = second * (1 + weight - first) + LEAST * weight
    return other / (own + other)


def local_mean(x: torch.Tensor) -> torch.Tensor:
    """Average (B, C, s, s) over a neighbourhood of `NEIGHBOURHOOD` of the side, borders repeated."""
    reach = max(1, round(x.shape[-1] * NEIGHBOURHOOD / 2))
    return smooth_mean(x, reach)


def luma(x: torch.Tensor) -> torch.Tensor:
    """Return the luma of (B, 3, s, s) red, green and blue, (B, 1, s, s) (ITU-R BT.601)."""
    return (x * x.new_tensor(LUMA).reshape(1, 3, 1, 1)).sum(1, keepdim=True)
