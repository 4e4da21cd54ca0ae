from __future__ import annotations

import torch

from facemorph.morph import regions
from facemorph.morph.landmark_windows import MAP_SIZE
from facemorph.morph.regions import OUTLINE_SIZE
from tests.morph.people import CENTRE, SIZE, UNIT, draw_person, end_of

ABOVE_BROWS = (0.0, -0.6)
"""A place of the forehead, from between the eyes, in distances between them; in it a fringe hangs."""
CHEEK, CROWN, FAR = (0.6, 0.6), (0.0, -1.15), (2.5, -1.5)


def at(x: torch.Tensor, place: tuple[float, float]) -> torch.Tensor:
    """Return the channels of (1, C, m, m) at a place of the drawn person."""
    points = torch.tensor([place]) * UNIT + torch.tensor(CENTRE)
    return regions.at_points(x, points)[0, :, 0]


def test_values_at_points() -> None:
    ramp = (torch.arange(16.0) + 0.5) / 16
    maps = torch.stack([ramp.expand(16, 16), ramp[:, None].expand(16, 16)])[None]
    points = torch.tensor([[0.2, 0.7], [0.5, 0.5]])
    torch.testing.assert_close(regions.at_points(maps, points)[0].T, points)


def test_where_the_kinds_are() -> None:
    end = end_of(draw_person(hair=0.4, hat=0.5))
    assert end.regions.kinds.shape == (1, 4, MAP_SIZE, MAP_SIZE)
    assert at(end.regions.kinds, FAR)[0] > 0.95
    assert at(end.regions.kinds, CHEEK)[1] > 0.95
    assert at(end_of(draw_person(hair=0.4)).regions.kinds, CROWN)[2] > 0.8
    assert at(end.regions.kinds, (0.0, -0.8))[3] > 0.8


def test_a_body_is_not_seen_under_hair_nor_close_to_it() -> None:
    seen = end_of(draw_person(hair=0.4)).regions.seen
    assert at(seen, CHEEK) > 0.95
    assert at(seen, ABOVE_BROWS) < 0.1
    assert at(end_of(draw_person()).regions.seen, ABOVE_BROWS) > 0.9
    assert at(seen, FAR) < 0.05


def test_the_outline_of_a_body_goes_on_under_a_hat() -> None:
    bare, covered = (end_of(draw_person(hat=hat)).regions.outline[:, :1] for hat in (0.0, 0.5))
    assert bare.shape[-1] == OUTLINE_SIZE
    assert at(bare, (0.0, -0.75)) > 0
    assert at(covered, (0.0, -0.75)) > 0
    assert at(covered, FAR) < -0.1


def test_tones_are_of_skin_and_hair() -> None:
    person = draw_person(hair=0.4, skin=(0.8, 0.6, 0.5), hair_colour=(0.3, 0.2, 0.1))
    skin, hair = end_of(person).regions.tones
    assert skin is not None and hair is not None
    torch.testing.assert_close(skin, torch.tensor([[0.8, 0.6, 0.5]]), atol=0.06, rtol=0)
    torch.testing.assert_close(hair, torch.tensor([[0.3, 0.2, 0.1]]), atol=0.03, rtol=0)
    assert end_of(draw_person()).regions.tones[1] is None


def test_skin_is_face_and_neck_with_the_features_but_no_clothes() -> None:
    skin = end_of(draw_person(hair=0.4)).regions.skin
    assert min(at(skin, place) for place in (CHEEK, (-0.5, 0.0), (0.0, 1.05), (0.0, 1.8))) > 0.95
    assert max(at(skin, place) for place in (CROWN, FAR, (0.0, 2.6))) < 0.1


def test_within_the_outline_lies_the_matte_of_the_body() -> None:
    end = end_of(draw_person())
    matte, outline = end.layers.body[:, 3:], end.regions.outline
    assert (regions.within(outline) - matte).abs().max() < 0.01
    assert outline[0, 0, SIZE // 2, SIZE // 2] > 0.1 > -0.1 > outline[0, 0, SIZE // 2, 2]


def test_a_hat_is_no_hair() -> None:
    found = end_of(draw_person(hair=0.5, hat=1.0)).regions
    mane, kinds = found.mane[0, 0], found.kinds[0]
    assert mane[kinds[2] > 0.9].min() > 0.85
    assert mane[kinds[3] > 0.9].max() < 0.15


def test_hair_of_the_colour_of_the_wall_is_none() -> None:
    """Half of the hair is drawn as bright as the wall behind it."""
    person = draw_person(hair=0.6, backdrop=(0.95, 0.95, 0.95))
    bright = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    bright[:, : SIZE // 3] = True
    person.crop[:, :, bright & (person.label == 13)] = 0.95
    found = end_of(person).regions
    hair = found.kinds[0, 2] > 0.9
    left = torch.arange(MAP_SIZE) < MAP_SIZE // 3 - 1
    assert found.mane[0, 0][hair & ~left].mean() > 0.9
    assert found.mane[0, 0][hair & left].mean() < 0.5
