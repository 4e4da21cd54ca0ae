"""Train the aligner's detector or its landmark network.

    python -m training.aligner.train detector --minutes 40 --out runs/detector
    python -m training.aligner.train landmarks --minutes 40 --out runs/landmarks --hard packed/hard_windows.npz

`--minutes` is the length of the whole run, over all legs: a run that was stopped goes on where it was. The learning
rate falls to nearly nothing at its end. `<out>/checkpoint` holds the averaged weights, `<out>/state.pt` what the next
leg needs.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from facemorph import checkpoint
from facemorph.align.detector import DetectorOutput, FaceDetector
from facemorph.align.landmarks import LandmarkNetwork, LandmarkOutput
from training.aligner.material import Material, load_material
from training.aligner.mosaics import make_mosaic, targets
from training.aligner.windows import make_window

Batch = dict[str, torch.Tensor]
SIZES = ((128, 32, 0.45), (192, 16, 0.3), (256, 10, 0.25))
"""The detector's canvases: side in pixels, pictures per batch, how often."""
WINDOWS_PER_BATCH = 64
SAVE_EVERY = 90.0
EMA_DECAY = 0.998


@dataclass
class Progress:
    """How far a run is: optimiser steps, and seconds of training over all legs."""

    step: int = 0
    seconds: float = 0.0


def detector_batches(material: Material, rng: np.random.Generator) -> Iterator[Batch]:
    """Yield batches of mosaics with what the detector is to say about them, for ever."""
    while True:
        size, count, _ = SIZES[rng.choice(len(SIZES), p=[chance for *_, chance in SIZES])]
        mosaics = [make_mosaic(material, size, rng) for _ in range(count)]
        heat, poses, weight = (torch.from_numpy(np.stack(part)) for part in zip(*map(targets, mosaics), strict=True))
        yield {
            "x": torch.from_numpy(np.stack([m.picture for m in mosaics])),
            "heat": heat[:, None],
            "poses": poses,
            "weight": weight[:, None],
            "known": 1 - torch.from_numpy(np.stack([m.doubtful for m in mosaics]))[:, None],
        }


def window_batches(material: Material, rng: np.random.Generator, size: int) -> Iterator[Batch]:
    """Yield batches of windows with their landmarks, for ever."""
    while True:
        windows = [make_window(material, size, rng) for _ in range(WINDOWS_PER_BATCH)]
        empty = np.zeros((68, 2), np.float32)
        yield {
            "x": torch.from_numpy(np.stack([w.picture for w in windows])),
            "landmarks": torch.from_numpy(np.stack([empty if w.landmarks is None else w.landmarks for w in windows])),
            "face": torch.tensor([float(w.landmarks is not None) for w in windows]),
        }


def detector_loss(output: DetectorOutput, batch: Batch) -> dict[str, torch.Tensor]:
    """Penalty-reduced focal loss of the heat (Zhou et al. 2019, equation 1) and L1 of the poses (smooth in roll)."""
    heat, p = batch["heat"], output.logits.sigmoid()
    positive = (heat == 1).float()
    log_p, log_q = F.logsigmoid(output.logits), F.logsigmoid(-output.logits)
    found = -((1 - p) ** 2 * log_p * positive).sum()
    silent = -((1 - heat) ** 4 * p**2 * log_q * (1 - positive) * batch["known"]).sum()
    scale = batch["poses"][:, 2:3].exp() * 3  # of the pose, in cells: 24 pixels are 3
    difference = (output.poses - batch["poses"]).abs()
    place = difference[:, :2].sum(1, keepdim=True) / scale
    turn = F.smooth_l1_loss(output.poses[:, 3:], batch["poses"][:, 3:], reduction="none", beta=0.5)
    turn = turn.sum(1, keepdim=True)
    weight = batch["weight"] / batch["weight"].sum().clamp(min=1)
    return {
        "heat": (found + silent) / positive.sum().clamp(min=4),
        "place": 2 * (place * weight).sum(),
        "scale": 2 * (difference[:, 2:3] * weight).sum(),
        "roll": 4 * (turn * weight).sum(),
    }


