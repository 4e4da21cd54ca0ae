"""A crop as two layers: the person, and what lies behind, filled in where the person hides it.

The person layer is premultiplied (Porter & Duff 1984): colour times coverage, and coverage. It is what is left of the
photo when its background is taken away, so that both layers together give the photo exactly, however rough the mask is.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from facemorph.morph import maps

REACH = 4
"""Radius of the guided filter, pixels of the guide."""
EDGE = 1e-3
"""Variance of colour that counts as an edge for the guided filter."""
SHARPEN = 1.6
"""Contrast of the mask round one half: the network's edges are softer than hair is."""
SPREAD = 8
"""Pixels of the guide by which the person is widened before the background is taken from what is left."""
DISSOLVE = 0.4
"""Part of the morph in which the background dissolves at a place."""
RIM = 0.2
"""Coverage below which a place is rim."""
RIM_GONE = 0.2
"""Part of the morph after which rims are gone."""


@dataclass(frozen=True)
class Layers:
    """A crop taken apart.

    Attributes:
        person: (1, 4, S, S), the person's colour times coverage, then coverage in [0, 1].
        background: (1, 3, S, S), the scene without the person.
    """

    person: torch.Tensor
    background: torch.Tensor


def split(crop: torch.Tensor, mask: torch.Tensor) -> Layers:
    """Take a crop apart.

    Args:
        crop: (1, 3, S, S) in [0, 1].
        mask: (1, 1, g, g) in [0, 1], where the person is, drawn to the edges (`refine_mask`).
    """
    size = crop.shape[-1]
    coverage = maps.enlarge(mask, size)
    hidden = F.max_pool2d(mask, 2 * SPREAD + 1, 1, SPREAD)
    seen = (1 - 1.25 * maps.box_mean(hidden, 2)).clamp(0, 1)
    small = F.adaptive_avg_pool2d(crop, mask.shape[-1])
    background = torch.lerp(maps.enlarge(fill(small, seen), size), crop, maps.enlarge(seen, size))
    return Layers(torch.cat([crop - (1 - coverage) * background, coverage], 1), background)


def compose(person: torch.Tensor, background: torch.Tensor, away: torch.Tensor) -> torch.Tensor:
    """Put people on backgrounds.

    What the mask has missed lies round the person as a faint rim; it goes as soon as the background changes.

    Args:
        person: (B, 4, S, S).
        background: (B, 3, S, S).
        away: (B,) in [0, 1], how far the background is from the person's own.
    """
    coverage = person[:, 3:]
    rim = (away / RIM_GONE).clamp(0, 1).reshape(-1, 1, 1, 1) * (1 - (coverage / RIM).clamp(0, 1))
    return person[:, :3] * (1 - rim) + (1 - coverage) * background


def dissolve(first: torch.Tensor, second: torch.Tensor, alphas: torch.Tensor, turn: float) -> torch.Tensor:
    """Dissolve one background into another, one side a little before the other.

    A whole dissolve shows both scenes for as long as the morph lasts; this one shows both at few places at a time, with
    an edge too wide to be seen as one. It follows the head as it turns, so that the way back shows the same pictures.

    Args:
        first, second: (1, 3, S, S).
        alphas: (T,) in [0, 1].
        turn: above 0 where the head turns to the right on the way, below 0 to the left.
    """
    side = (turn > 0) - (turn < 0)
    across = (torch.arange(first.shape[-1]) + 0.5) / first.shape[-1] - 0.5
    start = (1 - DISSOLVE) * (0.5 + side * across)
    return torch.lerp(first, second, ((alphas.reshape(-1, 1, 1, 1) - start) / DISSOLVE).clamp(0, 1))


def refine_mask(mask: torch.Tensor, guide: torch.Tensor) -> torch.Tensor:
    """Draw a coarse mask to the edges of the photo (guided filter, He et al. 2010, equations 11–16, RGB guide).

    Args:
        mask: (1, C, m, m) in [0, 1].
        guide: (1, 3, g, g) in [0, 1].

    Returns:
        (1, C, g, g) in [0, 1].
    """
    box = functools.partial(maps.box_mean, reach=REACH)
    size, masks = guide.shape[-1], mask.shape[1]
    target = F.interpolate(mask, size=(size, size), mode="bicubic", align_corners=False)
    mean, mean_target = box(guide), box(target)
    variance = box(_products(guide, guide)) - _products(mean, mean)
    shared = box(_products(guide, target)) - _products(mean, mean_target)
    covariance = variance[0].permute(1, 2, 0).reshape(size, size, 3, 3) + EDGE * torch.eye(3)
    solved = torch.linalg.solve(covariance, shared[0].permute(1, 2, 0).reshape(size, size, 3, masks))
    slope = solved.permute(2, 3, 0, 1)  # (3, C, g, g)
    offset = mean_target - (slope * mean[0].unsqueeze(1)).sum(0)
    smooth = box(slope.reshape(1, 3 * masks, size, size)).reshape(3, masks, size, size)
    refined = (smooth * guide[0].unsqueeze(1)).sum(0) + box(offset)
    clear: torch.Tensor = ((refined - 0.5) * SHARPEN + 0.5).clamp(0, 1)
    return clear


def fill(picture: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Fill in what is not known from what surrounds it, coarse to fine (push-pull, Gortler et al. 1996).

    Args:
        picture: (1, 3, s, s).
        known: (1, 1, s, s) in [0, 1].

    Returns:
        (1, 3, s, s), `picture` where it is known.
    """
    if picture.shape[-1] <= 2:
        whole = known.sum((2, 3), keepdim=True)
        mean = (picture * known).sum((2, 3), keepdim=True) / whole.clamp_min(1e-6)
        mean = torch.where(whole > 1e-6, mean, picture.mean((2, 3), keepdim=True))
        return torch.lerp(mean.expand_as(picture), picture, known)
    weight = F.avg_pool2d(known, 2, ceil_mode=True)
    colour = F.avg_pool2d(picture * known, 2, ceil_mode=True) / weight.clamp_min(1e-6)
    coarse = fill(colour, (4 * weight).clamp(0, 1))
    return torch.lerp(maps.enlarge(coarse, picture.shape[-1]), picture, known)


def _products(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the products of all channels of (1, A, g, g) and (1, B, g, g), (1, A · B, g, g)."""
    return (a.unsqueeze(2) * b.unsqueeze(1)).flatten(1, 2)
