"""Train the prior over spatial codes, in legs that resume.

    python -m training.prior.train --packed packed/crops.npz --attributes packed/attributes.npz --out runs/prior \
        --minutes 60

The first call encodes all crops (two minutes, kept in `--out`). Part of each batch is flow matching from noise, told
the compact code, some of the attributes, both or nothing; the rest, `--blends`, starts from blends of two people and
noise, and is to come back to one of them: what `LatentPrior.refine` is for. Each call goes on from `state.pt` in
`--out`; the learning rate falls to zero at the end of `--total-minutes` of training (all legs together, by default this
one). EMA weights are written to `<out>/checkpoint`. Under torchrun all processes share each batch.
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

import torch
from torch import nn

from facemorph import checkpoint
from facemorph.models import FaceAutoencoder, LatentPrior, LatentPriorConfig
from training.attributes.label import NAMES
from training.codes.encode import load_codes
from training.codes.rows import coded_rows, load_attributes
from training.loop.distributed import Processes, joined
from training.loop.ema import EMA_EVERY, Ema
from training.loop.learning_rate import warm_then_cosine
from training.loop.leg import Leg, add_arguments, autocast
from training.loop.state import load_state, log, save_state
from training.loop.streams import Streams
from training.prior.losses import flow_losses, loss_of
from training.prior.starts import Start, from_blends, from_noise

LOGGED = 64
"""Crops of validation people on which the log reports the flow-matching loss."""


def optimizers_of(model: LatentPrior, lr: float) -> dict[str, torch.optim.Optimizer]:
    """Return Muon (Jordan et al. 2024) for the matrices of the blocks and AdamW for all else."""
    matrices = [p for p in model.blocks.parameters() if p.dim() == 2]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    return {
        "matrices": torch.optim.Muon(matrices, lr=lr, momentum=0.95, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        "others": torch.optim.AdamW(others, lr=lr, betas=(0.9, 0.99), weight_decay=1e-4, fused=True),
    }


class Objective(nn.Module):
    """The prior with its loss, as one module that processes can share."""

    def __init__(self, model: LatentPrior, weight: float, *, compiled: bool) -> None:
        super().__init__()
        self.model, self.weight = model, weight
        self._net = [torch.compile(model) if compiled else model]  # in a list, so that it is no second module

    def forward(self, start: Start, streams: Streams) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss to minimise, and the losses (B,) for the log."""
        losses = loss_of(self.model, self._net[0], start, streams)
        return self.weight * losses.mean(), losses.detach()


