"""Strengths, curves, changes and warnings of attributes: plain rules, no network."""

from __future__ import annotations

import pytest

from facemorph import attributes
from facemorph.errors import InputError, StrengthError, UnknownAttributeError

ABSENT = dict.fromkeys(attributes.ATTRIBUTES, -1.0)


@pytest.mark.parametrize(
    ("name", "ends"),
    [("constant", (0.8, 0.8, 0.8)), ("appears", (0, 0.4, 0.8)), ("disappears", (0.8, 0.4, 0)), ("peaks", (0, 0.8, 0))],
)
def test_curves_are_where_their_names_say(name: attributes.CurveName, ends: tuple[float, ...]) -> None:
    assert attributes.strengths_at(attributes.curve(name, 0.8), [0, 0.5, 1]) == pytest.approx(ends)


def test_an_unknown_curve_is_told_the_known_ones() -> None:
    with pytest.raises(InputError, match="constant, appears, disappears or peaks"):
        attributes.curve("sometimes", 1.0)  # type: ignore[arg-type]


def test_an_unknown_attribute_is_told_the_known_ones() -> None:
    with pytest.raises(UnknownAttributeError, match=r"'wings' .* smile, age") as caught:
        attributes.check_strengths({"wings": 0.5}, ("smile", "age"))
    assert caught.value.known == ("smile", "age")


@pytest.mark.parametrize("strength", [1.01, -2, float("nan"), float("inf")])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(StrengthError, match="from -1 to 1"):
        attributes.check_strengths({"smile": strength}, ("smile",))


def test_a_plain_number_is_a_constant_curve() -> None:
    given = {"smile": 0.8, "age": (0, -1)}
    assert attributes.as_curves(given, ("smile", "age")) == {"smile": (0.8,), "age": (0, -1)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"wings": ()}, "'wings' is no attribute"),
        ({"smile": ()}, "curve of smile has no strengths"),
        ({"smile": (0, 2)}, "strength of smile is 2"),
        ({"smile": (0, None)}, "strength of smile is None"),
    ],
)
def test_a_curve_that_is_none_is_refused(given: dict[str, tuple[float, ...]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        attributes.as_curves(given, ("smile",))


def test_what_a_face_has_already_goes_no_further() -> None:
    assert attributes.changes({"glasses": 0.8}, {"glasses": (1.0, 1.0)}) == {"glasses": 0.0}
    assert attributes.changes({"glasses": 0.8}, {"glasses": (-1.0, -1.0)}) == {"glasses": 1.6}
    assert attributes.changes({"age": 0.8}, {"age": (0.9, 0.9)})["age"] > 0.5


def test_a_hat_is_said_to_be_tinted_with_the_hair_and_only_with_it() -> None:
    hat = ABSENT | {"hat": 0.9}
    assert attributes.edit_warnings({"blond_hair": 0.8}, hat) == (attributes.UNDER_A_HAT,)
    assert attributes.edit_warnings({"blond_hair": 0.8}, ABSENT) == ()
    assert attributes.edit_warnings({"blond_hair": 0.0, "smile": 0.8}, hat) == ()


def test_where_readings_differ_an_edit_goes_as_far_as_one_allows() -> None:
    unsure = {"glasses": (-0.5, 0.75)}
    assert attributes.changes({"glasses": 1.0}, unsure) == {"glasses": 1.5}
    assert attributes.changes({"glasses": -1.0}, unsure) == {"glasses": -1.75}


def test_what_a_face_has_already_is_said() -> None:
    assert attributes.edit_warnings({"smile": 0.8}, ABSENT | {"smile": 0.9}) == (
        "This face already has a smile; more of it changes little.",
    )
    assert attributes.edit_warnings({"glasses": -0.8}, ABSENT) == (
        "This face already has no glasses; more of it changes little.",
    )
    assert attributes.edit_warnings({"smile": 0.8, "age": 1.0}, ABSENT) == ()


def test_contradictions_are_said() -> None:
    (said,) = attributes.edit_warnings({"beard": 0.8, "age": -0.8}, ABSENT)
    assert said == "A beard and a child's face seldom go together; both were done."
    assert attributes.edit_warnings({"beard": 0.8, "age": -0.3}, ABSENT) == ()


def test_contradictions_name_known_attributes() -> None:
    assert {name for pair in attributes.CONTRADICTIONS for name, _ in pair} <= set(attributes.ATTRIBUTES)
