"""Train the prior over spatial codes, in legs that resume.

    python -m training.prior.train --packed packed/crops.npz --attributes packed/attributes.npz --out runs/prior \
        --minutes 60

The first call encodes all crops (two minutes, kept in `--out`). Part of each batch is flow matching from noise, told
the compact code, some of the attributes, both or nothing; the rest, `--blends`, starts from blends of two people and
noise, and is to come back to one of them: what `LatentPrior.refine` is for. Each call goes on from `state.pt` in
`--out`; the learning rate falls to zero at the end of `--total-minutes` of training (all legs together, by default this
one). EMA weights are written to `<out>/checkpoint`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from facemorph import checkpoint
from facemorph.models import FaceAutoencoder, LatentPrior, LatentPriorConfig
from facemorph.morph import paths
from training.attributes.label import NAMES
from training.codes.encode import Codes, load_codes
from training.codes.rows import coded_rows, load_attributes
from training.legs.average import EMA_EVERY, Ema
from training.legs.learning_rate import warm_then_cosine

DROPPED = 0.2
"""Part of the samples that are shown no compact code."""
GRID = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Times at which the flow-matching loss is reported."""
LOGGED = 64
"""Crops of validation people on which the log reports it."""
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


Starter = Callable[[LatentPrior, Codes, torch.Tensor, torch.Tensor, torch.Generator], Start]


def smooth_maps(count: int, size: int, generator: torch.Generator) -> torch.Tensor:
    """Draw (count, 1, size, size) maps in [0, 1] that are smooth or have soft edges."""
    cells = int(torch.randint(2, 6, (), generator=generator))
    field = torch.randn(count, 1, cells, cells, generator=generator)
    field = F.interpolate(field, size=(size, size), mode="bicubic", align_corners=False)
    sharpness = 1 + 5 * torch.rand(count, 1, 1, 1, generator=generator)
    threshold = 0.8 * torch.randn(count, 1, 1, 1, generator=generator)
    return (0.5 + sharpness * (field - threshold) / 2).clamp(0, 1)


def from_noise(
    model: LatentPrior, codes: Codes, attributes: torch.Tensor, index: torch.Tensor, generator: torch.Generator
) -> Start:
    """Start plain flow matching; a third of the samples have times that differ from place to place.

    Of a third nothing is said in words; of the others any part of the (N, K) attributes.
    """
    spatial, compact = _rows(codes.spatial, codes.compact, index, generator)
    time = torch.rand(len(index), 1, 1, 1, generator=generator)
    maps = smooth_maps(len(index), spatial.shape[-1], generator)
    varied = torch.rand(len(index), 1, 1, 1, generator=generator) < 1 / 3
    told = torch.rand(len(index), 1, generator=generator) >= DROPPED
    clean = model.to_working(spatial, compact)
    clean = torch.where(told[:, :, None, None], clean, model.to_working(spatial, None))
    time = time * torch.where(varied, maps, 1.0).expand_as(maps)
    part = (1.5 * torch.rand(len(index), 1, generator=generator) - 0.5).clamp_min(0)
    said = torch.rand(len(index), attributes.shape[1], generator=generator) < part
    words = torch.where(said, attributes[index], torch.nan)
    return Start(clean, clean, time, torch.zeros_like(time), compact, told, words)


def from_blends(
    model: LatentPrior, codes: Codes, attributes: torch.Tensor, index: torch.Tensor, generator: torch.Generator
) -> Start:
    """Start from codes over which a partner's code in the same geometry lies, up to half of it; nothing is said."""
    count = len(index)
    side = torch.randint(0, 2, (count,), generator=generator)
    own, other = codes.spatial[side, index].float(), codes.partner_spatial[side, index].float()
    weight = 0.5 * smooth_maps(count, own.shape[-1], generator)
    blend = paths.mix_maps(own, other, weight)
    noisiness = 0.8 * torch.rand(count, 1, 1, 1, generator=generator)
    noisiness = noisiness * (torch.rand(count, 1, 1, 1, generator=generator) >= CALM)
    part = weight.mean((1, 2, 3)) * 2 * torch.rand(count, generator=generator)
    compact = paths.slerp(
        F.normalize(codes.compact[side, index].float(), dim=1),
        F.normalize(codes.partner_compact[side, index].float(), dim=1),
        part.clamp(0, 0.5),
    )
    fault = 2 * weight
    clean, start = model.to_working(own, compact), model.to_working(blend, compact)
    silent = torch.full((count, attributes.shape[1]), torch.nan)
    return Start(clean, start, noisiness * fault, fault, compact, torch.ones(count, 1, dtype=torch.bool), silent)


def loss_of(model: LatentPrior, net: nn.Module, start: Start, generator: torch.Generator) -> torch.Tensor:
    """Return the squared error of the clean code that the network expects, (B,).

    It is divided by the square of how noisy or faulty a place is (as EDM weights it: Karras et al. 2022, equation 8),
    so that strong axes count for more.
    """
    noise = torch.randn(start.clean.shape, generator=generator)
    u = torch.lerp(start.blend, noise, start.time)
    known, reach = model.precondition(start.time, start.fault)
    goal = (start.clean - known * u) / (reach + 1e-3)
    compact = torch.where(start.told, start.compact, model.no_compact)
    with torch.autocast(u.device.type, torch.bfloat16):
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


