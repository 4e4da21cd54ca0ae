"""Attributes of a face: what they are called, which strengths are allowed, and what is worth a warning.

A strength runs from -1 to 1 and says how far an edit goes: 1 all the way to having the attribute, -1 all the way to its
opposite, 0 changes nothing. Along a morph it follows a curve: strengths at even distances from alpha 0 to 1, straight
lines between them.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from facemorph.errors import InputError, StrengthError, UnknownAttributeError, named

Region: TypeAlias = Literal["head", "mouth", "eyes", "forehead", "hair", "skin", "lips"]
"""Parts of a head; `facemorph.edit.regions` knows where they are."""
TINTED: tuple[Region, ...] = ("hair", "skin", "lips")
"""Parts whose colour is all that their attributes change."""


@dataclass(frozen=True)
class Painting:
    """What an edit takes of what the decoder changes.

    Attributes:
        takes: "all"; only "shade", so that the photo's colours, and the light on larger areas, stay; or only what grows
            "dark", where there is to be more of an attribute.
        finer_than: shades count up to this size, in parts of the side; 1 for any.
        gain: by how much what grows dark is exaggerated.
    """

    takes: Literal["all", "shade", "dark"] = "all"
    finer_than: float = 1.0
    gain: float = 1.0


EVERYTHING = Painting()
SHADE = Painting("shade", finer_than=0.14)
"""What is larger is light on a face and no part of it."""


@dataclass(frozen=True)
class Attribute:
    """How sentences speak of an attribute, and how edits show it.

    Attributes:
        more: what a face with it is or has.
        less: what a face without it is or has.
        graded: whether there is always more of it, so that no face "already has it".
        region: where it shows; an edit keeps the rest of the head as it is.
        painting: what an edit takes of what the decoder changes.
        roughens: whether skin with more of it has deeper wrinkles.
    """

    more: str
    less: str
    graded: bool = False
    region: Region = "head"
    painting: Painting = EVERYTHING
    roughens: bool = False


ATTRIBUTES: dict[str, Attribute] = {
    "age": Attribute("older", "younger", graded=True, painting=SHADE, roughens=True),
    "gender": Attribute("masculine", "feminine", graded=True, painting=SHADE),
    "smile": Attribute("a smile", "no smile", region="mouth", painting=SHADE),
    "open_mouth": Attribute("an open mouth", "a closed mouth", region="mouth"),
    "glasses": Attribute("glasses", "no glasses", region="eyes", painting=Painting("dark", 0.04, 2.6)),
    "beard": Attribute("a beard", "no beard", region="mouth", painting=Painting("dark", gain=1.6)),
    "bangs": Attribute("bangs", "no bangs", region="forehead"),
    "blond_hair": Attribute("blond hair", "no blond hair", region="hair"),
    "black_hair": Attribute("black hair", "no black hair", region="hair"),
    "grey_hair": Attribute("grey hair", "no grey hair", region="hair"),
    "pale_skin": Attribute("pale skin", "tanned skin", graded=True, region="skin"),
    "lipstick": Attribute("lipstick", "no lipstick", region="lips"),
    "makeup": Attribute("make-up", "no make-up"),
    "bushy_brows": Attribute("bushy brows", "thin brows", region="eyes", painting=Painting("dark", 0.06, 1.6)),
    "chubby": Attribute("a rounder face", "a leaner face", graded=True),
    "receding_hair": Attribute("a receding hairline", "a full hairline", region="forehead"),
    "hat": Attribute("a hat", "no hat"),
}
"""All that the networks know of, in their order; a checkpoint says which of them it offers."""

CurveName: TypeAlias = Literal["constant", "appears", "disappears", "peaks"]
CURVES: tuple[CurveName, ...] = get_args(CurveName)
Curve: TypeAlias = Sequence[float]
"""Strengths at even distances from alpha 0 to 1, one or more."""

HAS_IT = 0.5
"""A face counts as having an attribute above this presence, in [-1, 1], and as lacking it below minus this."""
NOTICEABLE = 0.3
"""A strength that asks for something on purpose."""
CHILD = 0.6
"""So much younger leads to a child."""
FULL_CHANGE = {"age": 1.0}
"""What strength 1 adds to an attribute, where it is not 2, from its opposite to itself: 40 years."""
ALREADY = "This face already has {}; more of it changes little."
UNDER_A_HAT = "A hat counts as hair here and changes its colour with it."
CONTRADICTION = "{} and {} seldom go together; both were done."


def curve(name: CurveName, strength: float) -> tuple[float, ...]:
    """Return the curve of an attribute along a morph.

    Args:
        name: "constant", "appears" (0 at the first face), "disappears" (0 at the second), "peaks" (0 at both).
        strength: in [-1, 1], where the curve is strongest.

    Raises:
        InputError: an unknown name.
    """
    curves = {
        "constant": (strength,),
        "appears": (0.0, strength),
        "disappears": (strength, 0.0),
        "peaks": (0.0, strength, 0.0),
    }
    if name not in curves:
        raise InputError(f"'{name}' is no curve. Choose {', '.join(CURVES[:-1])} or {CURVES[-1]}.")
    return curves[name]


def strengths_at(strengths: Curve, alphas: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the strengths of a curve at alphas in [0, 1], of the same shape."""
    knots = np.linspace(0, 1, len(strengths)) if len(strengths) > 1 else np.zeros(1)
    return np.interp(np.asarray(alphas, np.float64), knots, np.asarray(strengths, np.float64))


