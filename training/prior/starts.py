"""Where the prior's training starts from: codes with noise over them, or with another person's code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from facemorph.models import LatentPrior
from facemorph.morph import paths
from training.codes.encode import Codes
from training.loop.streams import Draws

DROPPED = 0.2
"""Part of the samples that are shown no compact code."""
CALM = 0.5
"""Part of the blends that come without noise."""


@dataclass(frozen=True)
class Start:
    """Where a batch starts and where it is to come back to.

    Attributes:
        clean: (B, C, h, w) codes in working coordinates, the goal.
        blend: like `clean`, the same code where nothing is wrong with it.
        time: (B, 1, h, w) in [0, 1], how much noise there is to be.
        fault: (B, 1, h, w) in [0, 1], how much of another code there is.
        compact: (B, D) unit vectors.
        told: (B, 1) bool, whether the network is shown the compact code.
        attributes: (B, K) in [-1, 1], NaN where the network is told nothing.
    """

    clean: torch.Tensor
    blend: torch.Tensor
    time: torch.Tensor
    fault: torch.Tensor
    compact: torch.Tensor
    told: torch.Tensor
    attributes: torch.Tensor


Starter = Callable[[LatentPrior, Codes, torch.Tensor, torch.Tensor, Draws], Start]


def smooth_maps(size: int, draws: Draws) -> torch.Tensor:
    """Draw (N, 1, size, size) maps in [0, 1] that are smooth or have soft edges."""
    cells = int(torch.randint(2, 6, (), generator=draws.common))
    field = draws.randn(1, cells, cells)
    field = F.interpolate(field, size=(size, size), mode="bicubic", align_corners=False)
    sharpness = 1 + 5 * draws.rand(1, 1, 1)
    threshold = 0.8 * draws.randn(1, 1, 1)
    return (0.5 + sharpness * (field - threshold) / 2).clamp(0, 1)


def from_noise(model: LatentPrior, codes: Codes, attributes: torch.Tensor, index: torch.Tensor, draws: Draws) -> Start:
    """Start plain flow matching; a third of the samples have times that differ from place to place.

    Of a third nothing is said in words; of the others any part of the (N, K) attributes.
    """
    side = draws.randint(2).cpu()
    spatial, compact = _rows(codes.spatial, codes.compact, side, index, model.mean)
    time = draws.rand(1, 1, 1)
    maps = smooth_maps(spatial.shape[-1], draws)
    varied = draws.rand(1, 1, 1) < 1 / 3
    told = draws.rand(1) >= DROPPED
    clean = model.to_working(spatial, compact)
    clean = torch.where(told[:, :, None, None], clean, model.to_working(spatial, None))
    time = time * torch.where(varied, maps, 1.0).expand_as(maps)
    part = (1.5 * draws.rand(1) - 0.5).clamp_min(0)
    said = draws.rand(attributes.shape[1]) < part
    words = torch.where(said, attributes[index].to(said.device), torch.nan)
    return Start(clean, clean, time, torch.zeros_like(time), compact, told, words)


def from_blends(model: LatentPrior, codes: Codes, attributes: torch.Tensor, index: torch.Tensor, draws: Draws) -> Start:
    """Start from codes over which a partner's code in the same geometry lies, up to half of it; nothing is said."""
    count = len(index)
    side = draws.randint(2).cpu()
    own, own_compact = _rows(codes.spatial, codes.compact, side, index, model.mean)
    other, other_compact = _rows(codes.partner_spatial, codes.partner_compact, side, index, model.mean)
    weight = 0.5 * smooth_maps(own.shape[-1], draws)
    blend = paths.mix_maps(own, other, weight)
    noisiness = 0.8 * draws.rand(1, 1, 1)
    noisiness = noisiness * (draws.rand(1, 1, 1) >= CALM)
    part = weight.mean((1, 2, 3)) * 2 * draws.rand()
    compact = paths.slerp(own_compact, other_compact, part.clamp(0, 0.5))
    fault = 2 * weight
    clean, start = model.to_working(own, compact), model.to_working(blend, compact)
    silent = torch.full((count, attributes.shape[1]), torch.nan).to(clean)
    told = torch.ones(count, 1, dtype=torch.bool, device=clean.device)
    return Start(clean, start, noisiness * fault, fault, compact, told, silent)


def _rows(
    spatial: torch.Tensor, compact: torch.Tensor, side: torch.Tensor, index: torch.Tensor, like: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    return spatial[side, index].to(like), F.normalize(compact[side, index].to(like), dim=1)
