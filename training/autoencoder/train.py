"""Train an autoencoder, in legs that resume.

    python -m training.autoencoder.train face --packed packed/crops.npz --weights WEIGHTS --out runs/face --minutes 60
    python -m training.autoencoder.train conv --packed packed/crops.npz --weights WEIGHTS --out runs/conv --minutes 10

Each call goes on from `state.pt` in `--out`; the learning rate falls to zero at the end of `--total-minutes` of
training (all legs together, by default this one). EMA weights are written to `<out>/checkpoint`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from facemorph import checkpoint
from facemorph.models import ConvAutoencoder, ConvAutoencoderConfig, FaceAutoencoder, FaceAutoencoderConfig
from training.autoencoder.losses import AutoencoderLoss, LossWeights, landmark_points
from training.autoencoder.perceptual import training_network
from training.data.crops import PackedCrops
from training.legs.average import EMA_EVERY, Ema
from training.legs.learning_rate import warm_then_cosine

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


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    device = torch.device(args.device)
    model_type, config_type = FAMILIES[args.family]
    config = config_type()
    model = model_type(config).to(device, memory_format=torch.channels_last)
    weights = LossWeights(**json.loads(args.loss))
    loss_of = AutoencoderLoss(
        weights,
        training_network(args.weights).to(device),
        landmark_points(args.landmarks, device) if weights.landmark else None,
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.99), weight_decay=1e-4, fused=True)
    ema = Ema(model, args.ema)
    step, spent = 0, 0.0
    state_path = args.out / "state.pt"
    if state_path.exists():
        state = torch.load(state_path, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        ema.weights, ema.count, step, spent = state["ema"], state["ema_count"], state["step"], state["spent"]
    crops = PackedCrops(args.packed, validation=False, limit=args.limit)
    held_out = PackedCrops(args.packed, validation=True, limit=96)
    rng = np.random.default_rng([args.seed, step])
    total = 60 * (args.total_minutes or args.minutes + spent / 60)
    start, logged, sums = time.monotonic(), time.monotonic(), {}
    began = spent

    def save() -> None:
        args.out.mkdir(parents=True, exist_ok=True)
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "ema": ema.weights}
        torch.save({**state, "ema_count": ema.count, "step": step, "spent": spent}, state_path.with_suffix(".tmp"))
        state_path.with_suffix(".tmp").replace(state_path)
        averaged = model_type(config)
        averaged.load_state_dict(ema.weights)
        averaged.eval().to(device, memory_format=torch.channels_last)
        checkpoint.save(args.out / "checkpoint", averaged, config)
        line = {"step": step, "minutes": round(spent / 60, 2), "psnr": round(psnr_of(averaged, held_out, device), 3)}
        if model_type is FaceAutoencoder:
            line["psnr_compact"] = round(psnr_of(averaged, held_out, device, compact_only=True), 3)
        line |= {name: round(value / max(1, sums["count"]), 6) for name, value in sums.items() if name != "count"}
        with (args.out / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)

    while (elapsed := time.monotonic() - start) < 60 * args.minutes:
        spent = began + elapsed
        progress = min(1.0, spent / total)
        rate = args.lr * warm_then_cosine(step, progress, 200)
        for group in optimizer.param_groups:
            group["lr"] = rate
        index = rng.integers(0, len(crops), args.batch)
        batch = crops.batch(index, rng.random(args.batch) < 0.5, device)
        with torch.autocast(device.type, torch.bfloat16):
            loss, terms = loss_of(model, batch, step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if torch.isfinite(norm):
            optimizer.step()
        step += 1
        if step % EMA_EVERY == 0:
            ema.update(model)
        for name, value in {**terms, "count": 1, "norm": float(norm)}.items():
            sums[name] = sums.get(name, 0) + value
        if time.monotonic() - logged > 60 * args.save_minutes:
            save()
            logged, sums = time.monotonic(), {}
    save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="folder of perceptual weights; without it torchvision's VGG16")
    parser.add_argument("--landmarks", type=Path, default=checkpoint.CHECKPOINTS / "aligner-landmarks")
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--total-minutes", type=float)
    parser.add_argument("--save-minutes", type=float, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--ema", type=float, default=1000, help="horizon in steps")
    parser.add_argument("--limit", type=int, help="train on at most this many crops")
    parser.add_argument("--loss", default="{}", help=f"JSON over {dataclasses.asdict(LossWeights())}")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