def check_strengths(strengths: Mapping[str, float], offered: Sequence[str]) -> None:
    """Refuse attributes that are not offered and strengths out of range.

    Raises:
        UnknownAttributeError: it names those that are offered.
        StrengthError: a strength outside [-1, 1].
        InputError: a strength that is no number, or no strengths by attribute at all.
    """
    _check_mapping(strengths)
    for name, strength in strengths.items():
        _check_name(name, offered)
        _check_strength(name, strength)


def as_curves(edits: Mapping[str, Curve | float], offered: Sequence[str]) -> dict[str, Curve]:
    """Return the curve of each attribute; a plain number is a constant one.

    Raises:
        InputError: as `check_strengths`, at any point of a curve, or an empty curve.
    """
    _check_mapping(edits)
    curves: dict[str, Curve] = {}
    for name, given in edits.items():
        _check_name(name, offered)
        curves[name] = _strengths_of(given)
        if len(curves[name]) == 0:
            raise InputError(f"The curve of {name} has no strengths. Give one or more from -1 to 1.")
        for strength in curves[name]:
            _check_strength(name, strength)
    return curves


def _check_mapping(edits: object) -> None:
    if not isinstance(edits, Mapping):
        raise InputError(f"What to edit is {named(edits)}. Pass strengths by attribute, such as {{'smile': 0.8}}.")


def _check_name(name: str, offered: Sequence[str]) -> None:
    if name not in offered:
        raise UnknownAttributeError(
            f"'{name}' is no attribute that can be edited. Choose from: {', '.join(offered) or 'none here'}.",
            name=name,
            known=tuple(offered),
        )


def _check_strength(name: str, strength: object) -> None:
    if not isinstance(strength, numbers.Real):
        raise InputError(f"The strength of {name} is {named(strength)}. Choose a number from -1 to 1.")
    value = float(strength)
    if not math.isfinite(value) or not -1 <= value <= 1:
        raise StrengthError(f"The strength of {name} is {value:g}. Choose from -1 to 1.", name=name, strength=value)


def _strengths_of(given: Any) -> tuple[Any, ...]:
    try:
        return (given,) if isinstance(given, str) else tuple(given)
    except TypeError:  # one strength; what is no number is refused next
        return (given,)


def strengths_for(edits: Mapping[str, Curve], end: Literal["first", "last"]) -> dict[str, float]:
    """Return how strong each edit is where it concerns one end of a morph.

    That is the strength at this end; what only passes on the way, 0 at both, concerns both where it is strongest.
    """
    at = 0 if end == "first" else -1
    return {
        name: max(strengths, key=abs) if strengths[0] == strengths[-1] == 0 else strengths[at]
        for name, strengths in edits.items()
    }


