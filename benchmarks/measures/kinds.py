"""The table by kind of pair: where a way does well and where it doesn't. All of the frame at 0.5, 256 px."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.measures.left import References, left
from benchmarks.measures.middle import Middle
from benchmarks.measures.noise import bootstrap_mean
from benchmarks.measures.verdict import Floor

HEADER = ("Kind", "Pairs", "Way", "Left", "Gradient energy", "Eyes and mouth", "Ghosts above the photos'")
WARP = "warp"


@dataclass(frozen=True)
class Group:
    """The pairs of one kind.

    Attributes:
        kind: its name.
        floors: the photos of each pair.
        middles: what was measured, by the name of the way; `WARP` is among them.
        references: what patches of other people's photos look like.
    """

    kind: str
    floors: list[Floor]
    middles: dict[str, list[Middle]]
    references: References

    def part(self, kind: str, rows: list[int]) -> Group:
        """Return the pairs of `rows` as a group of their own."""
        floors = [self.floors[i] for i in rows]
        middles = {name: [own[i] for i in rows] for name, own in self.middles.items()}
        return Group(kind, floors, middles, self.references)

    def left(self, name: str) -> str:
        """Return what is left of one way, as text."""
        if name == WARP:
            return "1"
        own, warp = (np.stack([middle.patches for middle in self.middles[way]]) for way in (name, WARP))
        return left(own, warp, np.stack([floor.patches for floor in self.floors]), self.references).text()


def rows(group: Group, titles: dict[str, str]) -> list[str]:
    """Return a row for each way; `titles` by the names of the ways."""
    photos = np.array([floor.ghosts for floor in group.floors])
    lines = []
    for way, middles in group.middles.items():
        energy, features, ghosts = (
            np.array([getattr(middle, name) for middle in middles]) for name in ("energy", "feature_energy", "ghosts")
        )
        measured = [bootstrap_mean(column).text() for column in (energy, features, ghosts - photos)]
        lines.append(f"| {' | '.join([group.kind, str(len(middles)), titles[way], group.left(way), *measured])} |")
    return lines


def table(groups: list[Group], titles: dict[str, str]) -> str:
    """Return the whole table; kinds without a pair are left out."""
    lines = [f"| {' | '.join(HEADER)} |", f"|{'---|' * len(HEADER)}"]
    return "\n".join(lines + [line for group in groups if group.floors for line in rows(group, titles)])