class Training:
    """A prior in training, with its codes, optimizers and average."""

    def __init__(self, args: argparse.Namespace, processes: Processes) -> None:
        torch.manual_seed(args.seed)
        self.args, self.device = args, processes.device
        args.out.mkdir(parents=True, exist_ok=True)
        autoencoder = FaceAutoencoder.from_checkpoint(args.autoencoder)
        with processes.one_at_a_time():
            self.codes, self.held_out = (
                load_codes(args.out / f"codes-{name}.pt", args.packed, autoencoder, validation=name == "validation")
                for name in ("training", "validation")
            )
        self.attributes, self.held_out_attributes = (
            load_attributes(args.attributes, coded_rows(args.packed, validation=side)) for side in (False, True)
        )
        self.config = LatentPriorConfig(width=args.width, depth=args.depth, heads=args.heads, attributes=NAMES)
        self.model = LatentPrior(self.config).to(self.device)
        self.optimizers = optimizers_of(self.model, args.lr)
        self.learning = {"model": self.model}, self.optimizers
        self.ema = Ema(self.model, args.ema)
        self.done = load_state(args.out, *self.learning, processes)
        if self.done is None:
            self._begin()
            self.ema = Ema(self.model, args.ema)
        else:
            self.ema.restore(self.done)
        self._sums = {"noise": 0.0, "blends": 0.0, "count": 0}

    def _begin(self) -> None:
        begun = LatentPrior(self.config)
        begun.load_state_dict(self.model.state_dict())
        spatial, compact, partner = (
            part.flatten(0, 1) for part in (self.codes.spatial, self.codes.compact, self.codes.partner_spatial)
        )
        if self.args.start:
            begun.load_state_dict(LatentPrior.from_checkpoint(self.args.start).state_dict())
        else:
            begun.fit(spatial, compact, partner)
        begun.compact_codes.fit_attributes(compact, self.attributes.repeat(2, 1))
        self.model.load_state_dict(begun.state_dict())

    def start(self, streams: Streams) -> tuple[Start, int]:
        """Draw where this process's samples start, and return how many of them are blends."""
        first, second = streams.split(self.args.blends)
        of_first, of_second = streams.rows(len(self.codes)).split([len(first), len(second)])
        parts = (
            from_blends(self.model, self.codes, self.attributes, of_first, first),
            from_noise(self.model, self.codes, self.attributes, of_second, second),
        )
        return Start(*(torch.cat([getattr(s, field.name) for s in parts]) for field in fields(Start))), len(first)

    def step(self, objective: nn.Module, streams: Streams, part: float) -> None:
        """Take one step at a part of the highest learning rate, and sum up the losses for the log."""
        for optimizer in self.optimizers.values():
            optimizer.param_groups[0]["lr"] = self.args.lr * part
        start, blends = self.start(streams)
        with autocast(self.args, self.device):
            loss, losses = objective(start, streams)
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if torch.isfinite(nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)):
            for optimizer in self.optimizers.values():
                optimizer.step()
        if (streams.step + 1) % EMA_EVERY == 0:
            self.ema.update(self.model)
        self._sums["blends"] += float(losses[:blends].mean())
        self._sums["noise"] += float(losses[blends:].mean())
        self._sums["count"] += 1

    def save(self, leg: Leg) -> None:
        """Write the state, the checkpoint and a line of the log."""
        save_state(self.args.out, *self.learning, **self.ema.state(), **leg.done)
        averaged = LatentPrior(self.config)
        averaged.load_state_dict(self.ema.weights)
        checkpoint.save(self.args.out / "checkpoint", averaged.eval(), self.config)
        flow = flow_losses(averaged, self.held_out, told=True, attributes=self.held_out_attributes, limit=LOGGED)
        line = {"step": leg.step, "minutes": round(leg.spent / 60, 2), "flow": flow}
        count = max(1, self._sums["count"])
        log(self.args.out, line | {name: round(self._sums[name] / count, 4) for name in ("noise", "blends")})
        self._sums = dict.fromkeys(self._sums, 0)


def train(args: argparse.Namespace, processes: Processes) -> None:
    """Train one leg."""
    training, share = Training(args, processes), processes.share(args.batch)
    objective = processes.shared(Objective(training.model, share.weight, compiled=args.compile))
    leg = Leg(args, processes, training.done)
    for progress in leg.steps(lambda: training.save(leg)):
        streams = Streams(args.seed, leg.step, share, processes.device)
        training.step(objective, streams, warm_then_cosine(leg.step, progress, 200))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--attributes", type=Path, required=True, help="of training.attributes.label")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="checkpoint to begin with; default: fit the coordinates")
    parser.add_argument("--autoencoder", type=Path, default=checkpoint.CHECKPOINTS / "face-autoencoder")
    parser.add_argument("--blends", type=int, default=32, help="how many of a batch are blends")
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--heads", type=int, default=3)
    parser.add_argument("--ema", type=float, default=1000, help="horizon in steps")
    parser.add_argument("--compile", action="store_true", help="a seventh faster; needs a C++ compiler")
    add_arguments(parser, minutes=9, batch=64, lr=2e-3)
    args = parser.parse_args()
    with joined(args.device) as processes:
        train(args, processes)


if __name__ == "__main__":
    main()
