"""Frames of drawn people without networks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from facemorph.morph import compose, join, positions
from facemorph.morph.compose import smaller
from tests.morph.people import CENTRE, SIZE, UNIT, draw_person, end_of

ALPHAS = torch.linspace(0, 1, 11)
BALD = draw_person(texture=0.02, backdrop=(0.7, 0.7, 0.3))
SHORT = draw_person(hair=0.3, texture=0.02)
LONG = draw_person(hair=0.5, length=2.0, skin=(0.5, 0.35, 0.25), texture=0.02)
HAT = draw_person(hair=0.3, hat=1.0, texture=0.02)
PEOPLE = {"bald": BALD, "short": SHORT, "long": LONG, "hat": HAT}


def at(picture: torch.Tensor, place: tuple[float, float]) -> torch.Tensor:
    """Return (T, C) of (T, C, S, S), at a place of the drawn person, averaged over 5 × 5 pixels."""
    x, y = (int((place[i] * UNIT + CENTRE[i]) * SIZE) for i in (0, 1))
    return picture[:, :, y - 2 : y + 3, x - 2 : x + 3].mean((2, 3))


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("size", [128, 256])
def test_a_photo_with_itself_is_the_photo_at_every_alpha(name: str, size: int) -> None:
    end = end_of(PEOPLE[name], size)
    picture = compose(join(end, end), positions(ALPHAS)).picture
    assert (picture - end.crop).abs().max() < 1 / 255


@pytest.mark.parametrize(("first", "second"), [("bald", "long"), ("hat", "short"), ("long", "hat")])
def test_each_end_is_its_photo(first: str, second: str) -> None:
    a, b = end_of(PEOPLE[first]), end_of(PEOPLE[second])
    picture = compose(join(a, b), positions(torch.tensor([0.0, 1.0]))).picture
    torch.testing.assert_close(picture[:1], a.crop, atol=1e-4, rtol=0)
    torch.testing.assert_close(picture[1:], b.crop, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("first", "second"), [("bald", "long"), ("hat", "short"), ("long", "hat"), ("hat", "hat")])
def test_swapping_the_photos_reverses_the_frames(first: str, second: str) -> None:
    a, b = end_of(PEOPLE[first]), end_of(PEOPLE[second])
    there = compose(join(a, b), positions(ALPHAS)).picture
    back = compose(join(b, a), positions(1 - ALPHAS)).picture
    assert (there - back).abs().mean((1, 2, 3)).max() < 0.5 / 255


def test_what_the_layers_leave_out_is_what_the_frames_lack_at_the_ends() -> None:
    a, b = end_of(SHORT), end_of(LONG)
    pair = join(a, b)
    for left in pair.left:
        assert left.abs().max() > 0.02  # mattes are soft
        assert left.abs().mean() < 0.02
    middle = F.max_pool2d((SHORT.label == 0).float()[None, None], 9, 1, 4)[0, 0] == 0
    assert pair.left[0][0, :, middle].abs().mean() < 0.5 * pair.left[0].abs().mean()


def test_what_the_layers_leave_out_goes_with_the_edges_that_it_belongs_to() -> None:
    """Round hair that is gone there is nothing of it; at the photo's own end all of it."""
    a = end_of(LONG)
    b = replace(end_of(draw_person()), radii=a.radii)  # so that nothing moves
    pair, at_both = join(a, b), positions(torch.tensor([0.0, 0.8]))
    without = compose(replace(pair, left=(0 * a.crop, 0 * b.crop)), at_both).picture
    added = compose(pair, at_both).picture - without
    hair, elsewhere = LONG.label == 13, F.max_pool2d(b.layers.body[:, 3:], 15, 1, 7)[0, 0] < 0.5
    rim = hair & (F.max_pool2d((~hair).float()[None], 3, 1, 1)[0] > 0) & elsewhere
    at_start, later = (x[:, rim].abs().mean() for x in added)
    assert at_start > 0.002
    assert later < 0.05 * at_start


def test_backgrounds_dissolve() -> None:
    picture = compose(join(end_of(BALD), end_of(SHORT)), positions(ALPHAS)).picture
    expected = torch.lerp(torch.tensor([0.7, 0.7, 0.3]), torch.tensor([0.4, 0.5, 0.7]), ALPHAS[:, None])
    torch.testing.assert_close(at(picture, (-2.2, -1.5)), expected, atol=0.02, rtol=0)


def test_skin_goes_from_one_colour_to_the_other() -> None:
    picture = compose(join(end_of(SHORT), end_of(LONG)), positions(ALPHAS)).picture
    cheek = at(picture, (0.55, 0.65))
    assert (cheek.diff(dim=0) < 0.005).all()
    assert cheek.diff(dim=0).abs().max() < 0.15
    torch.testing.assert_close(cheek[5], torch.tensor([0.65, 0.475, 0.375]), atol=0.05, rtol=0)


def test_hair_beside_a_bald_head_keeps_its_colours() -> None:
    """Who has no hair has no colour of hair to go to."""
    picture = compose(join(end_of(BALD), end_of(LONG)), positions(torch.tensor([0.75, 1.0]))).picture
    torch.testing.assert_close(*at(picture, (-1.2, 0.2)), atol=0.04, rtol=0)


def test_a_bald_head_between_two_has_its_own_outline() -> None:
    """Where hair comes before a bald head nothing of the scene shines through."""
    picture = compose(join(end_of(BALD), end_of(SHORT)), positions(ALPHAS)).picture
    assert (at(picture, (0.0, 0.6))[:, 2] < 0.6).all()
    assert (at(picture, (0.0, -0.4))[:, 2] < 0.6).all()


def test_a_smaller_pair_gives_smaller_frames() -> None:
    pair = join(end_of(SHORT, 256), end_of(HAT, 256))
    large = compose(pair, positions(ALPHAS)).picture
    small = compose(smaller(pair, 128), positions(ALPHAS)).picture
    assert small.shape == (11, 3, 128, 128)
    assert (F.avg_pool2d(large, 2) - small).abs().mean() < 0.01


def test_composite_says_where_the_body_is_seen() -> None:
    composite = compose(join(end_of(SHORT), end_of(SHORT)), positions(torch.tensor([0.5])))
    assert at(composite.bare, (0.5, 0.6)) > 0.95
    assert at(composite.bare, (0.0, -1.1)) < 0.1
    assert at(composite.bare, (-2.5, 0.0)) < 0.05
    assert composite.differ.max() < 1e-3


def test_only_inner_faces_that_are_alike_change_hands_on_their_own() -> None:
    """The second has heavy brows."""
    a, alike, heavy = (draw_person(hair=0.3, backdrop=(0.2 + x, 0.5, 0.7)) for x in (0, 0.2, 0.2))
    row, column = (int((CENTRE[i] - 0.3 * UNIT * i) * SIZE) for i in (1, 0))
    heavy.crop[:, :, row - 6 : row + 2, column - 18 : column + 18] = 0.1
    times = [join(end_of(a), end_of(b)).times for b in (alike, heavy)]
    assert times[0].inner == pytest.approx(1 - times[0].outer)
    assert times[0].inner != times[0].outer
    assert times[1].inner == times[1].outer
