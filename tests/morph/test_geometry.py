from __future__ import annotations

import pytest
import torch

from facemorph.morph import geometry, warp
from facemorph.morph.endpoint import Endpoint
from tests.morph.people import draw_person, end_of


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
    flows = geometry.flows(*ends, geometry.positions(torch.tensor([0.0, 1.0])))
    for number, end in enumerate(ends):
        torch.testing.assert_close(warp.warp(end.crop, flows[number][number : number + 1]), end.crop, atol=1e-4, rtol=0)
        assert flows[number][1 - number].abs().max() > 0.01


def test_landmarks_lie_between_both(ends: tuple[Endpoint, Endpoint]) -> None:
    middle = geometry.landmarks_at(*ends, torch.tensor([0.5]))[0]
    torch.testing.assert_close(middle, (ends[0].landmarks + ends[1].landmarks) / 2)


def test_hair_follows_the_appearance(ends: tuple[Endpoint, Endpoint]) -> None:
    """The face held where it is, the outline of hair moves on its own."""
    still = geometry.flows(*ends, geometry.positions(torch.tensor([1.0]), shape=0.0, appearance=0.0))[0]
    moved = geometry.flows(*ends, geometry.positions(torch.tensor([1.0]), shape=0.0))[0]
    assert still.abs().max() < 1e-6
    assert moved[..., :8, 10:22].abs().max() > 0.01
    assert moved[..., 18:22, 14:18].abs().max() < 0.004
