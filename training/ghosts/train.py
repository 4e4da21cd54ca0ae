"""Train the ghost detector on people of the training side, in legs that resume.

    python -m training.ghosts.train --packed packed/crops.npz --minutes 8

The state lies in `runs/ghost-detector`; the same command goes on from there.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from facemorph import checkpoint, images
from facemorph.models import ConvAutoencoder
from judges.ghosts import GhostDetector, GhostDetectorConfig
from training.ghosts.pictures import (
    SIZE,
    Faces,
    Rng,
    Rows,
    degrade,
    delaunay_batch,
    draw_alphas,
    draw_people,
    read_faces,
    reencode,
    thin_plate_batch,
)
from training.loop.distributed import Processes, Share, joined
from training.loop.learning_rate import warm_then_cosine
from training.loop.leg import Leg, add_arguments, autocast
from training.loop.state import load_state, log, save_state
from training.loop.streams import Streams

REENCODED = 0.25
DELAUNAY_POOL = 1500
"""OpenCV's triangles are slow: this many pictures of either kind are made once and drawn from."""
DELAUNAY_PART = 0.25

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Material:
    """What one process draws from.

    Attributes:
        faces: by the places of the batch that are this process's, the crops of each.
        pools: (P, 128, 128, 3) pictures by OpenCV's triangles, real ones and ghosts.
        autoencoder: which reencodes some of the pictures.
    """

    faces: list[Faces]
    pools: tuple[Picture, Picture]
    autoencoder: ConvAutoencoder


def load_material(args: argparse.Namespace, share: Share, processes: Processes) -> Material:
    """Read the crops of this process, and the pictures that are made once."""
    crops = read_faces(args.packed, validation=False)
    args.out.mkdir(parents=True, exist_ok=True)
    files = [args.out / f"delaunay-{kind}.npy" for kind in ("real", "ghost")]
    with processes.one_at_a_time():
        rng = np.random.default_rng(args.seed)
        for ghost, file in enumerate(files):
            if not file.exists():
                people = draw_people(crops, DELAUNAY_POOL, rng)
                alphas = draw_alphas(bool(ghost), rng, DELAUNAY_POOL)
                np.save(file, delaunay_batch(crops, *people, bool(ghost), alphas))
        real, ghosts = (np.load(file, mmap_mode="r") for file in files)
    faces = [crops.at(np.arange(place, len(crops), share.batch)) for place in share.places]
    autoencoder = ConvAutoencoder.from_checkpoint(checkpoint.CHECKPOINTS / "conv-autoencoder")
    return Material(faces, (real, ghosts), autoencoder)


def pair(faces: Sequence[Faces], rngs: Sequence[Rng]) -> tuple[Faces, Rows, Rows]:
    """Draw two people from each of N sets of crops; the N first ones and the N second ones are rows of the result."""
    drawn = [part.at(np.concatenate(draw_people(part, 1, rng))) for part, rng in zip(faces, rngs, strict=True)]
    everybody = Faces(*(np.concatenate([getattr(part, name) for part in drawn]) for name in Faces.__dataclass_fields__))
    return everybody, np.arange(0, len(everybody), 2), np.arange(1, len(everybody), 2)


def training_batch(material: Material, streams: Streams) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (B, 3, 128, 128) degraded pictures in [0, 1] and their labels (B,), 1 for ghosts: every second one."""
    batch, rngs, places = streams.share.batch, streams.numpy(), streams.places
    ghost, pooled = places % 2 == 1, places < batch * DELAUNAY_PART
    pictures = np.empty((len(places), SIZE, SIZE, 3), np.uint8)
    for kind in (False, True):
        chosen = np.flatnonzero((ghost == kind) & ~pooled)
        if len(chosen):
            faces = pair([material.faces[i] for i in chosen], [rngs[i] for i in chosen])
            alphas = np.concatenate([draw_alphas(kind, rngs[i], 1) for i in chosen])
            pictures[chosen] = thin_plate_batch(*faces, kind, alphas)
    for i in np.flatnonzero(pooled):
        own = material.pools[int(ghost[i])][places[i] :: batch]
        pictures[i] = own[rngs[i].integers(0, len(own))]
    chosen = np.flatnonzero([rng.random() < REENCODED for rng in rngs])
    if len(chosen):
        pictures[chosen] = reencode(pictures[chosen], material.autoencoder)
    x = images.to_tensor(np.stack([degrade(picture, rng) for picture, rng in zip(pictures, rngs, strict=True)]))
    return x.contiguous(memory_format=torch.channels_last), torch.from_numpy(ghost).float()


class Objective(nn.Module):
    """The detector with its loss, as one module that processes can share."""

    def __init__(self, model: GhostDetector, weight: float) -> None:
        super().__init__()
        self.model, self.weight = model, weight

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return the cross-entropy of (B, 3, 128, 128) pictures and their labels (B,)."""
        return self.weight * F.binary_cross_entropy_with_logits(self.model(x).float(), y * 0.98 + 0.01)


def train(args: argparse.Namespace, processes: Processes) -> None:
    """Train one leg."""
    torch.manual_seed(args.seed)
    detector = GhostDetector(GhostDetectorConfig()).to(processes.device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(detector.parameters(), weight_decay=1e-3)
    learning, share = ({"model": detector}, {"optimizer": optimizer}), processes.share(args.batch)
    leg = Leg(args, processes, load_state(args.out, *learning, processes))
    objective = processes.shared(Objective(detector, share.weight))
    material, losses = load_material(args, share, processes), list[float]()

    def save() -> None:
        save_state(args.out, *learning, **leg.done)
        checkpoint.save(args.out / "checkpoint", detector, detector.config)
        mean = round(float(np.mean(losses or [np.nan])), 4)
        log(args.out, {"step": leg.step, "minutes": round(leg.spent / 60, 2), "loss": mean})
        losses.clear()

    for progress in leg.steps(save):
        optimizer.param_groups[0]["lr"] = args.lr * warm_then_cosine(leg.step, progress, 50)
        x, y = training_batch(material, Streams(args.seed, leg.step, share))
        with autocast(args, processes.device):
            loss = objective(x.to(processes.device), y.to(processes.device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(detector.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/ghost-detector"))
    add_arguments(parser, minutes=8, batch=64, lr=1.5e-3, save_minutes=1)
    args = parser.parse_args()
    with joined(args.device) as processes:
        train(args, processes)


if __name__ == "__main__":
    main()
