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


def test_anchors_lie_between_both_outlines() -> None:
    small, large = outline.radii(disc(0.2), CENTRE), outline.radii(disc(0.45), CENTRE)
    anchors = outline.anchors(small, large)
    torch.testing.assert_close(anchors.norm(dim=1), (small * large).sqrt())
    assert (anchors[:, 1] < 0).all()  # over the top of the head, not round the chin


def test_directions_that_one_photo_does_not_show_are_left_out() -> None:
    seen = outline.radii(disc(0.3), CENTRE)
    cut = seen.clone()
    cut[:4] = math.nan
    assert len(outline.anchors(seen, cut)) == len(outline.ANGLES) - 4
