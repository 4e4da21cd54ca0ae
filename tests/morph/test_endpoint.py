from __future__ import annotations

import numpy as np
import pytest
import torch

from facemorph.morph import endpoint, layers, maps
from tests.morph.people import BACKGROUND, HAIR, SIZE, Known, draw_person, end_of


def test_a_person_is_told_from_the_background() -> None:
    person = draw_person(hair=0.4)
    end = end_of(person)
    assert end.separate
    torch.testing.assert_close(end.crop, person.crop)
    np.testing.assert_allclose(end.landmarks.numpy() * SIZE - 0.5, person.landmarks, atol=1e-4)
    assert ((end.layers.hair[0, 3] > 0.5) == (person.label == HAIR)).float().mean() > 0.98


def test_a_mask_that_misses_the_face_is_thrown_away() -> None:
    person = draw_person()
    end = endpoint.prepare(person.crop, person.landmarks, SIZE, Known(torch.full_like(person.label, BACKGROUND)))
    assert not end.separate
    assert (end.layers.body[:, 3] == 1).all()
    assert not end.layers.hair[:, 3].any()
    assert end.layers.hat is None
    assert end.radii.isnan().all()


def test_hair_reaches_farther_than_a_bald_head() -> None:
    bald, hairy = (end_of(draw_person(hair=hair)).radii for hair in (0.0, 0.4))
    assert (hairy > bald).all()


def test_a_fringe_hides_the_brows() -> None:
    bald, hairy = (end_of(draw_person(hair=0.4, hat=hat)).traits.hidden for hat in (0.0, 0.6))
    assert bald < hairy


@pytest.mark.parametrize("size", [64, 256])
def test_a_face_for_frames_of_another_size(size: int) -> None:
    end = end_of(draw_person(hair=0.4, hat=1.0))
    other = endpoint.reduced(end, size)
    assert other.layers.hat is not None
    for x in (other.crop, other.layers.background, other.layers.body, other.layers.hair, other.layers.hat):
        assert x.shape[-2:] == (size, size)
    assert other.layers.hat_span == end.layers.hat_span
    torch.testing.assert_close(other.crop, maps.resize(end.crop, size))
    assert isinstance(other.layers, layers.Layers)
