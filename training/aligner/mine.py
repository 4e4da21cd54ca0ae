"""Collect windows of face-free training pictures that an earlier aligner took for faces.

    python -m training.aligner.mine --checkpoints runs/early --out packed/hard_windows.npz

The landmark network then learns to refuse them (`training.aligner.train landmarks --hard …`). Only the training part of
the face-free pictures is looked at. Called again, it adds to the file.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from facemorph.align.builtin import DETECTOR, LANDMARKS, BuiltinBackend
from facemorph.align.pose import fit_pose
from training.aligner.material import BORDERS, Material, Picture, face_free, load_material, warp
from training.data.degrade import degrade

WINDOW_SIZE = 96
CANVAS = 256
PROPOSAL, DOUBT = 0.1, 0.1
"""The scores of both networks from which a window counts, lower than the aligner's own: near misses teach too."""
MOST = 6
"""Proposals that are looked at in each picture."""


def wrong_windows(backend: BuiltinBackend, picture: Picture, rng: np.random.Generator) -> list[Picture]:
    """Cut what the backend takes for a face in a face-free picture.

    A place is looked at where the detector puts it and again where the landmark network moves it, as the aligner does.
    """
    wrong = backend.propose(picture, CANVAS * int(rng.integers(1, 3)), PROPOSAL)[:MOST]
    windows = []
    for _ in range(2):
        if not wrong:
            break
        points, scores = backend.mark(picture, wrong)
        passed = [i for i, score in enumerate(scores) if score > DOUBT]
        windows += [warp(picture, wrong[i].window_from_photo(WINDOW_SIZE), WINDOW_SIZE, BORDERS[0]) for i in passed]
        wrong = [pose for pose in (fit_pose(points[i]) for i in passed) if pose.scale > 3]
    return windows


def mine(backend: BuiltinBackend, material: Material, *, minutes: float, limit: int, seed: int) -> list[Picture]:
    """Look at face-free pictures until `limit` windows are found or `minutes` are over."""
    rng = np.random.default_rng(seed)
    windows: list[Picture] = []
    end = time.monotonic() + 60 * minutes
    while len(windows) < limit and time.monotonic() < end:
        picture = face_free(material, CANVAS, rng)
        windows += wrong_windows(backend, degrade(picture, rng) if rng.random() < 0.3 else picture, rng)
    return windows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--checkpoints", type=Path, required=True, help=f"folder of {DETECTOR} and {LANDMARKS}")
    parser.add_argument("--out", type=Path, default=Path("packed/hard_windows.npz"))
    parser.add_argument("--packed", type=Path, default=Path("packed"))
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--limit", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    backend = BuiltinBackend.load(args.checkpoints)
    with torch.inference_mode():
        windows = mine(backend, load_material(args.packed), minutes=args.minutes, limit=args.limit, seed=args.seed)
    earlier = list(np.load(args.out)["windows"]) if args.out.exists() else []
    np.savez(args.out, windows=np.stack(earlier + windows))
    print(f"{len(windows)} windows more, {len(earlier)} before")


if __name__ == "__main__":
    main()
