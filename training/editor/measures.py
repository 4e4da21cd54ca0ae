"""What is measured of edits of attributes: success, leakage, what is kept, and where the landmarks lie. Plain maths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facemorph import AlignedFace
from facemorph.errors import FaceMorphError
from training.attributes.classifiers import Floats
from training.attributes.label import NAMES

MARGINS = {"age": 3.0}
"""Years; all other scores are probabilities, with the margin MARGIN."""
MARGIN = 0.1
CEILING = 99.0
"""What a PSNR counts as where nothing changed, dB."""

Pictures = npt.NDArray[np.uint8]
Align = Callable[[Pictures], AlignedFace]


@dataclass(frozen=True)
class Edited:
    """M edits of one attribute: of which faces, (M,); the signs of their strengths, (M,); (M, K) scores."""

    index: npt.NDArray[np.intp]
    signs: Floats
    before: Floats
    after: Floats


def directions(scores: Floats, name: str) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return which of (N,) faces to edit and the sign of the strength: away from where they are; age both ways."""
    everybody = np.arange(len(scores))
    if name == "age":
        return np.tile(everybody, 2), np.repeat([1.0, -1.0], len(scores))
    return everybody, np.where(scores > 0.5, -1.0, 1.0)


def moves(edited: Edited, name: str) -> Floats:
    """Return how far the target's score moves the right way, (M,)."""
    moved: Floats = edited.signs * (edited.after - edited.before)[:, NAMES.index(name)]
    return moved


def succeeds(edited: Edited, name: str) -> npt.NDArray[np.bool_]:
    """Tell which edits move the target's score the right way by its margin, (M,)."""
    return moves(edited, name) >= MARGINS.get(name, MARGIN)


def leakage(edited: Edited, name: str, spread: Floats) -> dict[str, float]:
    """Return how far each other judge's score moves, as a part of the target's mean move; (K,) standard deviations.

    It is infinite where the target does not move the right way.
    """
    spread = np.maximum(spread, 1e-6)
    target = moves(edited, name).mean() / spread[NAMES.index(name)]
    parts = np.abs(edited.after - edited.before).mean(0) / spread / (target if target > 0 else 1e-30)
    leaks = {other: float(part) for other, part in zip(NAMES, parts, strict=True) if other != name}
    return leaks if target > 0 else dict.fromkeys(leaks, float("inf"))


def psnr(a: Pictures, b: Pictures, where: npt.NDArray[np.bool_] | None = None) -> float:
    """Return the PSNR in dB of two (S, S, 3) pictures, where (S, S) `where` holds; CEILING at most."""
    error = (a.astype(np.float64) - b) ** 2
    mean = error.mean() if where is None else error[where].mean()
    return float(min(CEILING, 10 * np.log10(255**2 / max(mean, 1e-9))))


def landmark_error(align: Align, picture: Pictures, points: Floats) -> float | None:
    """Return how far landmarks found lie from (68, 2) points, % of the eye distance; None where no face is found."""
    try:
        found = align(picture)
    except FaceMorphError:
        return None
    back = (found.landmarks - found.matrix[:, 2]) @ np.linalg.inv(found.matrix[:, :2].astype(np.float64)).T
    eyes = np.linalg.norm(points[36:42].mean(0) - points[42:48].mean(0))
    return float(100 * np.linalg.norm(back - points, axis=1).mean() / eyes)


def landmark_errors(align: Align, pictures: Pictures, points: Floats) -> tuple[float, int]:
    """Return the mean `landmark_error` of M pictures where a face is found, and in how many none is."""
    errors = [landmark_error(align, picture, of) for picture, of in zip(pictures, points, strict=True)]
    found = [error for error in errors if error is not None]
    return float(np.mean(found)) if found else float("nan"), len(errors) - len(found)
