"""Distil LPIPS into the small network that spaces the frames of a morph evenly.

    python -m training.pace.train --data DATA --weights WEIGHTS --out runs/pace --pairs 70 --minutes 6

Morphs of training people are rendered at even alphas; the network learns, from the cheap probes that the app makes, how
much LPIPS over SqueezeNet changes from frame to frame. Reports are over AlexNet, which it never saw.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from facemorph import FaceMorpher, checkpoint, images
from facemorph.errors import FaceMorphError
from facemorph.models import PaceNetwork, PaceNetworkConfig
from facemorph.morph import join, positions, probe, render_frames
from judges.perceptual import load_lpips
from training.data.photos import PhotoFiles
from training.data.split import is_validation
from training.loop.distributed import Processes, joined
from training.loop.leg import Leg, add_arguments, autocast
from training.loop.state import load_state, log, save_state
from training.loop.streams import Streams

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
            pair = join(*(morpher.prepare(face, FRAME_SIZE) for face in faces))
            probes.append((probe(pair, positions(ALPHAS)) * 255).round().byte())
            parts = [
                images.to_uint8(render_frames(pair, positions(part), morpher.networks, quality="fast"))
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


class Objective(nn.Module):
    """The network with its loss, as one module that processes can share."""

    def __init__(self, model: PaceNetwork, weight: float) -> None:
        super().__init__()
        self.model, self.weight = model, weight

    def forward(self, frames: torch.Tensor, changes: torch.Tensor) -> torch.Tensor:
        """Return the disagreement with (M, T - 1) changes of the probes (M, T, 3, S, S) of morphs."""
        losses = [disagreement(self.model(probes), change) for probes, change in zip(frames, changes, strict=True)]
        return self.weight * torch.stack(losses).mean()


def train(args: argparse.Namespace, processes: Processes) -> None:
    """Train one leg, and report on the morphs that are held back."""
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    cache = args.out / "morphs.pt"
    with processes.one_at_a_time():
        if not cache.is_file():
            torch.save(make_morphs(args.data, args.pairs, load_lpips("squeeze", args.weights), args.seed), cache)
        probes, changes = torch.load(cache, weights_only=True)
    held = torch.arange(len(probes)) % HELD_BACK == 0
    taught, kept_back = (torch.nonzero(side).flatten() for side in (~held, held))
    model = PaceNetwork(PaceNetworkConfig()).to(processes.device)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-2)
    learning, share = ({"model": model}, {"optimizer": optimizer}), processes.share(args.batch)
    leg = Leg(args, processes, load_state(args.out, *learning, processes))
    objective = processes.shared(Objective(model, share.weight))

    def save() -> None:
        save_state(args.out, *learning, **leg.done)
        checkpoint.save(args.out / "checkpoint", model, model.config)
        with torch.inference_mode():
            shown = [(probes[i].to(processes.device).float() / 255, changes[i].to(processes.device)) for i in kept_back]
            left = [disagreement(model(frames), change).sqrt() for frames, change in shown]
        line = {"step": leg.step, "minutes": round(leg.spent / 60, 2), "held_back": len(left)}
        log(args.out, line | {"log_ratio_to_lpips_squeeze": round(float(torch.stack(left).mean()), 3)})

    for progress in leg.steps(save):
        optimizer.param_groups[0]["lr"] = args.lr * (1 - progress)
        streams = Streams(args.seed, leg.step, share)
        index, turned = taught[streams.rows(len(taught))], streams.rand() < 0.5
        frames = probes[index].float() / 255
        frames = torch.where(turned.view(-1, 1, 1, 1, 1), frames.flip(-1), frames)
        with autocast(args, processes.device):
            loss = objective(frames.to(processes.device), changes[index].to(processes.device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="folder of SqueezeNet's weights; without it torchvision's")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=70)
    add_arguments(parser, minutes=6, batch=2, lr=2e-3)
    parser.set_defaults(precision="float32")  # of differences between nearly equal frames
    args = parser.parse_args()
    with joined(args.device) as processes:
        train(args, processes)


if __name__ == "__main__":
    main()
