"""Draw the sheets that people look at: hard pairs, six a sheet, without a word that tells the version or the kind.

    python -m benchmarks.eye_sheet --data ../shared/data --count 24 --out runs/eye

Each row shows photo A, the frames at 0.35, 0.5 and 0.65, and photo B, each of 256 px; pairs of `choose_pairs`. With
--animation it shows three frames at even distances of the animation that the page plays, most of which lie where the
two people change into each other.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.choose_pairs import TURN
from benchmarks.people import SPLITS, EyePeople, Pair
from benchmarks.sheet import caption
from facemorph import FaceMorpher
from judges.crops import Picture, shrink

ALPHAS = (0.35, 0.5, 0.65)
SIDE = 256
NUM_FRAMES, PLAYED = 24, (6, 12, 18)
"""Frames of an animation, and those that are shown."""
ROWS = 6
MARGIN = 24


def draw_row(number: int, pair: Pair, morpher: FaceMorpher, animation: bool = False) -> Picture:
    """Return the row of one pair, (256, W, 3) uint8; no more than its number is told."""
    a, b = (person.face for person in pair)
    if animation:
        frames = list(morpher.morph(a, b, NUM_FRAMES, SIDE).frames[list(PLAYED)])
    else:
        frames = [morpher.frame(a, b, alpha, SIDE) for alpha in ALPHAS]
    cells = [shrink(a.image, SIDE), *frames, shrink(b.image, SIDE)]
    return np.concatenate([caption(str(number), SIDE, MARGIN), *cells], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--split", choices=SPLITS, default="validation")
    parser.add_argument("--count", type=int, default=24, help="how many pairs")
    parser.add_argument("--start", type=int, default=0, help="how many pairs to pass over")
    parser.add_argument("--kind", choices=sorted(set(TURN)), help="only pairs of one kind")
    parser.add_argument("--animation", action="store_true", help="show frames of the animation that is played")
    parser.add_argument("--out", type=Path, default=Path("runs/eye"), help="folder of the sheets")
    args = parser.parse_args()
    torch.set_num_threads(1)
    morpher = FaceMorpher.from_checkpoint(aligner="builtin")
    people = EyePeople(args.data, args.split, morpher)
    pairs = [pair for pair in people.rows if args.kind in (None, pair.kind)][args.start : args.start + args.count]
    args.out.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(pairs), ROWS):
        part = pairs[start : start + ROWS]
        rows = [draw_row(pair.number, people.pair(pair), morpher, args.animation) for pair in part]
        path = args.out / f"{args.split}_{part[0].number:02d}.png"
        Image.fromarray(np.concatenate(rows)).save(path)
        print(path, flush=True)


if __name__ == "__main__":
    main()
