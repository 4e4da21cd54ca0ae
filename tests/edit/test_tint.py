"""Colours of parts: what is measured, and what stays of them in another colour."""

from __future__ import annotations

import math

import torch

from facemorph.edit.tint import LEAST_AREA, LIFT, colour_of, recolour

SIZE = 32


def strands() -> tuple[torch.Tensor, torch.Tensor]:
    """Return brown strands that fill the upper half of a grey picture, and where they are."""
    picture = torch.full((1, 3, SIZE, SIZE), 0.5)
    light = 1 + 0.3 * torch.sin(torch.arange(SIZE) * 1.5)
    picture[..., : SIZE // 2, :] = torch.tensor([0.3, 0.2, 0.1]).reshape(1, 3, 1, 1) * light
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[..., : SIZE // 2, :] = 1
    return picture, mask


def test_the_colour_is_that_of_the_part() -> None:
    picture, mask = strands()
    colour = colour_of(picture, mask)[0]
    for channel, value in enumerate((0.3, 0.2, 0.1)):
        assert abs(float(colour[channel]) - math.log(value + LIFT)) < 0.05
    assert float(colour_of(picture, 1 - mask)[0, 3]) < -4  # a flat grey


def test_the_same_colour_changes_nothing_and_a_little_other_one_little() -> None:
    picture, mask = strands()
    colour = colour_of(picture, mask)
    assert torch.equal(recolour(picture, mask, colour, colour), picture)
    assert 0 < (recolour(picture, mask, colour, colour + 0.01) - picture).abs().max() < 0.01


def test_another_colour_is_reached_and_the_strands_and_the_rest_stay() -> None:
    picture, mask = strands()
    before = colour_of(picture, mask)
    after = before + torch.tensor([[0.6, 0.5, 0.2, 0.0]])
    turned = recolour(picture, mask, before, after)
    half = SIZE // 2
    assert torch.equal(turned[..., half:, :], picture[..., half:, :])
    assert torch.allclose(colour_of(turned, mask)[:, :3], after[:, :3], atol=0.06)
    rows = torch.stack([x[0, :, 3].mean(0) for x in (picture, turned)])
    assert torch.corrcoef(rows)[0, 1] > 0.95


def test_what_is_lighter_than_its_part_is_not_driven_on() -> None:
    picture, mask = strands()
    picture[..., 4, 4] = 0.95  # a speck of skin
    before = colour_of(picture, mask)
    turned = recolour(picture, mask, before, before + torch.tensor([[1.5, 1.5, 1.5, 0.0]]))
    assert torch.allclose(turned[..., 4, 4], picture[..., 4, 4], atol=0.02)
    assert turned[..., 4, 5].mean() > 2 * picture[..., 4, 5].mean()


def test_a_speck_is_hardly_tinted() -> None:
    picture, _ = strands()
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[..., 0, 0] = LEAST_AREA * SIZE**2 / 4
    before = colour_of(picture, mask)
    turned = recolour(picture, mask, before, before + 1)
    assert 0 < (turned - picture).abs().max() < 0.2
