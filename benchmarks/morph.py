"""Compare ways to morph on pairs of people that no model was trained on.

    python -m benchmarks.morph --data ../shared/data --weights ../shared/weights

Every number stands with its 95 % bootstrap interval over pairs. What is measured, and by which network:

- kernel distance to crops of other people (`judges.distance`, AlexNet), frames at 0.35, 0.5 and 0.65, 128 px, and
  divided by that of the two warp-and-dissolves on the same pairs; lower is better
- left (`benchmarks.measures.left`, AlexNet): how much of the thin-plate warp's distance from photos is left, patches of
  the frame at 0.5, 256 px; 0 is as near as the photos themselves, 1 as far as the warp
- gradient energy at 0.5 against the ends' (`judges.gradients`, no network); 1 is as sharp as the photos
- ghost score (`judges.ghosts`, trained for this), mean of nine frames; 0 is one face, 1 is two
- landmark error (`judges.landmark_error`, our aligner), mean of nine frames, % of the outer-eye distance
- identity at 0.5 (`judges.identity`, MobileFaceNet): mean similarity to both parents, and the gap between them
- ends: PSNR of the first and last frame against the aligned photos, 256 px; 99 stands for exact
- PPL, spread, peak (`judges.motion`, LPIPS-Alex) over the 24 frames of the animation; other ways step evenly

A second table tells left, gradient energy and ghosts of the frame at 0.5, 256 px, by kind of pair: those drawn by
chance, and the hard ones of `benchmarks/eye_pairs.json`. `--left` measures no more than that.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from torch import nn

from benchmarks.measures import kinds, table
from benchmarks.measures.left import fit_references
from benchmarks.measures.verdict import PAIR_SIZE
from benchmarks.measures.workers import Workers, measure_middle, measure_pair
from benchmarks.measures.yaw import yaw
from benchmarks.people import EyePeople, Pair, People
from benchmarks.sheet import chosen_pairs, contact_sheet
from facemorph import FaceMorpher
from judges import distance
from judges.rivals.ways import Way, all_ways

RANDOM_ON_SHEET = 4
SHEET_WAYS = ("warp", "ours")
ALIKE = 15.0
"""Degrees of yaw by which the heads of a pair differ at most to count as turned alike."""


def chosen_names(asked: str | None, ways: dict[str, Way], always: tuple[str, ...] = table.BASELINES) -> list[str]:
    """Return the ways to measure, first those that are always among them."""
    names = asked.split(",") if asked else list(ways)
    unknown = [name for name in names if name not in ways]
    if unknown:
        raise SystemExit(f"There is no way called {', '.join(unknown)}. Choose from {', '.join(ways)}.")
    return list(dict.fromkeys([*always, *names]))


def alike(pairs: list[Pair]) -> list[int]:
    """Return which pairs have heads turned alike."""
    turns = [[yaw(person.face.landmarks) for person in pair] for pair in pairs]
    return [i for i, (a, b) in enumerate(turns) if abs(a - b) < ALIKE]


def eye_groups(people: EyePeople, workers: Workers, names: list[str], alexnet: nn.Sequential) -> list[kinds.Group]:
    """Measure the middles of the chosen pairs, kind by kind."""
    floors, middles = workers.measure(measure_middle, [people.pair(row) for row in people.rows], names)
    whole = kinds.Group("chosen", floors, middles, fit_references(alexnet, *people.reference(PAIR_SIZE)))
    own = [row.kind for row in people.rows]
    return [whole.part(kind, [i for i, k in enumerate(own) if k == kind]) for kind in dict.fromkeys(own)]


def report(
    people: People,
    pairs: list[Pair],
    eyes: EyePeople,
    workers: Workers,
    ways: dict[str, Way],
    args: argparse.Namespace,
) -> None:
    """Measure and print: the table unless only `left` is asked for, then the table by kind."""
    alexnet, names = distance.load_alexnet(args.weights), list(ways)
    references = fit_references(alexnet, *people.reference(pairs, PAIR_SIZE))
    if args.left:
        drawn = kinds.Group("drawn by chance", *workers.measure(measure_middle, pairs, names), references)
        print(f"{len(pairs)} pairs of {args.split} people\n")
    else:
        floors, verdicts = workers.measure(measure_pair, pairs, names)
        middles = {name: [verdict.middle for verdict in own] for name, own in verdicts.items()}
        drawn = kinds.Group("drawn by chance", floors, middles, references)
        crops, weights = people.reference(pairs, distance.FRAME_SIZE)
        reference = distance.fit_reference(distance.features(alexnet, crops), weights)
        print(f"{len(pairs)} pairs of {args.split} people; reference: {len(crops)} other people, whose random halves ")
        print(f"are {distance.floor(reference):+.3f} apart; motion at {args.motion_size} px\n\n{table.header()}")
        print(table.floor_row(floors, reference))
        for name in names:
            bases = [verdicts[base] for base in table.BASELINES]
            print(table.row(ways[name].title, verdicts[name], bases, reference, drawn.left(name)))
        print(flush=True)
    groups = [drawn, drawn.part(f"of these, heads alike ({ALIKE:.0f}°)", alike(pairs))]
    groups += eye_groups(eyes, workers, names, alexnet)
    print(kinds.table(groups, {name: way.title for name, way in ways.items()}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="folder of the judging networks; without it torchvision's AlexNet")
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--split", choices=("validation", "training"), default="validation")
    parser.add_argument("--ways", help="some of the ways, with commas; default all")
    parser.add_argument("--motion-size", type=int, default=256, help="pixels of the animation that LPIPS looks at")
    parser.add_argument("--quick", action="store_true", help="only kernel distance, left and gradient energy")
    parser.add_argument("--left", action="store_true", help="only left and the table by kind; no contact sheet")
    parser.add_argument("--sheet", type=Path, default=Path("runs/benchmark/sheet.png"), help="the contact sheet")
    parser.add_argument("--sheet-ways", default=",".join(SHEET_WAYS), help="the ways on the sheet, with commas")
    parser.add_argument("--only-sheet", action="store_true", help="draw the contact sheet, measure nothing")
    args = parser.parse_args()
    morpher = FaceMorpher.from_checkpoint(aligner="builtin")
    ways = all_ways(morpher)
    people = People(args.data, args.split, morpher)
    pairs = people.pairs(args.pairs)
    if not args.only_sheet:
        names = chosen_names(args.ways, ways, (kinds.WARP,) if args.left else table.BASELINES)
        eyes = EyePeople(args.data, args.split, morpher)
        with Workers(args.weights, args.motion_size, args.quick) as workers:
            report(people, pairs, eyes, workers, {name: ways[name] for name in names}, args)
    if not args.left:
        print("drawing the contact sheet …", file=sys.stderr)
        sheet_ways = [ways[name] for name in args.sheet_ways.split(",")]
        contact_sheet(chosen_pairs(people, pairs[:RANDOM_ON_SHEET]), sheet_ways, args.sheet)
        print(f"\ncontact sheet: {args.sheet}")


if __name__ == "__main__":
    main()