def landmark_loss(output: LandmarkOutput, batch: Batch, window_size: int) -> dict[str, torch.Tensor]:
    """L1 of the points in units of the mean face, inner points counting more, and cross-entropy of the face score."""
    weights = torch.ones(68, device=output.landmarks.device)
    weights[:17], weights[27:] = 0.5, 1.5
    distance = (output.landmarks - batch["landmarks"]).abs().sum(2) * weights
    points = (distance.mean(1) * batch["face"]).sum() / batch["face"].sum().clamp(min=1)
    return {
        "points": points * 3.2 / window_size,
        "face": 0.6 * F.binary_cross_entropy_with_logits(output.logits, batch["face"]),
    }


def learning_rate(progress: Progress, seconds: float, peak: float) -> float:
    """Warm up over 200 steps, then follow a cosine over the run's time down to 1 % of `peak`."""
    done = min(progress.seconds / seconds, 1.0)
    return peak * min(1.0, (progress.step + 1) / 200) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def save_state(
    out: Path, model: nn.Module, average: AveragedModel, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write the checkpoint of the averaged weights and, beside it, what the next leg needs."""
    checkpoint.save(out / "checkpoint", average.module, average.module.config)
    state = {"model": model.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save({**state, "step": progress.step, "seconds": progress.seconds}, out / "state.tmp")
    (out / "state.tmp").replace(out / "state.pt")


def train(
    task: str, out: Path, packed: Path, *, minutes: float, seed: int, device: str, peak: float, hard: Path | None
) -> None:
    """Train until the run has lasted `minutes`."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    model = (FaceDetector() if task == "detector" else LandmarkNetwork()).to(device, memory_format=torch.channels_last)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(EMA_DECAY))
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak, weight_decay=1e-3, betas=(0.9, 0.99))
    progress = Progress()
    if (out / "state.pt").exists():
        state = torch.load(out / "state.pt", map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        if state["optimizer"] is not None:  # None: the network was changed by hand since
            optimizer.load_state_dict(state["optimizer"])
        progress = Progress(state["step"], state["seconds"])
    rng = np.random.default_rng((seed, progress.step))
    material = load_material(packed, hard=hard)
    size = 0 if task == "detector" else model.config.window_size
    batches = detector_batches(material, rng) if task == "detector" else window_batches(material, rng, size)
    saved, sums = time.monotonic(), dict[str, float]()
    last = time.monotonic()
    for batch in batches:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(progress, minutes * 60, peak)
        batch = {k: v.to(device, non_blocking=True) for k, v in batch.items()}
        x = (batch["x"].permute(0, 3, 1, 2).float() / 255).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device, torch.bfloat16):
            output = model(x)
        losses = detector_loss(output, batch) if task == "detector" else landmark_loss(output, batch, size)
        loss = sum(losses.values(), torch.zeros((), device=device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
        average.update_parameters(model)
        if progress.step < 500:  # the average forgets the beginning
            average.module.load_state_dict(model.state_dict())
        now = time.monotonic()
        progress.step, progress.seconds, last = progress.step + 1, progress.seconds + now - last, now
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach())
        if progress.step % 200 == 0:
            means = " ".join(f"{name} {value / 200:.4f}" for name, value in sums.items())
            print(f"step {progress.step} {progress.seconds / 60:.1f} min {means}", flush=True)
            sums.clear()
        done = progress.seconds >= minutes * 60
        if done or now - saved > SAVE_EVERY:
            save_state(out, model, average, optimizer, progress)
            saved = time.monotonic()
        if done:
            return


def main() -> None:
    """Train what the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("task", choices=("detector", "landmarks"))
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--packed", type=Path, default=Path("packed"))
    parser.add_argument(
        "--hard", type=Path, help="windows that earlier checkpoints took for faces (training.aligner.mine)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peak", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    options = {"minutes": args.minutes, "seed": args.seed, "device": args.device, "peak": args.peak, "hard": args.hard}
    train(args.task, args.out, args.packed, **options)


if __name__ == "__main__":
    main()
