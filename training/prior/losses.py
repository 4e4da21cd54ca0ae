"""What the prior is trained on, and the flow-matching loss that reports how far it is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from facemorph.models import LatentPrior
from training.codes.encode import Codes
from training.loop.streams import Draws
from training.prior.starts import Start

GRID = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Times at which the flow-matching loss is reported."""


def loss_of(model: LatentPrior, net: nn.Module, start: Start, draws: Draws) -> torch.Tensor:
    """Return the squared error of the clean code that the network expects, (B,).

    It is divided by the square of how noisy or faulty a place is (as EDM weights it: Karras et al. 2022, equation 8),
    so that strong axes count for more.
    """
    noise = draws.randn(*start.clean.shape[1:]).to(start.clean)
    u = torch.lerp(start.blend, noise, start.time)
    known, reach = model.precondition(start.time, start.fault)
    goal = (start.clean - known * u) / (reach + 1e-3)
    compact = torch.where(start.told, start.compact, model.no_compact)
    output = net(u, start.time, start.fault, compact, start.attributes)
    noisy = start.time.square() / (
        (1 - start.time).square() * model.spread.view(-1, 1, 1).square() + start.time.square()
    )
    importance = reach.square() / (noisy + start.fault.square() + 1e-4)
    return (importance * (output - goal).square()).mean((1, 2, 3))


@torch.no_grad()
def flow_losses(
    model: LatentPrior,
    codes: Codes,
    *,
    told: bool,
    attributes: torch.Tensor | None = None,
    limit: int | None = None,
    batch: int = 64,
) -> dict[str, float]:
    """Return the flow-matching loss, the mean squared error of the velocity, at each time of `GRID`.

    In working coordinates, on the crops as they are (not mirrored), with the same noise at every call; `told` shows
    the network the compact code, `attributes` (N, K) are told; `limit` takes the first crops only.
    """
    count = min(len(codes), limit or len(codes))
    generator = torch.Generator().manual_seed(0)
    sums = dict.fromkeys(GRID, 0.0)
    for rows in torch.arange(count).split(batch):
        compact = F.normalize(codes.compact[0, rows].float(), dim=1) if told else None
        u = model.to_working(codes.spatial[0, rows].float(), compact)
        noise = torch.randn(u.shape, generator=generator)
        for t in GRID:
            with torch.autocast("cpu", torch.bfloat16):
                words = None if attributes is None else attributes[rows]
                velocity = model.velocity(torch.lerp(u, noise, t), torch.full((len(u),), t), compact, words)
            sums[t] += float((velocity - (noise - u)).square().mean((1, 2, 3)).sum())
    return {str(t): round(value / count, 4) for t, value in sums.items()}
