"""Train the ghost detector on people of the training side, and say how well it judges people it never saw.

    python -m training.ghosts.train --packed packed/crops.npz --minutes 8

The state lies in `runs/ghost-detector`; the same command with more minutes goes on from there. `--evaluate` only
measures the checkpoint.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from facemorph import checkpoint, images
from facemorph.models import ConvAutoencoder, load_autoencoder
from judges.ghosts import FOLDER, GhostDetector, GhostDetectorConfig, ghost_scores
from training.ghosts.pictures import (
    Faces,
    Rng,
    degrade,
    delaunay_batch,
    draw_people,
    read_faces,
    reencode,
    thin_plate_batch,
)
from training.legs.learning_rate import warm_then_cosine

REENCODED = 0.25
DELAUNAY_POOL = 1500
"""OpenCV's triangles are slow: this many pictures of either kind are made once and drawn from."""
DELAUNAY_PART = 0.25
HELD_OUT = 400

Picture = npt.NDArray[np.uint8]


def auc(ghosts: npt.NDArray[np.float64], reals: npt.NDArray[np.float64]) -> float:
    """Return the chance that a ghost scores above a real face; ties count half."""
    return float(((ghosts[:, None] > reals).mean() + (ghosts[:, None] >= reals).mean()) / 2)


def training_batch(
    crops: Faces, pools: tuple[Picture, Picture], count: int, autoencoder: ConvAutoencoder, rng: Rng
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (2 · count, 3, 128, 128) degraded pictures in [0, 1] and their labels: `count` reals, then ghosts."""
    parts = []
    few = round(count * DELAUNAY_PART)
    for ghost in (False, True):
        parts.append(thin_plate_batch(crops, *draw_people(crops, count - few, rng), ghost, rng))
        parts.append(pools[ghost][rng.integers(0, len(pools[ghost]), few)])
    pictures = np.concatenate(parts)
    chosen = rng.random(len(pictures)) < REENCODED
    if chosen.any():
        pictures[chosen] = reencode(pictures[chosen], autoencoder)
    x = images.to_tensor(np.stack([degrade(picture, rng) for picture in pictures]))
    return x.contiguous(memory_format=torch.channels_last), torch.arange(2 * count).ge(count).float()


def judged(detector: GhostDetector, crops: Faces, count: int, *, degraded: bool) -> list[str]:
    """Return table rows: how the detector tells real from ghost, by the warp, on `count` pictures of either kind."""
    rows = []
    for name, make in (("thin-plate", thin_plate_batch), ("Delaunay", delaunay_batch)):
        rng = np.random.default_rng(1)
        kinds = [make(crops, *draw_people(crops, count, rng), ghost, rng) for ghost in (False, True)]
        if degraded:
            kinds = [np.stack([degrade(picture, rng) for picture in kind]) for kind in kinds]
        real, ghost = (ghost_scores(detector, kind) for kind in kinds)
        accuracy = ((real < 0.5).mean() + (ghost >= 0.5).mean()) / 2
        rows.append(
            f"| {name}{', degraded' if degraded else ''} | {auc(ghost, real):.3f} | {100 * accuracy:.1f} % "
            f"| {real.mean():.3f} | {ghost.mean():.3f} |"
        )
    return rows


def controls(detector: GhostDetector, faces: Faces, count: int) -> list[str]:
    """Return table rows: the mean score of real crops, unwarped, after what is no ghost but could be taken for one."""
    real = faces.images[np.linspace(0, len(faces) - 1, count).astype(int)]
    changed = {"as they are": real}
    for sigma in (1.0, 2.0):
        changed[f"blurred, σ {sigma:g} px"] = np.stack([cv2.GaussianBlur(x, (0, 0), sigma) for x in real])
    changed["at half the contrast"] = (real / 2 + 64).astype(np.uint8)
    for name in ("conv", "face"):
        model = load_autoencoder(checkpoint.CHECKPOINTS / f"{name}-autoencoder")
        changed[f"reconstructed by {name}-autoencoder"] = reencode(real, model)
    return [f"| {name} | {ghost_scores(detector, pictures).mean():.3f} |" for name, pictures in changed.items()]


def train(args: argparse.Namespace) -> GhostDetector:
    config = GhostDetectorConfig()
    detector = GhostDetector(config).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(detector.parameters(), lr=args.lr, weight_decay=1e-3)
    state_file, done, step = args.out / "state.pt", 0.0, 0
    if state_file.is_file():
        state = torch.load(state_file, weights_only=True)
        detector.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        done, step = state["seconds"], state["step"]
    rng = np.random.default_rng((args.seed, step))
    crops = read_faces(args.packed, validation=False)
    pools = tuple(delaunay_batch(crops, *draw_people(crops, DELAUNAY_POOL, rng), ghost, rng) for ghost in (False, True))
    autoencoder = ConvAutoencoder.from_checkpoint(checkpoint.CHECKPOINTS / "conv-autoencoder")
    start, losses, saved = time.monotonic() - done, [], time.monotonic()
    while (progress := (time.monotonic() - start) / (60 * args.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = args.lr * warm_then_cosine(step, progress, 50)
        x, y = training_batch(crops, pools, args.batch // 2, autoencoder, rng)
        with torch.autocast("cpu", torch.bfloat16):
            logits = detector(x).float()
        loss = F.binary_cross_entropy_with_logits(logits, y * 0.98 + 0.01)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(detector.parameters(), 1.0)
        optimizer.step()
        step += 1
        losses.append(loss.item())
        if step % 100 == 0:
            print(
                f"step {step} minute {progress * args.minutes:.1f} loss {np.mean(losses[-100:]):.4f}",
                flush=True,
            )
        if time.monotonic() - saved > 60:
            saved = time.monotonic()
            save(args.out, detector, optimizer, step, saved - start)
    save(args.out, detector, optimizer, step, time.monotonic() - start)
    return detector


def save(out: Path, detector: GhostDetector, optimizer: torch.optim.Optimizer, step: int, seconds: float) -> None:
    """Write the training's state, and the checkpoint beside it."""
    out.mkdir(parents=True, exist_ok=True)
    torch.save(
        {"model": detector.state_dict(), "optimizer": optimizer.state_dict(), "seconds": seconds, "step": step},
        out / "state.pt",
    )
    checkpoint.save(out / "checkpoint", detector, detector.config)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/ghost-detector"))
    parser.add_argument("--minutes", type=float, default=8, help="of training in all, earlier legs included")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluate", action="store_true", help="only measure the checkpoint in `checkpoints/`")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    if not args.evaluate:
        train(args)
        print(f"saved to {args.out / 'checkpoint'}; copy it to {FOLDER} to use it")
    folder = FOLDER if args.evaluate else args.out / "checkpoint"
    detector = checkpoint.load_model(folder, GhostDetector, GhostDetectorConfig)
    crops = read_faces(args.packed, validation=True)
    print(f"\n{HELD_OUT} pictures of either kind, of {len(set(crops.person))} people it never saw\n")
    print("| Warp | AUC | Accuracy | Mean score, real | Mean score, ghost |\n|---|---|---|---|---|")
    for degraded in (False, True):
        print("\n".join(judged(detector, crops, HELD_OUT, degraded=degraded)), flush=True)
    print("\n| Real crops of theirs | Mean score |\n|---|---|")
    print("\n".join(controls(detector, crops, HELD_OUT)))


if __name__ == "__main__":
    main()
