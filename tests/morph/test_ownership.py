from __future__ import annotations

import pytest
import torch

from facemorph.morph import ownership


@pytest.fixture
def points() -> torch.Tensor:
    """A cross of landmarks in the middle of the crop."""
    along = torch.linspace(0.35, 0.65, 34)
    half = torch.full_like(along, 0.5)
    return torch.cat([torch.stack([along, half], 1), torch.stack([half, along], 1)])


BLACK, WHITE = torch.zeros(1, 3, 64, 64), torch.ones(1, 3, 64, 64)
NOBODY, EVERYWHERE = torch.zeros(1, 1, 32, 32), torch.ones(1, 1, 32, 32)


def maps(
    alphas: torch.Tensor,
    points: torch.Tensor,
    photos: tuple[torch.Tensor, torch.Tensor] = (BLACK, WHITE),
    people: tuple[torch.Tensor, torch.Tensor] = (NOBODY, EVERYWHERE),
) -> torch.Tensor:
    count = len(alphas)
    return ownership.hand_over(
        alphas,
        points.expand(count, -1, -1),
        (photos[0].expand(count, -1, -1, -1), photos[1].expand(count, -1, -1, -1)),
        (people[0].expand(count, -1, -1, -1), people[1].expand(count, -1, -1, -1)),
    )


ALPHAS = torch.linspace(0, 1, 11)


def test_ends_belong_to_one_photo(points: torch.Tensor) -> None:
    weight = maps(torch.tensor([0.0, 1.0]), points)
    assert not weight[0].any()
    assert (weight[1] == 1).all()


def test_no_place_is_handed_back(points: torch.Tensor) -> None:
    assert (maps(ALPHAS, points).diff(dim=0) >= -1e-6).all()


def test_equal_photos_dissolve(points: torch.Tensor) -> None:
    weight = maps(ALPHAS, points, photos=(WHITE, WHITE))
    torch.testing.assert_close(weight, ALPHAS.reshape(-1, 1, 1, 1).expand_as(weight), atol=1e-3, rtol=0)


def test_the_face_blends_and_its_surroundings_change_hands_quickly(points: torch.Tensor) -> None:
    weight = maps(ALPHAS, points)
    middle = ownership.MAP_SIZE // 2
    torch.testing.assert_close(weight[:, 0, middle, middle], ALPHAS, atol=0.1, rtol=0)
    divided = ((weight > 0.02) & (weight < 0.98)).float().mean(0)[0]
    assert divided[middle, middle] > 0.8
    assert divided[0, 0] < 0.5


def test_the_background_of_both_dissolves(points: torch.Tensor) -> None:
    weight = maps(ALPHAS, points, people=(NOBODY, NOBODY))
    torch.testing.assert_close(weight, ALPHAS.reshape(-1, 1, 1, 1).expand_as(weight), atol=1e-3, rtol=0)


def test_hair_that_comes_grows_and_hair_that_goes_recedes(points: torch.Tensor) -> None:
    middle, half = ownership.MAP_SIZE // 2, torch.tensor([0.5])
    comes = maps(half, points, people=(NOBODY, EVERYWHERE))[0, 0]
    goes = maps(half, points, people=(EVERYWHERE, NOBODY))[0, 0]
    assert comes[middle, 4] > comes[0, 0] + 0.2
    assert goes[middle, 4] < goes[0, 0] - 0.2


def test_swapping_the_photos_and_turning_alpha_round_gives_the_rest(points: torch.Tensor) -> None:
    generator = torch.Generator().manual_seed(0)
    photos = (torch.rand(1, 3, 64, 64, generator=generator), torch.rand(1, 3, 64, 64, generator=generator))
    people = (torch.rand(1, 1, 32, 32, generator=generator), torch.rand(1, 1, 32, 32, generator=generator))
    there = maps(torch.tensor([0.3]), points, photos, people)
    back = maps(torch.tensor([0.7]), points, photos[::-1], people[::-1])
    torch.testing.assert_close(back, 1 - there, atol=1e-5, rtol=0)


def test_the_map_is_smooth(points: torch.Tensor) -> None:
    half = maps(torch.tensor([0.5]), points)[0, 0]
    assert half.diff(dim=0).abs().max() < 0.5
    assert half.diff(dim=1).abs().max() < 0.5
