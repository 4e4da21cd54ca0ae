"""Choose the pairs of the eye sheet by what is hard about them, and write their names.

    python -m benchmarks.choose_pairs --data ../shared/data --weights ../shared/weights --labels packed/parts.npz

`benchmarks/eye_pairs.json` holds, for each side of the split, 48 pairs in an order whose every six hold two with hair
across a face, two of heads turned apart, one with a hat, glasses or a beard, and one of an open and a closed mouth.
Nobody is in two pairs. The choice has looked at photos (`UNFIT`), never at a morph.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import torch

from benchmarks.candidates import Candidate, celeba, portraits
from benchmarks.people import PAIRS_FILE, SPLITS
from facemorph import FaceMorpher
from judges.identity import load_identity
from training.data.photos import PORTRAITS
from training.parts.labels import SAME_PERSON

TURN = ("hair across", "turned", "occluder", "hair across", "turned", "mouth")
"""Kinds in the order of the file, over and over."""
TURNS = 8
SEED = 1
SOURCES = ((PORTRAITS, PORTRAITS), ("celeba", "celeba"), (PORTRAITS, "celeba"), ("celeba", PORTRAITS))
"""Where both photos of a kind's pairs come from, in turn; the other source where one has nobody left."""
APART = 25.0
"""Degrees by which the heads of a turned pair differ at least."""
ALIKE = 20.0
"""Degrees by which the heads of other pairs differ at most."""
SIDEWAYS, FAR, FRONTAL, PROFILE = 14.0, 20.0, 8.0, 40.0
"""Degrees from which a head is turned to a side, and far to it; up to which it is to neither; and the farthest."""
UNFIT = {
    "celebamask/0625.webp": "a wig drawn as a hat",
    "celeba/001842.jpg": "a hand hides the beard",
    "celeba/000453.jpg": "no hat to be seen",
    "celebamask/0676.webp": "writing across the face",
    "celebamask/0419.webp": "a pistol before the face",
    "celeba/001901.jpg": "hair on the cheek of a face that should be free",
    "celeba/002845.jpg": "a free forehead that should be under hair",
    "celeba/000950.jpg": "a free forehead that should be under hair",
    "celeba/001189.jpg": "writing across the face",
    "celeba/001656.jpg": "too dark to see the beard",
    "celeba/002507.jpg": "a head that lies on its side",
    "celeba/000405.jpg": "paint across the face",
    "celeba/002053.jpg": "paint across an eye",
    "celeba/001328.jpg": "a blurred profile",
    "celeba/000308.jpg": "no hat to be seen",
    "celeba/002228.jpg": "no hat to be seen",
    "celebamask/0026.webp": "glasses on the hair",
}
"""Photos that do not show what their labels say, found by looking at the photos of chosen pairs."""

Fits = Callable[[Candidate], bool]
FitTogether = Callable[[Candidate, Candidate], bool]


@dataclass(frozen=True)
class Rule:
    """What makes a pair: what each photo must be, and what both must be together."""

    first: Fits
    second: Fits
    together: FitTogether


def alike(a: Candidate, b: Candidate) -> bool:
    return abs(a.yaw - b.yaw) < ALIKE


def apart(a: Candidate, b: Candidate) -> bool:
    return abs(a.yaw - b.yaw) > APART


def has(trait: str, *lacked: str) -> Fits:
    return lambda candidate: trait in candidate.traits and not candidate.traits.intersection(lacked)


def turned(low: float, high: float) -> Fits:
    return lambda candidate: low <= candidate.yaw <= high


