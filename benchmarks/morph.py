"""Compare ways to morph on pairs of people that no model was trained on.

    python -m benchmarks.morph --data ../shared/data --weights ../shared/weights

Every number stands with its 95 % bootstrap interval over pairs. What is measured, and by which network:

- kernel distance to crops of other people (`judges.distance`, AlexNet), frames at 0.35, 0.5 and 0.65, 128 px, and
  divided by that of the two warp-and-dissolves on the same pairs; lower is better
- gradient energy at 0.5 against the ends' (`judges.gradients`, no network); 1 is as sharp as the photos
- ghost score (`judges.ghosts`, trained for this), mean of nine frames; 0 is one face, 1 is two
- landmark error (`judges.landmark_error`, our aligner), mean of nine frames, % of the outer-eye distance
- identity at 0.5 (`judges.identity`, MobileFaceNet): mean similarity to both parents, and the gap between them
- ends: PSNR of the first and last frame against the aligned photos, 256 px; 99 stands for exact
- PPL, spread, peak (`judges.motion`, LPIPS-Alex) over the 24 frames of the animation; other ways step evenly
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks import table
from benchmarks.people import Pair, People
from benchmarks.sheet import chosen_pairs, contact_sheet
from benchmarks.verdict import Floor, Judges, Verdict, judge, judge_photos, judge_quickly
from facemorph import FaceMorpher
from judges import distance
from judges.rivals.ways import Way, all_ways

RANDOM_ON_SHEET = 4
SHEET_WAYS = ("warp", "ours")


@dataclass(frozen=True)
class Bench:
    """What a process needs to measure: loaded once in each."""

    judges: Judges
    ways: dict[str, Way]
    motion_size: int
    quick: bool


_bench: list[Bench] = []


def start_worker(weights: Path | None, motion_size: int, quick: bool) -> None:
    """Load the networks in a worker, one thread each."""
    torch.set_num_threads(1)
    morpher = FaceMorpher.from_checkpoint(aligner="builtin")
    _bench.append(Bench(Judges.load(weights, morpher), all_ways(morpher), motion_size, quick))


def measure_pair(pair: Pair, names: list[str]) -> tuple[Floor, dict[str, Verdict]]:
    """Measure one pair in a worker."""
    bench, (a, b) = _bench[0], (person.face for person in pair)
    if bench.quick:
        verdicts = {name: judge_quickly(bench.ways[name], a, b, bench.judges) for name in names}
    else:
        verdicts = {name: judge(bench.ways[name], a, b, bench.judges, bench.motion_size) for name in names}
    return judge_photos(a, b, bench.judges), verdicts


def measure_all(
    pairs: list[Pair], names: list[str], weights: Path | None, motion_size: int, quick: bool
) -> tuple[list[Floor], dict[str, list[Verdict]]]:
    """Measure all pairs in as many processes as there are cores for us."""
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")
    started, floors = time.monotonic(), []
    verdicts: dict[str, list[Verdict]] = {name: [] for name in names}
    with ProcessPoolExecutor(workers, context, start_worker, (weights, motion_size, quick)) as pool:
        for number, (floor, own) in enumerate(pool.map(measure_pair, pairs, [names] * len(pairs)), 1):
            floors.append(floor)
            for name in names:
                verdicts[name].append(own[name])
            print(f"pair {number} of {len(pairs)}, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return floors, verdicts


def chosen_names(asked: str | None, ways: dict[str, Way]) -> list[str]:
    """Return the ways to measure, the baselines first; they are always among them."""
    names = asked.split(",") if asked else list(ways)
    unknown = [name for name in names if name not in ways]
    if unknown:
        raise SystemExit(f"There is no way called {', '.join(unknown)}. Choose from {', '.join(ways)}.")
    return list(dict.fromkeys([*table.BASELINES, *names]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="folder of the judging networks; without it torchvision's AlexNet")
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--split", choices=("validation", "training"), default="validation")
    parser.add_argument("--ways", help="some of the ways, with commas; default all")
    parser.add_argument("--motion-size", type=int, default=256, help="pixels of the animation that LPIPS looks at")
    parser.add_argument("--quick", action="store_true", help="only kernel distance and gradient energy")
    parser.add_argument("--sheet", type=Path, default=Path("runs/benchmark/sheet.png"), help="the contact sheet")
    parser.add_argument("--sheet-ways", default=",".join(SHEET_WAYS), help="the ways on the sheet, with commas")
    parser.add_argument("--only-sheet", action="store_true", help="draw the contact sheet, measure nothing")
    args = parser.parse_args()
    morpher = FaceMorpher.from_checkpoint(aligner="builtin")
    ways = all_ways(morpher)
    names = chosen_names(args.ways, ways)
    people = People(args.data, args.split, morpher)
    pairs = people.pairs(args.pairs)
    if not args.only_sheet:
        crops, weights = people.reference(pairs)
        reference = distance.fit_reference(distance.features(distance.load_alexnet(args.weights), crops), weights)
        floors, verdicts = measure_all(pairs, names, args.weights, args.motion_size, args.quick)
        print(f"{len(pairs)} pairs of {args.split} people; reference: {len(crops)} other people, whose random halves ")
        print(f"are {distance.floor(reference):+.3f} apart; motion at {args.motion_size} px\n\n{table.header()}")
        print(table.floor_row(floors, reference))
        for name in names:
            print(table.row(ways[name].title, verdicts[name], [verdicts[b] for b in table.BASELINES], reference))
        sys.stdout.flush()
    print("drawing the contact sheet …", file=sys.stderr)
    sheet_ways = [ways[name] for name in args.sheet_ways.split(",")]
    contact_sheet(chosen_pairs(people, pairs[:RANDOM_ON_SHEET]), sheet_ways, args.sheet)
    print(f"\ncontact sheet: {args.sheet}")


if __name__ == "__main__":
    main()