def changes_along(
    edits: Mapping[str, Curve],
    names: Sequence[str],
    readings: Sequence[npt.NDArray[np.float32]],
    alphas: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """Return what to add to the attributes at each position.

    Args:
        edits: curves by attribute.
        names: of the K attributes.
        readings: one or more (T, K) in [-1, 1], of the attributes at each position.
        alphas: (T,) in [0, 1].

    Returns:
        (T, K) float32; 0 for attributes without a curve.
    """
    lowest, highest = np.min(readings, 0), np.max(readings, 0)
    added: npt.NDArray[np.float32] = np.zeros_like(lowest)
    for row, alpha in enumerate(alphas):
        strengths = {name: float(strengths_at(strengths, alpha)) for name, strengths in edits.items()}
        present = dict(zip(names, zip(lowest[row].tolist(), highest[row].tolist(), strict=True), strict=True))
        for name, change in changes(strengths, present).items():
            added[row, names.index(name)] = change
    return added


def changes(strengths: Mapping[str, float], present: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Return what to add to each attribute, in [-2, 2].

    An attribute that a face can have goes no further than having it, or than lacking it; a graded one has no such end.

    Args:
        strengths: by attribute, in [-1, 1].
        present: how far the face has each attribute, the least and the most that it may be, in [-1, 1].
    """
    added = {}
    for name, strength in strengths.items():
        span = FULL_CHANGE.get(name, 2.0)
        least, most = (-span, span) if ATTRIBUTES[name].graded else (-1 - present[name][1], 1 - present[name][0])
        added[name] = min(max(span * strength, least), most)
    return added


def edit_warnings(strengths: Mapping[str, float], present: Mapping[str, float]) -> tuple[str, ...]:
    """Return what a user should know about an edit.

    Args:
        strengths: by attribute, in [-1, 1].
        present: how far the face has each attribute, in [-1, 1], -1 is its opposite.
    """
    said = []
    for name, strength in strengths.items():
        attribute, sign = ATTRIBUTES[name], math.copysign(1, strength)
        if strength and not attribute.graded and sign * present[name] > HAS_IT:
            said.append(ALREADY.format(attribute.more if strength > 0 else attribute.less))
    tinted = any(strength and ATTRIBUTES[name].region == "hair" for name, strength in strengths.items())
    if tinted and present.get("hat", -1.0) > HAS_IT:
        said.append(UNDER_A_HAT)
    for (first, one), (second, other) in CONTRADICTIONS:
        if _asked(strengths, first, one) and _asked(strengths, second, other):
            said.append(CONTRADICTION.format(_named(first, one).capitalize(), _named(second, other)))
    return tuple(said)


def _asked(strengths: Mapping[str, float], name: str, at_least: float) -> bool:
    strength = strengths.get(name, 0.0)
    return strength >= at_least if at_least > 0 else strength <= at_least


def _named(name: str, strength: float) -> str:
    if name == "age":
        return "a child's face" if strength < 0 else "an old face"
    attribute = ATTRIBUTES[name]
    words = attribute.more if strength > 0 else attribute.less
    return f"a {words} face" if attribute.graded and name == "gender" else words


CONTRADICTIONS: tuple[tuple[tuple[str, float], tuple[str, float]], ...] = (
    (("beard", NOTICEABLE), ("age", -CHILD)),
    (("beard", NOTICEABLE), ("gender", -NOTICEABLE)),
    (("grey_hair", NOTICEABLE), ("age", -CHILD)),
    (("receding_hair", NOTICEABLE), ("age", -CHILD)),
    (("lipstick", NOTICEABLE), ("beard", NOTICEABLE)),
    (("blond_hair", NOTICEABLE), ("black_hair", NOTICEABLE)),
    (("blond_hair", NOTICEABLE), ("grey_hair", NOTICEABLE)),
    (("black_hair", NOTICEABLE), ("grey_hair", NOTICEABLE)),
    (("bangs", NOTICEABLE), ("receding_hair", NOTICEABLE)),
)
"""Pairs of attributes, each with the strength from which on they contradict each other."""
