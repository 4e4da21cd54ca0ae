"""Compare ways to morph on pairs of people that no model was trained on.

    python -m benchmarks.morph --data ../shared/data --weights ../shared/weights

Every number stands with its 95 % bootstrap interval over pairs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks import distance
from benchmarks.gradients import gradient_energy
from benchmarks.noise import bootstrap, bootstrap_mean
from benchmarks.people import Pair, People, shrink
from benchmarks.ways import Way, all_ways
from facemorph import FaceMorpher

ALPHAS = (0.35, 0.5, 0.65)
BASELINES = ("warp", "opencv")

Picture = npt.NDArray[np.uint8]


def small_frames(way: Way, pairs: list[Pair]) -> Picture:
    """Return the frames (P, 3, 128, 128, 3) of every pair."""
    size = distance.FRAME_SIZE
    return np.stack([way.frames(a.face, b.face, ALPHAS, size) for a, b in pairs])


def ends_of(pairs: list[Pair], size: int) -> Picture:
    """Return the aligned photos, (P, 2, size, size, 3)."""
    return np.stack([[shrink(person.face.image, size) for person in pair] for pair in pairs])


def contact_sheet(pairs: list[Pair], frames: dict[str, Picture], path: Path) -> None:
    """Write one row per pair and way: the first photo, the frames, the last photo."""
    rows = []
    for number, ends in enumerate(ends_of(pairs, distance.FRAME_SIZE)):
        for own in frames.values():
            rows.append(np.concatenate([ends[0], *own[number], ends[1]], axis=1))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(rows)).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="folder of AlexNet's weights; without it torchvision's")
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--split", choices=("validation", "training"), default="validation")
    parser.add_argument("--ways", help="some of the ways, with commas; default all")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet here")
    args = parser.parse_args()
    morpher = FaceMorpher.from_checkpoint(aligner="builtin")
    ways = all_ways(morpher)
    names = args.ways.split(",") if args.ways else list(ways)
    people = People(args.data, args.split, morpher)
    pairs = people.pairs(args.pairs)
    network = distance.load_alexnet(args.weights)
    reference = distance.fit_reference(
        *(lambda crops, weights: (distance.features(network, crops), weights))(*people.reference(pairs))
    )
    ends = ends_of(pairs, distance.FRAME_SIZE)

    def project(frames: Picture) -> npt.NDArray[np.float64]:
        rows = distance.features(network, frames.reshape(-1, *frames.shape[2:]))
        return reference.project(rows).reshape(*frames.shape[:2], -1)

    frames, projected = {}, {}
    for name in dict.fromkeys([*BASELINES, *names]):
        print(f"{name} …", file=sys.stderr, flush=True)
        frames[name] = small_frames(ways[name], pairs)
        projected[name] = project(frames[name])

    def away(name: str, counts: npt.NDArray[np.float64] | None = None) -> float:
        return distance.distance_over_alphas(projected[name], reference, counts)

    print(f"{len(pairs)} {args.split} pairs; reference: {len(reference.projected)} other people")
    print(f"floor, halves of the reference: {distance.floor(reference):+.3f}; ", end="")
    print(f"photos of the pairs: {distance.distance_over_alphas(project(ends), reference):+.3f}\n")
    print("| Way | Kernel distance | : thin-plate | : OpenCV | Gradient energy |\n|---|---|---|---|---|")
    for name in names:
        own = bootstrap(lambda c, n=name: away(n, c), len(pairs), 200)
        ratios = [
            bootstrap(lambda c, n=name, base=base: away(n, c) / away(base, c), len(pairs), 200).text()
            for base in BASELINES
        ]
        energy = bootstrap_mean(gradient_energy(frames[name][:, 1], ends))
        print(f"| {ways[name].title} | {own.text(3)} | {' | '.join(ratios)} | {energy.text()} |", flush=True)
    if args.sheet:
        contact_sheet(pairs, {name: frames[name] for name in names}, args.sheet)


if __name__ == "__main__":
    main()
