from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from facemorph.morph import layers
from tests.morph.people import BACKGROUND, HAIR, HAT, SIZE, Person, draw_person

KINDS = {HAIR: 2, HAT: 3, BACKGROUND: 0}


def kinds_of(person: Person) -> torch.Tensor:
    """Return exact mattes, (1, 4, SIZE, SIZE)."""
    number = torch.ones_like(person.label)
    for label, kind in KINDS.items():
        number[person.label == label] = kind
    return F.one_hot(number, 4).permute(2, 0, 1)[None].float()


@pytest.fixture(scope="module")
def person() -> Person:
    return draw_person(hair=0.4, length=1.5, hat=1.0, texture=0.02)


def test_layers_over_each_other_give_the_photo() -> None:
    person = draw_person(hair=0.4, length=1.5, hat=1.0)
    parts = layers.split(person.crop, kinds_of(person))
    assert parts.hat is not None
    picture = parts.background
    for layer in (parts.body, parts.hair, parts.hat):
        picture = torch.lerp(picture, layer[:, :3], layer[:, 3:])
    behind = F.max_pool2d((person.label != BACKGROUND).float()[None, None], 17, 1, 8) == 0
    shown = (behind | (person.label != BACKGROUND)).expand(1, 3, -1, -1)
    assert (picture - person.crop)[shown].abs().mean() < 0.004


def test_edges_of_mattes_go_where_colours_say() -> None:
    """Hair that was painted with a soft edge; the parser saw a hard one."""
    person = draw_person(hair=0.4)
    kinds = kinds_of(person)
    truth = F.avg_pool2d(F.pad(kinds[:, 2:3], (1,) * 4, mode="replicate"), 3, 1)
    crop = torch.lerp(torch.tensor([0.8, 0.8, 0.6]).reshape(1, 3, 1, 1), torch.tensor(0.1), truth).contiguous()
    told = torch.cat([1 - kinds[:, 2:3], 0 * truth, kinds[:, 2:3], 0 * truth], 1)
    refined = layers.refine(crop, told)
    torch.testing.assert_close(refined.sum(1), torch.ones(1, SIZE, SIZE))
    assert refined.min() >= 0
    assert (refined[:, 2:3] - truth).abs().mean() < 0.3 * (told[:, 2:3] - truth).abs().mean()


def test_the_background_is_filled_in_behind_the_person() -> None:
    person = draw_person(hair=0.4, backdrop=(0.4, 0.5, 0.7))
    background = layers.split(person.crop, kinds_of(person)).background
    backdrop = torch.tensor([0.4, 0.5, 0.7]).reshape(1, 3, 1, 1)
    assert (background - backdrop).abs().max() < 0.01


def test_colours_of_a_layer_go_on_beyond_it(person: Person) -> None:
    """Hair may lie on anything: beyond its edge there is neither skin nor backdrop in its colours."""
    plain = draw_person(hair=0.4, length=1.5)
    hair = layers.split(plain.crop, kinds_of(plain)).hair
    colour = torch.tensor([0.3, 0.2, 0.1]).reshape(1, 3, 1, 1)
    assert (hair[:, :3] - colour).abs().max() < 0.01
    torch.testing.assert_close(hair[0, 3], (plain.label == HAIR).float())


def test_a_hat_lies_between_its_rows(person: Person) -> None:
    parts = layers.split(person.crop, kinds_of(person))
    rows = (person.label == HAT).any(1).nonzero()
    assert parts.hat_span == (float(rows.min()) / SIZE, (float(rows.max()) + 1) / SIZE)


def test_a_speck_is_no_hat() -> None:
    person = draw_person()
    kinds = kinds_of(person)
    kinds[..., 40:44, 60:64] = torch.tensor([0.0, 0.0, 0.0, 1.0]).reshape(1, 4, 1, 1)
    assert layers.split(person.crop, kinds).hat is None


def test_fill_keeps_what_is_known_and_continues_it() -> None:
    picture = torch.full((1, 3, 32, 32), 0.5)
    known = torch.ones(1, 1, 32, 32)
    known[..., 8:24, 8:24] = 0
    spoilt = torch.where(known > 0, picture, torch.ones_like(picture))
    torch.testing.assert_close(layers.fill(spoilt, known), picture, atol=1e-5, rtol=0)


def test_fill_keeps_a_texture_where_it_is_known() -> None:
    generator = torch.Generator().manual_seed(0)
    picture = torch.rand(1, 3, 37, 37, generator=generator)
    known = (torch.rand(1, 1, 37, 37, generator=generator) > 0.5).float()
    filled = layers.fill(picture, known)
    where = (known == 1).expand_as(filled)
    torch.testing.assert_close(filled[where], picture[where], atol=1e-6, rtol=0)
    assert not torch.equal(filled[~where], picture[~where])


def test_fill_of_nothing_is_finite() -> None:
    assert layers.fill(torch.rand(1, 3, 30, 30), torch.zeros(1, 1, 30, 30)).isfinite().all()