def _rows(
    spatial: torch.Tensor, compact: torch.Tensor, index: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    side = torch.randint(0, 2, (len(index),), generator=generator)
    return spatial[side, index].float(), F.normalize(compact[side, index].float(), dim=1)


def optimizers_of(model: LatentPrior, lr: float) -> list[torch.optim.Optimizer]:
    """Return Muon (Jordan et al. 2024) for the matrices of the blocks and AdamW for all else."""
    matrices = [p for p in model.blocks.parameters() if p.dim() == 2]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(matrices, lr=lr, momentum=0.95, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=lr, betas=(0.9, 0.99), weight_decay=1e-4, fused=True),
    ]


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    autoencoder = FaceAutoencoder.from_checkpoint(args.autoencoder)
    codes, held_out = (
        load_codes(args.out / f"codes-{name}.pt", args.packed, autoencoder, validation=name == "validation")
        for name in ("training", "validation")
    )
    attributes, held_out_attributes = (
        load_attributes(args.attributes, coded_rows(args.packed, validation=side)) for side in (False, True)
    )
    config = LatentPriorConfig(width=args.width, depth=args.depth, heads=args.heads, attributes=NAMES)
    model = LatentPrior(config)
    optimizers = optimizers_of(model, args.lr)
    ema = Ema(model, args.ema)
    step, spent = 0, 0.0
    state_path = args.out / "state.pt"
    if state_path.exists():
        state = torch.load(state_path, weights_only=True)
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        ema.weights, ema.count, step, spent = state["ema"], state["ema_count"], state["step"], state["spent"]
    else:
        if args.start:
            model.load_state_dict(LatentPrior.from_checkpoint(args.start).state_dict())
        else:
            model.fit(*(each.flatten(0, 1) for each in (codes.spatial, codes.compact, codes.partner_spatial)))
        model.compact_codes.fit_attributes(codes.compact.flatten(0, 1), attributes.repeat(2, 1))
        ema = Ema(model, args.ema)
    generator = torch.Generator().manual_seed(args.seed + step)
    net = torch.compile(model) if args.compile else model
    total = 60 * (args.total_minutes or args.minutes + spent / 60)
    start, logged, began = time.monotonic(), time.monotonic(), spent
    sums = {"noise": 0.0, "blends": 0.0, "count": 0}

    def save() -> None:
        state = {"model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers], "ema": ema.weights}
        torch.save({**state, "ema_count": ema.count, "step": step, "spent": spent}, state_path.with_suffix(".tmp"))
        state_path.with_suffix(".tmp").replace(state_path)
        averaged = LatentPrior(config)
        averaged.load_state_dict(ema.weights)
        checkpoint.save(args.out / "checkpoint", averaged.eval(), config)
        flow = flow_losses(averaged, held_out, told=True, attributes=held_out_attributes, limit=LOGGED)
        line = {"step": step, "minutes": round(spent / 60, 2), "flow": flow}
        line |= {name: round(sums[name] / max(1, sums["count"]), 4) for name in ("noise", "blends")}
        with (args.out / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)

    while (elapsed := time.monotonic() - start) < 60 * args.minutes:
        spent = began + elapsed
        progress = min(1.0, spent / total)
        rate = args.lr * warm_then_cosine(step, progress, 200)
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = rate
        index = torch.randint(0, len(codes), (args.batch,), generator=generator)
        parts = index.split([args.blends, args.batch - args.blends])
        starts = tuple(
            start_of(model, codes, attributes, part, generator)
            for start_of, part in zip((from_blends, from_noise), parts, strict=True)
        )
        joined = Start(*(torch.cat([getattr(s, name) for s in starts]) for name in Start.__dataclass_fields__))
        losses = loss_of(model, net, joined, generator)
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        losses.mean().backward()
        if torch.isfinite(nn.utils.clip_grad_norm_(model.parameters(), 1.0)):
            for optimizer in optimizers:
                optimizer.step()
        step += 1
        if step % EMA_EVERY == 0:
            ema.update(model)
        blends, noise = losses.detach().split([len(s.clean) for s in starts])
        sums = {
            "noise": sums["noise"] + float(noise.mean()),
            "blends": sums["blends"] + float(blends.mean()),
            "count": sums["count"] + 1,
        }
        if time.monotonic() - logged > 60 * args.save_minutes:
            save()
            logged, sums = time.monotonic(), dict.fromkeys(sums, 0)
    save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--attributes", type=Path, required=True, help="of training.attributes.label")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="checkpoint to begin with; default: fit the coordinates")
    parser.add_argument("--autoencoder", type=Path, default=checkpoint.CHECKPOINTS / "face-autoencoder")
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--total-minutes", type=float)
    parser.add_argument("--save-minutes", type=float, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--blends", type=int, default=32, help="how many of a batch are blends")
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--heads", type=int, default=3)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--ema", type=float, default=1000, help="horizon in steps")
    parser.add_argument("--compile", action="store_true", help="a seventh faster; needs a C++ compiler")
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
