"""Train the aligner's detector or its landmark network, in legs that resume.

    python -m training.aligner.train detector --minutes 40 --out runs/detector
    python -m training.aligner.train landmarks --minutes 40 --out runs/landmarks --hard packed/hard_windows.npz

Each call goes on from `state.pt` in `--out`; the learning rate falls to nearly nothing at the end of `--total-minutes`
(all legs together, by default this one). `<out>/checkpoint` holds the averaged weights. Under torchrun all processes
share each batch.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from facemorph import checkpoint
from facemorph.align.detector import FaceDetector
from facemorph.align.landmarks import LandmarkNetwork
from training.aligner.losses import Batch, detector_loss, landmark_loss
from training.aligner.material import Material, load_material
from training.aligner.mosaics import make_mosaic, targets
from training.aligner.windows import make_window
from training.loop.distributed import Processes, Share, joined
from training.loop.ema import EMA_EVERY, Ema
from training.loop.learning_rate import warm_then_cosine
from training.loop.leg import Leg, add_arguments, autocast
from training.loop.state import load_state, log, save_state
from training.loop.streams import Streams

SIZES = ((128, 1.0, 0.45), (192, 0.5, 0.3), (256, 0.31, 0.25))
"""The detector's canvases: side in pixels, part of a batch that fits as many pixels, how often."""
BATCHES = {"detector": 32, "landmarks": 64}
AVERAGED = 500.0
"""Steps over which the weights are averaged."""


@dataclass(frozen=True)
class Drawn:
    """A batch of one step, and whose it is."""

    batch: Batch
    share: Share


def detector_batch(material: Material, size: int, streams: Streams) -> Batch:
    """Return mosaics of side `size` with what the detector is to say about them."""
    mosaics = [
        make_mosaic(material.part(place, streams.share.batch), size, rng)
        for place, rng in zip(streams.places, streams.numpy(), strict=True)
    ]
    heat, poses, weight = (torch.from_numpy(np.stack(part)) for part in zip(*map(targets, mosaics), strict=True))
    return {
        "x": torch.from_numpy(np.stack([m.picture for m in mosaics])),
        "heat": heat[:, None],
        "poses": poses,
        "weight": weight[:, None],
        "known": 1 - torch.from_numpy(np.stack([m.doubtful for m in mosaics]))[:, None],
    }


def window_batch(material: Material, size: int, streams: Streams) -> Batch:
    """Return windows of side `size` with their landmarks."""
    windows = [
        make_window(material.part(place, streams.share.batch), size, rng)
        for place, rng in zip(streams.places, streams.numpy(), strict=True)
    ]
    empty = np.zeros((68, 2), np.float32)
    return {
        "x": torch.from_numpy(np.stack([w.picture for w in windows])),
        "landmarks": torch.from_numpy(np.stack([empty if w.landmarks is None else w.landmarks for w in windows])),
        "face": torch.tensor([float(w.landmarks is not None) for w in windows]),
    }


def draw(material: Material, window_size: int | None, step: int, args: argparse.Namespace, all_: Processes) -> Drawn:
    """Draw this process's part of a step: windows of `window_size`, or mosaics where that is None."""
    if window_size is not None:
        share = all_.share(args.batch)
        return Drawn(window_batch(material, window_size, Streams(args.seed, step, share)), share)
    common = np.random.default_rng((args.seed, step, 0))
    size, part, _ = SIZES[common.choice(len(SIZES), p=[chance for *_, chance in SIZES])]
    share = all_.share(max(1, round(args.batch * part)))
    return Drawn(detector_batch(material, size, Streams(args.seed, step, share)), share)


class Objective(nn.Module):
    """A network with its loss, as one module that processes can share."""

    def __init__(self, model: FaceDetector | LandmarkNetwork, processes: Processes) -> None:
        super().__init__()
        self.model, self._processes = model, processes

    def forward(self, batch: Batch, share: Share) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss to minimise, and its terms for the log."""
        x = (batch["x"].permute(0, 3, 1, 2).float() / 255).contiguous(memory_format=torch.channels_last)
        output, evened = self.model(x), self._processes.evening(share)
        if isinstance(self.model, FaceDetector):
            terms = detector_loss(output, batch, evened)
        else:
            terms = landmark_loss(output, batch, self.model.config.window_size, evened)
        total = torch.stack(list(terms.values())).sum()
        return share.weight * total, {name: float(term.detach()) for name, term in terms.items()}


def train(args: argparse.Namespace, processes: Processes) -> None:
    """Train one leg."""
    torch.manual_seed(args.seed)
    args.batch = args.batch or BATCHES[args.task]
    model: FaceDetector | LandmarkNetwork = FaceDetector() if args.task == "detector" else LandmarkNetwork()
    model = model.to(processes.device, memory_format=torch.channels_last)
    window_size = model.config.window_size if isinstance(model, LandmarkNetwork) else None
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-3, betas=(0.9, 0.99))
    learning, ema = ({"model": model}, {"optimizer": optimizer}), Ema(model, AVERAGED)
    if (done := load_state(args.out, *learning, processes)) is not None:
        ema.restore(done)
    material = load_material(args.packed, hard=args.hard)
    objective = processes.shared(Objective(model, processes))
    leg, sums = Leg(args, processes, done), dict[str, float]()

    def save() -> None:
        save_state(args.out, *learning, **ema.state(), **leg.done)
        averaged = type(model)(model.config)
        averaged.load_state_dict(ema.weights)
        checkpoint.save(args.out / "checkpoint", averaged.eval(), model.config)
        count = max(1.0, sums.pop("count", 0.0))
        line = {"step": leg.step, "minutes": round(leg.spent / 60, 2)}
        log(args.out, line | {name: round(value / count, 4) for name, value in sums.items()})
        sums.clear()

    for progress in leg.steps(save):
        optimizer.param_groups[0]["lr"] = args.lr * warm_then_cosine(leg.step, progress, 200)
        drawn = draw(material, window_size, leg.step, args, processes)
        batch = {name: value.to(processes.device, non_blocking=True) for name, value in drawn.batch.items()}
        with autocast(args, processes.device):
            loss, terms = objective(batch, drawn.share)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
        if (leg.step + 1) % EMA_EVERY == 0:
            ema.update(model)
        for name, value in {**terms, "count": 1.0}.items():
            sums[name] = sums.get(name, 0.0) + value


def main() -> None:
    """Train what the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("task", choices=BATCHES)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--packed", type=Path, default=Path("packed"))
    parser.add_argument("--hard", type=Path, help="windows that earlier checkpoints took for faces (aligner.mine)")
    add_arguments(parser, minutes=40, batch=None, lr=2e-3, seed=1, save_minutes=1.5)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    with joined(args.device) as processes:
        train(args, processes)


if __name__ == "__main__":
    main()
