"""What a decoder changes, brought to pictures of any size, with the details of the photo where it changes little.

An edit may take all that the decoder changes; or only shades finer than light and colour of the face, which stay; or
only what grows dark, as hair and rims of glasses do, as a part of the light that falls there.
"""

from __future__ import annotations

import torch

from facemorph.attributes import Painting
from facemorph.morph import maps
from facemorph.morph.maps import luma

CHANGED = 0.2
"""Change, in [0, 1], at which the details of the photo no longer belong to what is there now."""
LIGHTER = 0.3
"""Of what grows dark, so much of the lighter parts is taken too: reflections."""
DARKEST = 0.15
"""No more than all but this part of the light is taken away."""
FAINT = 0.06
"""Light below which parts of it mean nothing, in [0, 1]."""
GREY = 0.5
"""What grows dark loses so much of its colour."""


def paint(
    pictures: torch.Tensor, before: torch.Tensor, after: torch.Tensor, more: torch.Tensor, painting: Painting
) -> torch.Tensor:
    """Bring a change to pictures.

    Args:
        pictures: (B, 3, S, S) in [0, 1].
        before: (B, 3, s, s), what the decoder makes of them.
        after: (B, 3, s, s), what it makes of their changed codes.
        more: (B,) bool, whether there is to be more of the attribute; less of it takes all, or shades.
        painting: what is taken of the change.

    Returns:
        (B, 3, S, S), not yet clamped.
    """
    delta = after - before
    if painting.takes == "shade":
        return _add(pictures, before, shade(delta, painting.finer_than).expand_as(delta))
    added = _add(pictures, before, delta)
    if painting.takes == "all":
        return added
    dark = painting.gain * shade(delta, painting.finer_than)
    darkened = _darken(pictures, before, torch.where(dark > 0, LIGHTER * dark, dark))
    return torch.where(more.reshape(-1, 1, 1, 1), darkened, added)


def shade(delta: torch.Tensor, finer_than: float) -> torch.Tensor:
    """Return by how much a change (B, 3, s, s) lightens, where that is finer than a part of the side, (B, 1, s, s)."""
    bright = luma(delta)
    if finer_than >= 1:
        return bright
    reach = max(1, round(finer_than * delta.shape[-1]))
    return bright - maps.box_mean(maps.box_mean(bright, reach), reach)


def _add(pictures: torch.Tensor, before: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
    return _without_details(pictures, before, delta) + maps.enlarge(delta, pictures.shape[-1])


def _darken(pictures: torch.Tensor, before: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
    light = luma(before).clamp_min(0) + FAINT
    left = maps.enlarge((1 + delta / light).clamp(DARKEST, 2), pictures.shape[-1])
    lit = left * _without_details(pictures, before, delta)
    return torch.lerp(lit, luma(lit).expand_as(lit), GREY * (1 - left).clamp(0, 1))


def _without_details(pictures: torch.Tensor, before: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
    """Take away, where much changes, what the pictures have beyond those of the decoder."""
    size = pictures.shape[-1]
    kept = torch.exp(-maps.local_mean(delta.square().mean(1, keepdim=True)) / CHANGED**2)
    return pictures - (1 - maps.enlarge(kept, size)) * (pictures - maps.enlarge(before, size))