OPPOSITE = Rule(turned(SIDEWAYS, PROFILE), turned(-PROFILE, -SIDEWAYS), apart)
TO_THE_RIGHT = Rule(turned(FAR, PROFILE), turned(-FRONTAL, FRONTAL), apart)
TO_THE_LEFT = Rule(turned(-PROFILE, -FAR), turned(-FRONTAL, FRONTAL), apart)
HAIR = Rule(has("hair across", "hat", "glasses"), has("hair free", "hat", "glasses"), alike)
MOUTH = Rule(has("open mouth", "hat", "glasses"), has("closed mouth", "hat", "glasses"), alike)
WORN = tuple(Rule(has(trait), has("bare"), alike) for trait in ("hat", "glasses", "beard"))
RULES: dict[str, tuple[Rule, ...]] = {
    "turned": (OPPOSITE, TO_THE_RIGHT, OPPOSITE, TO_THE_LEFT),
    "occluder": WORN,
    "hair across": (HAIR,),
    "mouth": (MOUTH,),
}
"""The rules of each kind's pairs, in turn; kinds in the order of choice, those with the fewest photos first."""


def drawn(candidate: Candidate) -> bytes:
    """Return what candidates are sorted by: chance that stays the same when others come or go."""
    return hashlib.sha256(f"{SEED} {candidate.name}".encode()).digest()


class Chooser:
    """Chooses pairs one after the other from candidates of both splits; nobody is chosen twice."""

    def __init__(self) -> None:
        self._taken: list[Candidate] = []

    def free(self, candidate: Candidate) -> bool:
        """Tell whether neither this person nor anybody who may be the same is in a pair."""
        return candidate.name not in UNFIT and not any(
            candidate.person == other.person or candidate.embedding @ other.embedding > SAME_PERSON
            for other in self._taken
        )

    def pair(self, rule: Rule, pool: list[Candidate], sources: tuple[str, str]) -> tuple[Candidate, Candidate]:
        """Choose two people for a rule, from the sources asked for where they have any; their order is drawn."""
        for first in self._of(filter(rule.first, pool), sources[0]):
            for second in self._of(filter(rule.second, pool), sources[1]):
                strangers = first.person != second.person and first.embedding @ second.embedding < SAME_PERSON
                if strangers and rule.together(first, second):
                    self._taken += [first, second]
                    return (first, second) if drawn(first) < drawn(second) else (second, first)
        raise SystemExit("There is no pair left for one of the rules. Loosen it.")

    def _of(self, fitting: Iterable[Candidate], source: str) -> list[Candidate]:
        """Return free candidates as drawn, those of the source first."""
        kept = [candidate for candidate in fitting if self.free(candidate)]
        return sorted(kept, key=lambda candidate: (candidate.source != source, drawn(candidate)))


def choose(chooser: Chooser, pool: list[Candidate]) -> list[dict[str, str | float]]:
    """Return the rows of one split."""
    chosen: dict[str, Iterator[dict[str, str | float]]] = {}
    for kind, rules in RULES.items():
        rows = []
        for index, rule in zip(range(TURNS * TURN.count(kind)), cycle(rules), strict=False):
            a, b = chooser.pair(rule, pool, SOURCES[index // len(rules) % len(SOURCES)])
            rows.append({"a": a.name, "b": b.name, "kind": kind, "yaw_difference": round(abs(a.yaw - b.yaw), 1)})
        chosen[kind] = iter(rows)
    return [next(chosen[kind]) for _ in range(TURNS) for kind in TURN]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True, help="folder of the identity network")
    parser.add_argument("--labels", type=Path, required=True, help="the file that training.parts.labels writes")
    args = parser.parse_args()
    torch.set_num_threads(1)
    embed = load_identity(args.weights)
    if embed is None:
        raise SystemExit(f"Telling people apart needs onnxruntime and the identity network in '{args.weights}'.")
    morpher, chooser = FaceMorpher.from_checkpoint(aligner="builtin"), Chooser()
    pairs = {}
    for split in SPLITS:
        pool = [*portraits(args.labels, split), *celeba(args.data, split, morpher, embed)]
        pairs[split] = choose(chooser, pool)
    PAIRS_FILE.write_text(json.dumps(pairs, indent=1) + "\n")
    print(f"wrote {PAIRS_FILE}")


if __name__ == "__main__":
    main()
