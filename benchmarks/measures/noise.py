"""The noise of a number: bootstrap intervals over pairs (Efron 1979, percentiles)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

REPEATS = 1000
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A number and the interval in which 95 % of the bootstrap's repeats lie."""

    value: float
    low: float
    high: float

    def text(self, digits: int = 2, sign: str = "") -> str:
        """Return `value [low, high]`; a number that could not be measured is a dash."""
        if not np.isfinite(self.value):
            return "–"
        return f"{self.value:{sign}.{digits}f} [{self.low:{sign}.{digits}f}, {self.high:{sign}.{digits}f}]"


def draws(count: int, repeats: int = REPEATS) -> npt.NDArray[np.float64]:
    """Return how often each of `count` pairs is drawn in each repeat, (repeats, count); the same on every call."""
    rng = np.random.default_rng(0)
    return rng.multinomial(count, np.full(count, 1 / count), size=repeats).astype(np.float64)


def bootstrap(statistic: Callable[[Array], float], count: int, repeats: int = REPEATS) -> Measured:
    """Measure a statistic of pairs and its noise.

    Args:
        statistic: takes how often each pair counts, (count,).
        count: number of pairs.
        repeats: of the bootstrap.
    """
    values = [statistic(weights) for weights in draws(count, repeats)]
    low, high = np.nanpercentile(values, [2.5, 97.5]) if np.isfinite(values).any() else (np.nan, np.nan)
    return Measured(statistic(np.ones(count)), float(low), float(high))


def bootstrap_mean(values: Array) -> Measured:
    """Measure the mean of one number per pair (P,); pairs where it is NaN are left out."""
    known = np.isfinite(values)
    if not known.any():
        return Measured(np.nan, np.nan, np.nan)
    kept = values[known]
    return bootstrap(lambda weights: float(weights @ kept / weights.sum()), len(kept))
