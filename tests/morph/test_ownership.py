from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch

from facemorph.morph import compose, join, ownership, positions
from facemorph.morph.landmark_windows import MAP_SIZE
from facemorph.morph.ownership import Owners
from facemorph.morph.regions import Regions
from facemorph.morph.traits import Traits
from tests.morph.people import CENTRE, UNIT, draw_person, end_of

PLAIN = Traits(turn=0.0, glasses=0.0, beard=0.0, hidden=0.0, skin=(0.6, 0.5, 0.4), sharpness=0.02, gape=0.0)
HAIRY, FRINGE = replace(PLAIN, hidden=0.2), replace(PLAIN, hidden=0.05)
LEFT, RIGHT = replace(PLAIN, turn=-0.5), replace(PLAIN, turn=0.4)
GLASSES, BEARD = replace(PLAIN, turn=0.1, glasses=1.0, hidden=0.1), replace(PLAIN, beard=1.0)
DARK, BLURRED = replace(PLAIN, skin=(0.25, 0.2, 0.15)), replace(PLAIN, sharpness=0.01)
COVERED = replace(PLAIN, hidden=0.3)
PAIRS = [
    pytest.param(((PLAIN, PLAIN), 0.02), id="alike"),
    pytest.param(((PLAIN, HAIRY), -0.03), id="hidden"),
    pytest.param(((LEFT, RIGHT), 0.0), id="turned"),
    pytest.param(((GLASSES, BEARD), 0.01), id="glasses and beard"),
]
ALPHAS = torch.linspace(0, 1, 51)
NOSE, MOUTH, EYES = (0.0, 0.3), (0.0, 1.05), ((-0.5, 0.0), (0.5, 0.0))
CLOTHES, NECK = (0.0, 2.6), (0.0, 1.85)


@pytest.fixture(scope="module")
def points() -> torch.Tensor:
    return end_of(draw_person()).landmarks


@pytest.fixture(scope="module")
def shown() -> tuple[Regions, Regions]:
    return end_of(draw_person(hair=0.2)).regions, end_of(draw_person(hair=0.5, length=2)).regions


def hand_over(
    alphas: torch.Tensor,
    points: torch.Tensor,
    shown: tuple[Regions, Regions],
    traits: tuple[Traits, Traits] = (PLAIN, PLAIN),
    brighter: float = 0.0,
) -> Owners:
    count, times = len(alphas), ownership.times(*traits, brighter)
    first, second = (replace(of, glasses=of.glasses.expand(count, -1, -1, -1)) for of in shown)
    return ownership.hand_over(alphas, points.expand(count, -1, -1), (first, second), times)


def at(owned: torch.Tensor, place: tuple[float, float]) -> torch.Tensor:
    """Return (T,) of (T, 1, m, m) at a place of the drawn person."""
    x, y = (int((place[i] * UNIT + CENTRE[i]) * MAP_SIZE) for i in (0, 1))
    return owned[:, 0, y, x]


@dataclass(frozen=True)
class Case:
    traits: tuple[Traits, Traits]
    brighter: float
    owners: Owners


@pytest.fixture(scope="module", params=PAIRS)
def case(request: pytest.FixtureRequest, points: torch.Tensor, shown: tuple[Regions, Regions]) -> Case:
    traits, brighter = request.param
    return Case(traits, brighter, hand_over(ALPHAS, points, shown, traits, brighter))


def test_each_end_belongs_to_one_photo(case: Case) -> None:
    for owned in (case.owners.detail, case.owners.cover):
        assert owned.shape == (len(ALPHAS), 1, MAP_SIZE, MAP_SIZE)
        assert not owned[0].any()
        assert (owned[-1] > 1 - 1e-6).all()
    assert not case.owners.shade[[0, -1]].any()


def test_no_place_is_handed_back(case: Case) -> None:
    for owned in (case.owners.detail, case.owners.cover):
        assert (owned.diff(dim=0) >= -1e-6).all()


def test_swapping_the_photos_and_turning_alpha_round_gives_the_rest(
    case: Case, points: torch.Tensor, shown: tuple[Regions, Regions]
) -> None:
    back = hand_over(1 - ALPHAS, points, shown[::-1], case.traits[::-1], -case.brighter)
    torch.testing.assert_close(back.shade, -case.owners.shade, atol=1e-4, rtol=0)
    torch.testing.assert_close(back.ring, case.owners.ring, atol=1e-4, rtol=0)
    torch.testing.assert_close(back.detail, 1 - case.owners.detail, atol=1e-4, rtol=0)
    torch.testing.assert_close(back.cover, 1 - case.owners.cover, atol=1e-4, rtol=0)


