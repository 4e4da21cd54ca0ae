from __future__ import annotations

import pytest
import torch

from facemorph.morph import ownership
from facemorph.morph.regions import Regions
from facemorph.morph.traits import Traits
from tests.morph.discs import SIDE, disc, parts, shown

BLACK, WHITE = torch.zeros(1, 3, 64, 64), torch.ones(1, 3, 64, 64)
PLAIN = Traits(far_side=1.0, glasses=0.0)
ALPHAS = torch.linspace(0, 1, 21)


@pytest.fixture
def points() -> torch.Tensor:
    """68 landmarks: a cross in the middle of the crop, the eyes among them above its centre."""
    along = torch.linspace(0.35, 0.65, 34)
    half = torch.full_like(along, 0.5)
    return torch.cat([torch.stack([along, half], 1), torch.stack([half, along], 1)])


def hand_over(
    alphas: torch.Tensor,
    points: torch.Tensor,
    first: Regions,
    second: Regions,
    photos: tuple[torch.Tensor, torch.Tensor] = (BLACK, WHITE),
    traits: tuple[Traits, Traits] = (PLAIN, PLAIN),
) -> tuple[torch.Tensor, torch.Tensor]:
    count = len(alphas)
    wide = [
        Regions(*(x.expand(count, -1, -1, -1) for x in (r.membership, r.distance, r.tone))) for r in (first, second)
    ]
    pictures = photos[0].expand(count, -1, -1, -1), photos[1].expand(count, -1, -1, -1)
    return ownership.hand_over(alphas, points.expand(count, -1, -1), pictures, wide[0], wide[1], traits)


def test_ends_belong_to_one_photo(points: torch.Tensor) -> None:
    weight, _ = hand_over(torch.tensor([0.0, 1.0]), points, shown(parts(0.45, 0.3)), shown(parts(0.3, 0.25)))
    assert not weight[0].any()
    assert (weight[1] == 1).all()


def test_no_place_is_handed_back(points: torch.Tensor) -> None:
    weight, _ = hand_over(ALPHAS, points, shown(parts(0.45, 0.3)), shown(parts(0.3, 0.25)))
    assert (weight.diff(dim=0) >= -1e-6).all()


def test_equal_photos_dissolve(points: torch.Tensor) -> None:
    same = shown(parts(0.4, 0.3))
    weight, _ = hand_over(ALPHAS, points, same, same, photos=(WHITE, WHITE))
    torch.testing.assert_close(weight, ALPHAS.reshape(-1, 1, 1, 1).expand_as(weight), atol=2e-2, rtol=0)


def test_the_face_blends_and_its_surroundings_change_hands_quickly(points: torch.Tensor) -> None:
    everywhere = shown(torch.cat([torch.ones(1, 1, SIDE, SIDE), torch.zeros(1, 1, SIDE, SIDE)], 1))
    weight, _ = hand_over(ALPHAS, points, everywhere, everywhere)
    middle = SIDE // 2
    torch.testing.assert_close(weight[:, 0, middle, middle], ALPHAS, atol=0.1, rtol=0)
    divided = ((weight > 0.02) & (weight < 0.98)).float().mean(0)[0]
    assert divided[middle, middle] > 0.8
    assert divided[2, 2] < 0.4


def radius_of_the_person(weight: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> float:
    """Return how far the person reaches from the middle to the right, by coverage."""
    covered = (1 - weight) * first[:, :1] + weight * second[:, :1]
    return float(covered[0, 0, SIDE // 2, SIDE // 2 :].sum() / SIDE)


@pytest.mark.parametrize(("first", "second"), [(0.25, 0.45), (0.45, 0.25)])
def test_the_outline_moves_from_one_photo_to_the_other(points: torch.Tensor, first: float, second: float) -> None:
    masks = parts(first), parts(second)
    reach = [
        radius_of_the_person(hand_over(torch.tensor([a]), points, *(shown(m) for m in masks))[0], *masks)
        for a in (0.0, 0.4, 0.5, 0.6, 1.0)
    ]
    assert reach == sorted(reach, reverse=first > second)
    assert reach[2] == pytest.approx((first + second) / 2, abs=0.03)


def test_a_moving_outline_is_an_edge_not_a_veil(points: torch.Tensor) -> None:
    weight, _ = hand_over(torch.tensor([0.5]), points, shown(parts(0.25)), shown(parts(0.45)))
    ring = (disc(0.45) - disc(0.25)).bool()
    divided = ((weight > 0.05) & (weight < 0.95))[ring].float().mean()
    assert divided < 0.4


def test_codes_mix_where_both_show_a_person_or_both_do_not(points: torch.Tensor) -> None:
    _, mixed = hand_over(torch.tensor([0.5]), points, shown(parts(0.25)), shown(parts(0.45)))
    assert mixed[disc(0.2).bool()].min() == 1
    assert mixed[(1 - disc(0.5)).bool()].min() == 1
    assert mixed[(disc(0.4) - disc(0.3)).bool()].max() == 0


def test_glasses_go_before_the_middle_and_come_after_it(points: torch.Tensor) -> None:
    worn = Traits(far_side=1.0, glasses=1.0)
    person = shown(parts(0.45))
    eyes = round(float(points[40, 0]) * SIDE), round(float(points[40, 1]) * SIDE)
    gone, _ = hand_over(torch.tensor([0.5]), points, person, person, traits=(worn, PLAIN))
    to_come, _ = hand_over(torch.tensor([0.5]), points, person, person, traits=(PLAIN, worn))
    assert gone[0, 0, eyes[1], eyes[0]] > 0.95
    assert to_come[0, 0, eyes[1], eyes[0]] < 0.05


def test_a_face_seen_from_the_front_stays_longer_than_a_profile(points: torch.Tensor) -> None:
    person, profile = shown(parts(0.45)), Traits(far_side=0.05, glasses=0.0)
    middle = SIDE // 2
    frontal_first, _ = hand_over(torch.tensor([0.5]), points, person, person, traits=(PLAIN, profile))
    frontal_last, _ = hand_over(torch.tensor([0.5]), points, person, person, traits=(profile, PLAIN))
    assert frontal_first[0, 0, middle, middle] < 0.1
    assert frontal_last[0, 0, middle, middle] > 0.9


def test_swapping_the_photos_and_turning_alpha_round_gives_the_rest(points: torch.Tensor) -> None:
    generator = torch.Generator().manual_seed(0)
    photos = (torch.rand(1, 3, 64, 64, generator=generator), torch.rand(1, 3, 64, 64, generator=generator))
    first, second = shown(parts(0.45, 0.3), photos[0]), shown(parts(0.35, 0.2), photos[1])
    traits = Traits(0.7, 0.8), Traits(1.0, 0.1)
    there = hand_over(torch.tensor([0.3]), points, first, second, photos, traits)
    back = hand_over(torch.tensor([0.7]), points, second, first, photos[::-1], traits[::-1])
    torch.testing.assert_close(back[0], 1 - there[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(back[1], there[1], atol=1e-5, rtol=0)


def test_what_a_soft_mask_shows_beyond_its_outline_waits_for_its_turn(points: torch.Tensor) -> None:
    """A mask that is 70 % sure of hair leaves 30 % background, which must not show the other photo at once."""
    unsure = shown(torch.cat([torch.full((1, 1, SIDE, SIDE), 0.7), torch.full((1, 1, SIDE, SIDE), 0.7)], 1))
    hair = shown(torch.ones(1, 2, SIDE, SIDE))
    weight, _ = hand_over(torch.tensor([0.2]), points, unsure, hair)
    assert weight[0, 0, 2, 2] < 0.05
