"""A crop as whole, opaque layers: background, body (face, neck, clothes), and what covers it (hair, hats).

Each layer has colours everywhere: where a matte ends, its colour goes on beyond, free of what lies behind (foreground
estimation by a push-pull fill), so that a layer may lie on anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from facemorph.morph import maps, mattes

LEAST_HAT = 0.004
"""A hat that fills less of the crop than this is none."""
SPREAD = 3
"""Pixels of the guide by which the person is widened before the background is taken from what is left."""
UNSURE, SURE = 0.7, 0.97
"""Colours of a layer are taken from where its matte is above the second, and none from where it is below the first."""
BAND = 2.5 / 256
"""An edge is looked for so far to both sides of where a matte has it, parts of the side."""
APART = 0.08
"""Squared difference of the colours on both sides from which on they tell where an edge is."""

CRISP = 3.0
"""Contrast of a matte round one half where the colours on both sides don't tell its edge: a cut rather than a veil."""


@dataclass(frozen=True)
class Layers:
    """A crop taken apart.

    Attributes:
        body: (1, 4, S, S), colours of face, neck and clothes, and their matte.
        hair: (1, 4, S, S), colours of the hair, and its matte.
        hat: the same of a hat; None where there is none.
        hat_span: rows between which the hat lies, parts of the side.
        background: (1, 3, S, S), the scene without the person.
    """

    body: torch.Tensor
    hair: torch.Tensor
    hat: torch.Tensor | None
    hat_span: tuple[float, float]
    background: torch.Tensor


def refine(crop: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """Correct the edges of mattes by the colours on both sides of them (compositing equation, solved for the matte).

    Args:
        crop: (1, 3, S, S) in [0, 1].
        kinds: (1, 4, S, S) in [0, 1], mattes of background, body, hair and hat.

    Returns:
        (1, 4, S, S) in [0, 1], of sum 1.
    """
    hair = _by_colour(crop, kinds[:, 2:3])
    rest = kinds[:, [0, 1, 3]]
    rest = rest / rest.sum(1, keepdim=True).clamp_min(1e-3) * (1 - hair)
    behind = torch.minimum(_by_colour(crop, kinds[:, :1]), 1 - hair)
    person = rest[:, 1:] / rest[:, 1:].sum(1, keepdim=True).clamp_min(1e-3) * (1 - hair - behind)
    refined = torch.cat([behind, person[:, :1], hair, person[:, 1:]], 1)
    return refined / refined.sum(1, keepdim=True).clamp_min(1e-3)


def _by_colour(crop: torch.Tensor, matte: torch.Tensor) -> torch.Tensor:
    """Return a matte (1, 1, S, S) that tells near its edge how much of a colour is that of its inside."""
    inner, outer = _narrowed(matte), _narrowed(1 - matte)
    inside, outside = fill(crop, _sure(inner)), fill(crop, _sure(outer))
    apart = inside - outside
    length = apart.square().sum(1, keepdim=True)
    share = (((crop - outside) * apart).sum(1, keepdim=True) / length.clamp_min(1e-4)).clamp(0, 1)
    edge = (1 - inner - outer).clamp(0, 1)
    crisp = torch.lerp(matte, ((matte - 0.5) * CRISP + 0.5).clamp(0, 1), edge)
    return torch.lerp(crisp, share, edge * (length / APART).clamp_max(1))


def split(crop: torch.Tensor, kinds: torch.Tensor) -> Layers:
    """Take a crop apart.

    Args:
        crop: (1, 3, S, S) in [0, 1].
        kinds: (1, 4, S, S) in [0, 1], mattes of background, body, hair and hat.
    """
    body, hair, hat = (torch.cat([_spread(crop, matte), matte], 1) for matte in torch.split(kinds[:, 1:], 1, 1))
    rows = (kinds[0, 3] > 0.5).sum(1) > 1
    worn = bool(kinds[:, 3].mean() > LEAST_HAT) and bool(rows.any())
    span = (float(rows.float().argmax()), float(len(rows) - rows.flip(0).float().argmax())) if worn else (0.0, 0.0)
    side = crop.shape[-1]
    return Layers(body, hair, hat if worn else None, (span[0] / side, span[1] / side), _behind(crop, 1 - kinds[:, :1]))


def fill(picture: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Fill in what is not known from what surrounds it, coarse to fine (push-pull, Gortler et al. 1996).

    Args:
        picture: (B, 3, s, s).
        known: (B, 1, s, s) in [0, 1].

    Returns:
        (B, 3, s, s), `picture` where it is known.
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


def _spread(crop: torch.Tensor, matte: torch.Tensor) -> torch.Tensor:
    return fill(crop, _sure(_narrowed(matte)))


def _narrowed(matte: torch.Tensor) -> torch.Tensor:
    return maps.narrowed(matte, max(1, round(BAND * matte.shape[-1])))


def _sure(matte: torch.Tensor) -> torch.Tensor:
    return ((matte - UNSURE) / (SURE - UNSURE)).clamp(0, 1)


def _behind(crop: torch.Tensor, person: torch.Tensor) -> torch.Tensor:
    size = min(mattes.GUIDE_SIZE, crop.shape[-1])
    hidden = F.max_pool2d(maps.resize(person, size), 2 * SPREAD + 1, 1, SPREAD)
    seen = (1 - 1.25 * maps.box_mean(hidden, 2)).clamp(0, 1)
    filled = fill(maps.resize(crop, size), seen)
    return torch.lerp(maps.enlarge(filled, crop.shape[-1]), crop, maps.enlarge(seen, crop.shape[-1]))
