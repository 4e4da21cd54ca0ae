from __future__ import annotations

import math

import torch

from facemorph.morph import outline

CENTRE = torch.tensor([0.5, 0.5], dtype=torch.float64)


def disc(radius: float, size: int = 128) -> torch.Tensor:
    ticks = (torch.arange(size) + 0.5) / size - 0.5
    return ((ticks[:, None].square() + ticks.square()).sqrt() < radius).float()[None, None]


def test_radii_of_a_disc() -> None:
    torch.testing.assert_close(
        outline.radii(disc(0.3), CENTRE), torch.full((len(outline.ANGLES),), 0.3).double(), atol=0.015, rtol=0
    )


def test_a_head_that_leaves_the_crop_has_no_outline() -> None:
    assert outline.radii(disc(0.9), CENTRE).isnan().all()


def test_radii_that_belong_together_lie_on_both_outlines() -> None:
    small, large = outline.radii(disc(0.28), CENTRE), outline.radii(disc(0.32), CENTRE)
    first, second, direction = outline.shared_radii(small, large)
    torch.testing.assert_close(first, small)
    torch.testing.assert_close(second, large)
    assert (direction[:, 1] < 0).all()  # over the top of the head, not round the chin
    torch.testing.assert_close(direction.norm(dim=1), torch.ones(len(direction), dtype=torch.float64))


def test_a_skull_is_not_stretched_to_the_size_of_hair() -> None:
    first, second, _ = outline.shared_radii(outline.radii(disc(0.2), CENTRE), outline.radii(disc(0.45), CENTRE))
    torch.testing.assert_close(second / first, torch.full_like(first, outline.MOST_STRETCH))


def test_directions_that_one_photo_does_not_show_are_left_out() -> None:
    seen = outline.radii(disc(0.3), CENTRE)
    cut = seen.clone()
    cut[:4] = math.nan
    first, second, direction = outline.shared_radii(seen, cut)
    assert len(first) == len(second) == len(direction) == len(outline.ANGLES) - 4
