from __future__ import annotations

import pytest
import torch

from facemorph.morph import regions
from tests.morph.discs import SIDE, disc, parts, shown


def test_kinds_are_background_body_and_hair() -> None:
    kinds = regions.kinds(parts(0.4, hair=0.3))
    assert torch.equal(kinds.sum(1), torch.ones(1, SIDE, SIDE))
    assert kinds[0, :, SIDE // 2, SIDE // 2].tolist() == [0, 1, 0]
    assert kinds[0, :, SIDE // 2, round(SIDE * 0.15)].tolist() == [0, 0, 1]
    assert kinds[0, :, 0, 0].tolist() == [1, 0, 0]


def test_hair_beyond_the_person_is_no_hair() -> None:
    assert regions.kinds(torch.tensor([0.25, 0.75]).reshape(1, 2, 1, 1)).flatten().tolist() == [0.75, 0, 0.25]


def test_signed_distance_of_a_disc() -> None:
    distance = regions.signed_distance(disc(0.3)[0, 0].bool())[0]
    ticks = (torch.arange(SIDE) + 0.5) / SIDE - 0.5
    expected = 0.3 - (ticks[:, None].square() + ticks.square()).sqrt()
    torch.testing.assert_close(distance, expected.clamp(-0.5, 0.5), atol=1.5 / SIDE, rtol=0)


@pytest.mark.parametrize(("inside", "expected"), [(True, 0.5), (False, -0.5)])
def test_signed_distance_without_an_outline(inside: bool, expected: float) -> None:
    assert (regions.signed_distance(torch.full((16, 16), inside)) == expected).all()


def test_recolouring_meets_in_the_middle() -> None:
    red = torch.tensor([0.8, 0.2, 0.2]).reshape(1, 3, 1, 1).expand(1, 3, 64, 64)
    blue = torch.tensor([0.2, 0.2, 0.6]).reshape(1, 3, 1, 1).expand(1, 3, 64, 64)
    first, second = shown(parts(0.45), red), shown(parts(0.45), blue)
    inside = disc(0.4).bool().expand(1, 3, -1, -1)
    for alpha, expected in ((0.0, red), (0.5, (red + blue) / 2), (1.0, blue)):
        factor, offset = regions.recolouring(first, second, torch.tensor([alpha])).split((1, 3), dim=1)
        small = red[:, :, :SIDE, :SIDE]
        torch.testing.assert_close((factor * small + offset)[inside], expected[:, :, :SIDE, :SIDE][inside])
    factor, offset = regions.recolouring(first, second, torch.tensor([1.0])).split((1, 3), dim=1)
    assert factor[0, 0, 0, 0] == 1  # the background keeps its colours
    assert not offset[0, :, 0, 0].any()
