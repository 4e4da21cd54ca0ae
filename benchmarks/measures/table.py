"""The table: what was measured over all pairs, each number with its bootstrap interval."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmarks.measures.noise import Measured, bootstrap, bootstrap_mean
from benchmarks.measures.verdict import Floor, Verdict
from judges import distance

HEADER = (
    "Way",
    "Kernel distance",
    "÷ thin-plate's",
    "÷ OpenCV's",
    "Left",
    "Gradient energy",
    "Ghost score",
    "Landmarks %",
    "Identity",
    "Identity gap",
    "Ends dB (lowest)",
    "PPL",
    "Spread",
    "Peak",
)
BASELINES = ("warp", "opencv")
"""The two warps that the kernel distance is divided by."""

Array = npt.NDArray[np.float64]


def mean_of(verdicts: list[Verdict], name: str) -> Measured:
    """Measure the mean over pairs of one attribute."""
    return bootstrap_mean(np.array([getattr(verdict, name) for verdict in verdicts], np.float64))


def projected(verdicts: list[Verdict] | list[Floor], reference: distance.Reference) -> Array:
    """Return the features of all pairs (P, A, 32) in the reference's directions."""
    return reference.project(np.stack([verdict.features for verdict in verdicts]))


def ratio(own: list[Verdict], base: list[Verdict], reference: distance.Reference) -> Measured:
    """Measure the kernel distance of one way over another's on the same pairs."""
    above, below = (distance.distance_over_alphas(projected(v, reference), reference) for v in (own, base))
    return bootstrap(lambda counts: above(counts) / below(counts), len(own))


def row(title: str, own: list[Verdict], bases: list[list[Verdict]], reference: distance.Reference, left: str) -> str:
    """Return the table's row of one way.

    Args:
        title: what it is called.
        own: of each pair.
        bases: those of `BASELINES`.
        reference: real crops.
        left: what is left (`benchmarks.measures.left`), as text.
    """
    away = distance.distance_over_alphas(projected(own, reference), reference)
    lost = sum(verdict.lost for verdict in own)
    cells = [title, bootstrap(away, len(own)).text(3)]
    cells += ["1" if base is own else ratio(own, base, reference).text() for base in bases]
    cells.append(left)
    cells += [mean_of(own, "energy").text(), mean_of(own, "ghosts").text()]
    cells.append(mean_of(own, "landmarks").text() + (f", {lost} faces lost" if lost else ""))
    cells += [mean_of(own, name).text() for name in ("identity", "identity_gap")]
    ends = mean_of(own, "ends").text(1)
    cells.append(ends if ends == "–" else f"{ends} ({min(verdict.ends for verdict in own):.1f})")
    cells += [mean_of(own, name).text() for name in ("length", "spread", "peak")]
    return f"| {' | '.join(cells)} |"


def floor_row(floors: list[Floor], reference: distance.Reference) -> str:
    """Return the row of the photos themselves, which are one end or the other of every pair."""
    away = distance.distance_over_alphas(projected(floors, reference), reference)
    ghosts, landmarks = (
        bootstrap_mean(np.array([getattr(floor, name) for floor in floors])) for name in ("ghosts", "landmarks")
    )
    known = [bootstrap(away, len(floors)).text(3), "–", "–", "0", "1", ghosts.text(), landmarks.text()]
    return f"| the photos themselves | {' | '.join(known)} | {' | '.join('–' * 6)} |"


def header() -> str:
    """Return the first two lines of the table."""
    return f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}"
