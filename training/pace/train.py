"""Distil LPIPS into the small network that spaces the frames of a morph evenly.

    python -m training.pace.train --data DATA --weights WEIGHTS --out runs/pace --pairs 70 --minutes 6

Morphs of training people are rendered at even alphas; the network learns, from the cheap probes that the app makes, how
much LPIPS over SqueezeNet changes from frame to frame. Reports are over AlexNet, which it never saw.
"""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from facemorph import FaceMorpher, checkpoint, images
from facemorph.errors import FaceMorphError
from facemorph.models import PaceNetwork, PaceNetworkConfig
from facemorph.morph import positions, probe, render_frames
from judges.perceptual import load_lpips
from training.data.photos import PhotoFiles
from training.data.split import is_validation

ALPHAS = torch.linspace(0, 1, 25)
FRAME_SIZE = 256
HELD_BACK = 10
"""One morph in so many is not trained on, to see how well the network does."""


def make_morphs(data: Path, count: int, perceptual: nn.Module, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the probes (M, T, 3, 128, 128) uint8 of morphs of training people, and LPIPS between frames (M, T - 1)."""
    files, rng = PhotoFiles(data), np.random.default_rng(seed)
    photos = [photo for photo in files.list() if photo.source != "utkface" and not is_validation(photo.person)]
    morpher = FaceMorpher.from_checkpoint(aligner="builtin")
    probes, changes = [], []
    while len(probes) < count:
        chosen = [photos[i] for i in rng.choice(len(photos), 2, replace=False)]
        try:
            faces = [morpher.align(Image.open(io.BytesIO(files.read(p.source, p.name)))) for p in chosen]
        except FaceMorphError:
            continue
        with torch.inference_mode():
            a, b = (morpher.prepare(face, FRAME_SIZE) for face in faces)
            probes.append((probe(a, b, positions(ALPHAS)) * 255).round().byte())
            parts = [
                images.to_uint8(render_frames(a, b, positions(part), morpher.networks, quality="fast"))
                for part in ALPHAS.split(9)
            ]
            frames = images.to_tensor(np.concatenate(parts))
            changes.append(perceptual(frames[:-1], frames[1:], normalize=True).flatten())
        if len(probes) % 10 == 0:
            print(f"{len(probes)} morphs", flush=True)
    return torch.stack(probes), torch.stack(changes)


def disagreement(ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Return the variance of the logarithm of the ratio of two paces (T,): 0 where one is a multiple of the other."""
    ratio: torch.Tensor = (ours + 1e-5).log() - (theirs + 1e-5).log()
    return ratio.var()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="folder of SqueezeNet's weights; without it torchvision's")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=70)
    parser.add_argument("--minutes", type=float, default=6)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    cache = args.out / "morphs.pt"
    if not cache.is_file():
        torch.save(make_morphs(args.data, args.pairs, load_lpips("squeeze", args.weights), args.seed), cache)
    probes, changes = torch.load(cache, weights_only=True)
    held = torch.arange(len(probes)) % HELD_BACK == 0
    config = PaceNetworkConfig()
    model = PaceNetwork(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-2)
    train, start, step = torch.nonzero(~held).flatten(), time.monotonic(), 0
    while (progress := (time.monotonic() - start) / (60 * args.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = args.lr * (1 - progress)
        loss = torch.zeros(())
        for index in train[torch.randint(len(train), (2,))]:
            frames = probes[index].float() / 255
            if torch.rand(()) < 0.5:
                frames = frames.flip(-1)
            loss = loss + disagreement(model(frames), changes[index]) / 2
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        step += 1
        if step % 100 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)
    with torch.inference_mode():
        left = [disagreement(model(probes[i].float() / 255), changes[i]).sqrt() for i in torch.nonzero(held).flatten()]
    checkpoint.save(args.out / "checkpoint", model.eval(), config)
    print(f"step {step}; log ratio to LPIPS-Squeeze on {len(left)} morphs held back: {torch.stack(left).mean():.3f}")


if __name__ == "__main__":
    main()
