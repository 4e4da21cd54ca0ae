"""Two drawn people whose heads are turned to different sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from facemorph.head import Head, HeadFit, load_head
from facemorph.head.fit import rotations
from facemorph.morph import compose, endpoint, geometry, join, positions
from facemorph.morph.endpoint import Endpoint
from tests.morph.people import CENTRE, SIZE, UNIT, Known, draw_person

ALPHAS = torch.linspace(0, 1, 9)


@pytest.fixture(scope="module")
def head() -> Head:
    return load_head().coarse


def turned_end(head: Head, yaw: float, **look: float) -> Endpoint:
    """Draw somebody from the front and mark the landmarks of a head turned by `yaw`."""
    rotation = rotations(*(np.array([angle]) for angle in (yaw, 0.0, 0.0)))[0]
    fit = HeadFit(rotation, UNIT * SIZE, np.array(CENTRE) * SIZE - 0.5, 0.0, told=True)
    person = draw_person(texture=0.02, **look)
    landmarks = fit.project(head.points)[:, :2].astype(np.float32)
    person = replace(person, landmarks=landmarks)
    return endpoint.prepare(person.crop, person.landmarks, SIZE, Known(person.label), head)


@pytest.fixture(scope="module")
def ends(head: Head) -> tuple[Endpoint, Endpoint]:
    return turned_end(head, -25, hair=0.3), turned_end(head, 20, hair=0.5, length=1.5)


def test_the_head_turns(ends: tuple[Endpoint, Endpoint]) -> None:
    pair = join(*ends)
    placed = geometry.place(*ends, positions(ALPHAS), pair.times)
    assert placed.mirrored is not None
    nose = placed.landmarks[:, 30, 0] - placed.landmarks[:, 36:48, 0].mean(1)
    assert (nose.diff() > -1e-6).all()
    assert nose[0] < -0.02 and nose[-1] > 0.02


def test_each_end_is_its_photo(ends: tuple[Endpoint, Endpoint]) -> None:
    picture = compose(join(*ends), positions(torch.tensor([0.0, 1.0]))).picture
    for number, end in enumerate(ends):
        torch.testing.assert_close(picture[number : number + 1], end.crop, atol=1e-3, rtol=0)


def test_swapping_the_photos_reverses_the_frames(ends: tuple[Endpoint, Endpoint]) -> None:
    a, b = ends
    there = compose(join(a, b), positions(ALPHAS)).picture
    back = compose(join(b, a), positions(1 - ALPHAS)).picture
    assert there.isfinite().all()
    assert (there - back).abs().mean((1, 2, 3)).max() < 1 / 255


def test_a_turned_photo_with_itself_is_the_photo(head: Head) -> None:
    end = turned_end(head, -30, hair=0.3)
    picture = compose(join(end, end), positions(ALPHAS)).picture
    assert (picture - end.crop).abs().max() < 1 / 255
