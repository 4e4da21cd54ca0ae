"""Left: how much of the way from photos to a warp-and-dissolve is left between photos and a morph, to a network's eye.

Left = (ours - floor) / (warp - floor), each a kernel distance (`judges.distance`) of unscaled patches of 112 px from
256-px frames at alpha 0.5 to the same places of other people's photos. 0 looks as much like photos as the pairs' own
first photos, which are the floor; 1 looks as little as the thin-plate warp-and-dissolve of the same pairs. Every place
has a reference of its own (directions and spread); distances are means over the five places.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from torch import nn

from benchmarks.measures.middle import patch_features
from benchmarks.measures.noise import Measured, bootstrap
from judges import distance
from judges.crops import Picture

Array = npt.NDArray[np.float64]
References = list[distance.Reference]
"""One for each place of `judges.crops.PATCH_CENTRES`."""


def fit_references(alexnet: nn.Sequential, crops: Picture, weights: Array) -> References:
    """Return the references that (N, 256, 256, 3) crops of other people make; `weights` (N,)."""
    rows = np.stack([patch_features(alexnet, crop) for crop in crops], axis=1)
    return [distance.fit_reference(place, weights) for place in rows]


def patch_distance(features: Array, references: References) -> Callable[[Array], float]:
    """Return the mean distance of the patches (P, 5, F) of P pairs from real ones, as a function of pairs' counts."""
    places = [
        distance.distance_over_alphas(reference.project(features[:, [i]]), reference)
        for i, reference in enumerate(references)
    ]
    return lambda counts: float(np.mean([place(counts) for place in places]))


def left_of(own: float, warp: float, floor: float) -> float:
    """Return which part of the warp's distance above the floor is left; NaN where the warp has none."""
    return (own - floor) / (warp - floor) if warp > floor else float("nan")


def left(own: Array, warp: Array, photos: Array, references: References) -> Measured:
    """Measure `left` of one way; all patch features are (P, 5, F) and belong to the same pairs.

    Args:
        own: of the way's frames.
        warp: of the thin-plate warp-and-dissolve's.
        photos: of the pairs' first photos.
        references: of other people.
    """
    distances = [patch_distance(features, references) for features in (own, warp, photos)]
    return bootstrap(lambda counts: left_of(*(away(counts) for away in distances)), len(own))
