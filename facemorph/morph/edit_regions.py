"""Where on a head an edit of an attribute may show, as soft masks in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from facemorph.attributes import Region
from facemorph.morph import maps, warp

MOUTH_BESIDE, MOUTH_ABOVE, MOUTH_BELOW = 1.25, 1.1, 1.7
"""How far the region of the mouth reaches from its middle, in distances between the eyes: up to the eyes, below the
chin."""
EYES_BESIDE, EYES_ABOVE, EYES_BELOW = 1.25, 0.75, 0.85
"""The same from between the eyes: temples, brows and the rims of glasses."""
INNER = 0.7
"""Up to this part of a region an edit shows in full."""
AROUND_HAIR = 1
"""By how many cells hair is widened: roots and stray hair."""


def around_mouth(points: torch.Tensor, size: int) -> torch.Tensor:
    """Return the region of mouth and chin of (B, 68, 2) landmarks, parts of the side, (B, 1, size, size)."""
    centre = points[:, 48:68].mean(1, keepdim=True)
    return _oval(points, centre, (MOUTH_BESIDE, MOUTH_ABOVE, MOUTH_BELOW), size)


def around_eyes(points: torch.Tensor, size: int) -> torch.Tensor:
    """Return the region of eyes, brows and temples of (B, 68, 2) landmarks, parts of the side, (B, 1, size, size)."""
    centre = points[:, 36:48].mean(1, keepdim=True)
    return _oval(points, centre, (EYES_BESIDE, EYES_ABOVE, EYES_BELOW), size)


def region_of_change(
    change: torch.Tensor,
    regions: Sequence[Region],
    points: torch.Tensor,
    head: torch.Tensor,
    hair: torch.Tensor,
) -> torch.Tensor:
    """Return where an edit may show: wherever one of the attributes that change does.

    Args:
        change: (B, K), what is added to the attributes.
        regions: of the K attributes.
        points: (B, 68, 2) landmarks, parts of the side.
        head: (B, 1, m, m) in [0, 1], head and hair.
        hair: (B, 1, m, m) in [0, 1].

    Returns:
        (B, 1, m, m) in [0, 1], never more than `head`.
    """
    size = head.shape[-1]
    wide = hair
    for _ in range(AROUND_HAIR):
        wide = torch.nn.functional.max_pool2d(wide, 3, 1, 1)
    masks: dict[Region, torch.Tensor] = {
        "head": torch.ones_like(head),
        "mouth": around_mouth(points, size),
        "eyes": around_eyes(points, size),
        "hair": maps.box_mean(wide, 1),
    }
    shown = torch.zeros_like(head)
    for column, region in enumerate(regions):
        changes = (change[:, column] != 0).reshape(-1, 1, 1, 1)
        shown = torch.where(changes, torch.maximum(shown, masks[region]), shown)
    return head * shown


def _oval(points: torch.Tensor, centre: torch.Tensor, reach: tuple[float, float, float], size: int) -> torch.Tensor:
    points = points.float()
    unit = (points[:, 42:48].mean(1) - points[:, 36:42].mean(1)).norm(dim=1).reshape(-1, 1)
    away = (warp.cell_centres(size).unsqueeze(0) - centre.float()) / unit.unsqueeze(2)
    x, y = away.unbind(2)
    beside, above, below = reach
    radius = torch.hypot(x / beside, y / torch.where(y < 0, above, below))
    return ((1 - radius) / (1 - INNER)).clamp(0, 1).reshape(-1, 1, size, size)