@pytest.mark.parametrize("place", [NOSE, MOUTH, *EYES, CLOTHES])
def test_a_piece_changes_hands_quickly(case: Case, place: tuple[float, float]) -> None:
    owned = at(case.owners.detail, place)
    divided = ALPHAS[(owned > 0.05) & (owned < 0.95)]
    assert divided.max() - divided.min() <= 0.15


def test_both_eyes_change_hands_at_once(case: Case) -> None:
    left, right = (at(case.owners.detail, eye) for eye in EYES)
    torch.testing.assert_close(left, right, atol=0.02, rtol=0)


def test_no_more_than_two_pieces_are_of_different_photos(points: torch.Tensor, shown: tuple[Regions, Regions]) -> None:
    """Eyes and nose go together, and so does all the rest."""
    owned = hand_over(ALPHAS, points, shown, (PLAIN, FRINGE), 0.0).detail
    torch.testing.assert_close(at(owned, NOSE), at(owned, EYES[0]), atol=0.05, rtol=0)
    for place in (MOUTH, NECK):
        torch.testing.assert_close(at(owned, place), at(owned, CLOTHES), atol=0.05, rtol=0)
    assert (at(owned, NOSE) - at(owned, CLOTHES)).abs().max() > 0.9


def test_the_hidden_and_then_the_darker_face_gives_up_its_inner_part_first() -> None:
    assert ownership.times(FRINGE, PLAIN, 0.0).inner < 0.5 < ownership.times(FRINGE, PLAIN, 0.0).outer
    assert ownership.times(PLAIN, FRINGE, 0.0).inner > 0.5 > ownership.times(PLAIN, FRINGE, 0.0).outer
    assert ownership.times(PLAIN, PLAIN, 0.1).inner < 0.5 < ownership.times(PLAIN, PLAIN, -0.1).inner


def test_heads_turned_to_different_sides_change_hands_as_a_whole() -> None:
    for first, second in ((PLAIN, replace(PLAIN, turn=0.8)), (replace(PLAIN, turn=-0.8), PLAIN)):
        when = ownership.times(first, second, 0.0)
        assert when.inner == when.outer
        assert (when.inner > 0.5) == (first == PLAIN)  # the one seen from the front is kept longer


def test_the_inner_face_takes_the_shade_of_the_head_that_it_is_in(
    points: torch.Tensor, shown: tuple[Regions, Regions]
) -> None:
    owners = hand_over(ALPHAS, points, shown, (PLAIN, HAIRY), 0.0)
    inner, outer = at(owners.detail, NOSE), at(owners.detail, CLOTHES)
    torch.testing.assert_close(at(owners.shade, NOSE), outer - inner, atol=0.05, rtol=0)
    assert not at(owners.shade, CLOTHES).any()
    assert not at(owners.ring, CLOTHES).any()
    assert at(owners.ring, NOSE).max() < 0.05


@pytest.mark.parametrize(
    "other", [GLASSES, BEARD, DARK, BLURRED, COVERED], ids=["glasses", "beard", "skin", "sharpness", "hidden"]
)
def test_what_does_not_fit_changes_hands_as_a_whole(other: Traits) -> None:
    for traits in ((other, PLAIN), (PLAIN, other)):
        when = ownership.times(*traits, 0.1)
        assert when.inner == when.outer
    both = ownership.times(other, replace(other, hidden=other.hidden + 0.05), 0.0)
    assert both.inner > both.outer


def test_what_one_photo_covers_the_other_shows() -> None:
    """Where hair hides one body, the other's stands in, whatever the time."""
    bare, fringe = end_of(draw_person()), end_of(draw_person(hair=0.3, hat=0.6))
    forehead = (0.0, -0.6)
    owner = compose(join(bare, fringe), positions(torch.tensor([0.7, 0.9]))).owner
    assert at(owner, forehead).max() < 0.1
    owner = compose(join(fringe, bare), positions(torch.tensor([0.1, 0.3]))).owner
    assert at(owner, forehead).min() > 0.9
