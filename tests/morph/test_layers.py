from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from facemorph.morph import layers

SIZE = 64
HERE, AWAY = torch.tensor([0.0]), torch.tensor([1.0])


@pytest.fixture
def scene() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A red disc before a blue-green gradient: the crop, the disc's mask, the scene without it."""
    ticks = (torch.arange(SIZE) + 0.5) / SIZE
    backdrop = torch.stack([torch.zeros(SIZE, SIZE), ticks[:, None].expand(-1, SIZE), ticks.expand(SIZE, -1)])[None]
    disc = ((ticks[:, None] - 0.5).square() + (ticks - 0.5).square() < 0.06).float()[None, None]
    red = torch.tensor([0.9, 0.1, 0.1]).reshape(1, 3, 1, 1)
    return torch.lerp(backdrop, red.expand_as(backdrop), disc), disc, backdrop


def test_layers_together_give_the_photo(scene: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    crop, disc, _ = scene
    for mask in (disc, torch.rand(1, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))):
        parts = layers.split(crop, mask)
        torch.testing.assert_close(layers.compose(parts.person, parts.background, HERE), crop, atol=1e-6, rtol=0)


def test_the_background_is_filled_in_behind_the_person(
    scene: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    crop, disc, backdrop = scene
    parts = layers.split(crop, disc)
    error = (parts.background - backdrop).abs()
    assert error.max() < 0.25
    assert (parts.background[:, 0] < 0.1).all()  # nothing of the red disc


def test_no_rim_of_the_old_background_stays(scene: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    crop, disc, _ = scene
    small = F.max_pool2d(1 - disc, 3, 1, 1)  # the mask misses a rim of the disc
    parts = layers.split(crop, 1 - small)
    white = torch.ones_like(crop)
    composed = layers.compose(parts.person, white, AWAY)
    assert (composed[(disc == 0).expand_as(composed)] > 0.99).all()


def test_fill_keeps_what_is_known_and_continues_it() -> None:
    picture = torch.full((1, 3, 32, 32), 0.5)
    known = torch.ones(1, 1, 32, 32)
    known[..., 8:24, 8:24] = 0
    spoilt = torch.where(known > 0, picture, torch.ones_like(picture))
    torch.testing.assert_close(layers.fill(spoilt, known), picture, atol=1e-5, rtol=0)


def test_fill_of_nothing_is_finite() -> None:
    assert layers.fill(torch.rand(1, 3, 30, 30), torch.zeros(1, 1, 30, 30)).isfinite().all()


def test_a_coarse_mask_is_drawn_to_the_edges(scene: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    crop, disc, _ = scene
    coarse = F.adaptive_avg_pool2d(disc, 8)
    blurred = F.interpolate(coarse, size=(SIZE, SIZE), mode="bicubic", align_corners=False).clamp(0, 1)
    refined = layers.refine_mask(coarse, crop)
    assert (refined - disc).abs().mean() < 0.5 * (blurred - disc).abs().mean()
    assert refined.min() >= 0
    assert refined.max() <= 1


@pytest.mark.parametrize("turn", [-0.1, 0.0, 0.1])
def test_backgrounds_dissolve_exactly_and_the_same_way_back(turn: float) -> None:
    first, second = torch.zeros(1, 3, 16, 16), torch.ones(1, 3, 16, 16)
    alphas = torch.linspace(0, 1, 9)
    there = layers.dissolve(first, second, alphas, turn)
    assert not there[0].any()
    assert (there[-1] == 1).all()
    assert (there.diff(dim=0) >= 0).all()
    torch.testing.assert_close(layers.dissolve(second, first, 1 - alphas, -turn), there)
