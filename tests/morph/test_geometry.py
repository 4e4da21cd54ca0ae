from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from facemorph.morph import geometry
from facemorph.morph.endpoint import Endpoint
from facemorph.morph.ownership import Times
from tests.morph.people import draw_person, end_of

EVEN = Times(0.5, 0.5)


@pytest.fixture(scope="module")
def ends() -> tuple[Endpoint, Endpoint]:
    first, second = end_of(draw_person(hair=0.2, texture=0.02)), end_of(draw_person(hair=0.4, texture=0.02))
    second.points[:68] += torch.tensor([0.03, -0.02])
    return first, second


def test_what_is_not_held_follows_the_alphas() -> None:
    alphas = torch.tensor([0.0, 0.3, 1.0])
    assert torch.equal(geometry.positions(alphas).shape, alphas)
    held = geometry.positions(alphas, appearance=0.25)
    assert torch.equal(held.shape, alphas)
    assert held.appearance.tolist() == [0.25] * 3


def test_each_end_stays_where_it_is_at_its_own_position(ends: tuple[Endpoint, Endpoint]) -> None:
    samplers = geometry.place(*ends, geometry.positions(torch.tensor([0.0, 1.0])), EVEN).samplers
    for number, end in enumerate(ends):
        moved = samplers[number](end.crop)[number : number + 1]
        torch.testing.assert_close(moved, end.crop, atol=1e-4, rtol=0)
        assert samplers[number].flow[1 - number].abs().max() > 0.01


def test_landmarks_lie_between_both(ends: tuple[Endpoint, Endpoint]) -> None:
    middle = geometry.landmarks_at(*ends, torch.tensor([0.5]), EVEN)[0]
    torch.testing.assert_close(middle, (ends[0].landmarks + ends[1].landmarks) / 2)


def test_hair_goes_with_the_face_and_keeps_its_size(ends: tuple[Endpoint, Endpoint]) -> None:
    places = geometry.positions(torch.tensor([1.0]), 0.0, 0.0), geometry.positions(torch.tensor([1.0]))
    still, moved = (geometry.place(*ends, there, EVEN).samplers[0].flow for there in places)
    assert still.abs().max() < 1e-6
    crown = moved[0, :, 18:24, 40:56].flatten(1).mean(1)
    torch.testing.assert_close(crown, torch.tensor([-0.03, 0.02]), atol=0.006, rtol=0)


def test_a_mouth_opens_while_it_changes_hands(ends: tuple[Endpoint, Endpoint]) -> None:
    first, second = (
        replace(end, traits=replace(end.traits, gape=gape)) for end, gape in zip(ends, (0, 0.3), strict=True)
    )
    middles, times = torch.tensor([0.3, 0.42, 0.54]), Times(0.5, 0.42)
    placed = geometry.landmarks_at(first, second, middles, times)
    gone = ((placed - first.landmarks) / (second.landmarks - first.landmarks)).mean(2)
    assert torch.allclose(gone[:, 17:48], middles.double()[:, None].expand(-1, 31))
    assert gone[0, 48:].max() < 0.1 and gone[2, 48:].min() > 0.8
    assert gone[0, [8, 6, 4, 3]].diff().min() > 0  # the chin follows, the jaw less and less
    assert torch.allclose(gone[:, 8], gone[:, 50])
    same = geometry.landmarks_at(*ends, middles, times)
    torch.testing.assert_close(same[:, 17:48], placed[:, 17:48])
    assert (same[0, 48:] - placed[0, 48:]).abs().max() > 0.004
