from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.graph import MCP_Geometric

from facemorph.morph import mattes
from tests.morph.people import BACKGROUND, HAIR, HAT, SIZE, SKIN, Known, draw_person

SIDE = 24


def blob(seed: int) -> torch.Tensor:
    """Return a mask of several pieces with holes, (SIDE, SIDE) bool."""
    noise = torch.rand(1, 1, 6, 6, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(noise, size=(SIDE, SIDE), mode="bicubic", align_corners=False)[0, 0] > 0.5


def test_kinds_are_background_body_hair_and_hat() -> None:
    classes = torch.zeros(1, 19, 1, 1)
    classes[0, [BACKGROUND, SKIN, 4, HAIR, HAT]] = torch.tensor([0.1, 0.2, 0.3, 0.25, 0.15]).reshape(5, 1, 1)
    torch.testing.assert_close(mattes.kinds(classes).flatten(), torch.tensor([0.1, 0.5, 0.25, 0.15]))


def test_masks_are_drawn_to_the_edges_of_the_photo() -> None:
    person = draw_person(hair=0.4)
    truth = (person.label == HAIR).float()[None, None]
    coarse = F.adaptive_avg_pool2d(truth, 32)
    blurred = F.interpolate(coarse, size=(SIZE, SIZE), mode="bicubic", align_corners=False).clamp(0, 1)
    drawn = mattes.draw(coarse, person.crop)
    assert (drawn - truth).abs().mean() < 0.4 * (blurred - truth).abs().mean()
    assert (drawn.min(), drawn.max()) == (0, 1)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_what_is_the_same_everywhere_stays_so(value: float) -> None:
    crop = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    drawn = mattes.draw(torch.full((1, 2, 32, 32), value), crop)
    torch.testing.assert_close(drawn, torch.full((1, 2, SIZE, SIZE), value), atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [64, 150, 256])
def test_classes_are_told_at_any_size(size: int) -> None:
    person = draw_person(hair=0.4, hat=1.0)
    told = mattes.classify(person.crop, size, Known(person.label))
    assert told.shape == (1, size, size)
    assert told.dtype == torch.uint8
    truth = F.interpolate(person.label[None, None].float(), size=(size, size), mode="nearest-exact")[0]
    assert (told == truth).float().mean() > 0.97


def test_signed_distance_of_a_disc() -> None:
    ticks = (torch.arange(64) + 0.5) / 64 - 0.5
    radius = (ticks[:, None].square() + ticks.square()).sqrt()
    distance = mattes.signed_distance(radius < 0.3)[0]
    torch.testing.assert_close(distance, (0.3 - radius).clamp(-0.5, 0.5), atol=1.5 / 64, rtol=0)


@pytest.mark.parametrize(("inside", "expected"), [(True, 0.5), (False, -0.5)])
def test_signed_distance_without_an_outline(inside: bool, expected: float) -> None:
    assert (mattes.signed_distance(torch.full((16, 16), inside)) == expected).all()


def test_signed_distance_goes_on_beyond_the_edge_of_the_picture() -> None:
    lower = torch.arange(16)[:, None].expand(16, 16) >= 8
    expected = (torch.arange(16) - 7.5 + torch.where(torch.arange(16) < 8, -0.5, 0.5)) / 16
    torch.testing.assert_close(mattes.signed_distance(lower)[0], expected[:, None].expand(16, 16))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, SIDE - 1), st.integers(0, SIDE - 1))
def test_ways_are_scikit_images(seed: int, row: int, column: int) -> None:
    inside = blob(seed)
    start = torch.zeros_like(inside)
    start[row, column] = True
    start[SIDE - 1 - row, column // 2] = True
    costs = np.where(inside.numpy(), 1.0, np.inf)
    begins = [tuple(place) for place in (start & inside).nonzero().tolist()]
    expected = np.full((SIDE, SIDE), np.inf)
    if begins:
        expected = MCP_Geometric(costs, fully_connected=True).find_costs(begins)[0]
    expected = np.where(inside.numpy(), expected, np.inf)
    way = mattes.way_inside(inside, start)
    np.testing.assert_allclose(way.numpy(), np.minimum(expected / SIDE, 2), atol=1e-5)


def test_a_way_goes_round_a_corner() -> None:
    inside = torch.zeros(10, 10, dtype=torch.bool)
    inside[1:9, 1] = True  # down
    inside[8, 1:9] = True  # and to the right
    start = torch.zeros_like(inside)
    start[1, 1] = True
    way = mattes.way_inside(inside, start) * 10
    assert way[7, 1] == pytest.approx(6)
    assert way[8, 8] == pytest.approx(6 + 2**0.5 + 6)  # the corner is cut once
    assert way[1, 8] == 20  # outside
