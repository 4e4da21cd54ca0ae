"""Train an autoencoder, in legs that resume.

    python -m training.autoencoder.train face --packed packed/crops.npz --weights WEIGHTS --out runs/face --minutes 60
    python -m training.autoencoder.train conv --packed packed/crops.npz --weights WEIGHTS --out runs/conv --minutes 10

Each call goes on from `state.pt` in `--out`; the learning rate falls to zero at the end of `--total-minutes` of
training (all legs together, by default this one). EMA weights are written to `<out>/checkpoint`. Under torchrun all
processes share each batch.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from facemorph import checkpoint
from facemorph.models import ConvAutoencoder, ConvAutoencoderConfig, FaceAutoencoder, FaceAutoencoderConfig
from training.autoencoder.losses import AutoencoderLoss, LossWeights, landmark_points
from training.autoencoder.perceptual import training_network
from training.data.crops import Batch, PackedCrops
from training.loop.distributed import Processes, joined
from training.loop.ema import EMA_EVERY, Ema
from training.loop.learning_rate import warm_then_cosine
from training.loop.leg import Leg, add_arguments, autocast
from training.loop.state import load_state, log, save_state
from training.loop.streams import Streams

FAMILIES = {"face": (FaceAutoencoder, FaceAutoencoderConfig), "conv": (ConvAutoencoder, ConvAutoencoderConfig)}


def psnr_of(model: nn.Module, crops: PackedCrops, device: torch.device, *, compact_only: bool = False) -> float:
    """Mean PSNR in dB of reconstructions, each clamped to [0, 1], for the log."""
    values = []
    for start in range(0, len(crops), 32):
        index = np.arange(start, min(start + 32, len(crops)))
        batch = crops.batch(index, np.zeros(len(index), bool), device)
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            z = model.encode(batch.x).mode()
            output = model.decode(model.without_spatial(z) if compact_only else z).float()
        errors = ((output.clamp(0, 1) - batch.x) * batch.inside).square().flatten(1).sum(1)
        values.append(-10 * torch.log10(errors / (3 * batch.inside.flatten(1).sum(1))))
    return float(torch.cat(values).mean())


class Objective(nn.Module):
    """A model with its loss, as one module that processes can share.

    Args:
        model: what learns.
        loss: of it.
        weight: of this process's samples (`Share.weight`).
    """

    def __init__(self, model: nn.Module, loss: AutoencoderLoss, weight: float) -> None:
        super().__init__()
        self.model, self.loss, self.weight = model, loss, weight

    def forward(self, batch: Batch, step: int, streams: Streams) -> tuple[torch.Tensor, dict[str, float]]:
        total, terms = self.loss(self.model, batch, step, streams)
        return self.weight * total, terms


class Training:
    """An autoencoder in training, with its optimizer and its average."""

    def __init__(self, args: argparse.Namespace, processes: Processes) -> None:
        torch.manual_seed(args.seed)
        self.out, self.device = args.out, processes.device
        self.model_type, config_type = FAMILIES[args.family]
        self.config = config_type()
        self.model = self.model_type(self.config).to(self.device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), betas=(0.9, 0.99), weight_decay=1e-4, fused=True)
        self.ema, self.autocast = Ema(self.model, args.ema), autocast(args, self.device)
        self.learning = {"model": self.model}, {"optimizer": self.optimizer}
        self.done = load_state(args.out, *self.learning, processes)
        if self.done is not None:
            self.ema.restore(self.done)
        self.held_out = PackedCrops(args.packed, validation=True, limit=96)
        self._sums: dict[str, float] = {}

    def step(self, objective: nn.Module, batch: Batch, streams: Streams, rate: float) -> None:
        """Take one step, and sum up the terms of the loss for the log."""
        self.optimizer.param_groups[0]["lr"] = rate
        with self.autocast:
            loss, terms = objective(batch, streams.step, streams)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if torch.isfinite(norm):
            self.optimizer.step()
        if (streams.step + 1) % EMA_EVERY == 0:
            self.ema.update(self.model)
        for name, value in {**terms, "count": 1, "norm": float(norm)}.items():
            self._sums[name] = self._sums.get(name, 0) + value

    def save(self, leg: Leg) -> None:
        """Write the state, the checkpoint and a line of the log."""
        save_state(self.out, *self.learning, **self.ema.state(), **leg.done)
        averaged = self.model_type(self.config)
        averaged.load_state_dict(self.ema.weights)
        averaged.eval().to(self.device, memory_format=torch.channels_last)
        checkpoint.save(self.out / "checkpoint", averaged, self.config)
        psnr = psnr_of(averaged, self.held_out, self.device)
        line = {"step": leg.step, "minutes": round(leg.spent / 60, 2), "psnr": round(psnr, 3)}
        if self.model_type is FaceAutoencoder:
            line["psnr_compact"] = round(psnr_of(averaged, self.held_out, self.device, compact_only=True), 3)
        count = max(1, self._sums.pop("count", 0))
        log(self.out, line | {name: round(value / count, 6) for name, value in self._sums.items()})
        self._sums = {}


def train(args: argparse.Namespace, processes: Processes) -> None:
    """Train one leg."""
    training, share = Training(args, processes), processes.share(args.batch)
    weights = LossWeights(**json.loads(args.loss))
    loss = AutoencoderLoss(
        weights,
        training_network(args.weights).to(processes.device) if weights.perceptual else nn.Identity(),
        landmark_points(args.landmarks, processes.device) if weights.landmark else None,
        processes.evening(share),
    )
    objective = processes.shared(Objective(training.model, loss, share.weight))
    crops = PackedCrops(args.packed, validation=False, limit=args.limit, share=share)
    leg = Leg(args, processes, training.done)
    for progress in leg.steps(lambda: training.save(leg)):
        streams = Streams(args.seed, leg.step, share)
        index, mirror = streams.rows(crops.count).numpy(), (streams.rand() < 0.5).numpy()
        rate = args.lr * warm_then_cosine(leg.step, progress, 200)
        training.step(objective, crops.batch(index, mirror, processes.device), streams, rate)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="folder of perceptual weights; without it torchvision's VGG16")
    parser.add_argument("--landmarks", type=Path, default=checkpoint.CHECKPOINTS / "aligner-landmarks")
    parser.add_argument("--ema", type=float, default=1000, help="horizon in steps")
    parser.add_argument("--limit", type=int, help="train on at most this many crops")
    parser.add_argument("--loss", default="{}", help=f"JSON over {dataclasses.asdict(LossWeights())}")
    add_arguments(parser, minutes=9, batch=16, lr=1e-3)
    args = parser.parse_args()
    with joined(args.device) as processes:
        train(args, processes)


if __name__ == "__main__":
    main()
