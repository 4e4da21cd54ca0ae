"""One photo whose head turns: a drawn face with a mark on its nose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from facemorph.head import load_head
from facemorph.morph import endpoint, turn
from facemorph.morph.endpoint import Endpoint
from tests.morph.people import SIZE, Known, Person, draw_person, end_of

NOSE_TIP, EYES, MARK = 30, slice(36, 48), (0.0, 1.0, 0.0)


def marked() -> Person:
    """Draw somebody with a green mark on the tip of the nose."""
    person = draw_person(hair=0.2)
    crop = person.crop.clone()
    x, y = (round(float(c)) for c in person.landmarks[NOSE_TIP])
    crop[..., y - 1 : y + 2, x - 1 : x + 2] = torch.tensor(MARK).reshape(1, 3, 1, 1)
    return replace(person, crop=crop)


@pytest.fixture(scope="module")
def end() -> Endpoint:
    person = marked()
    return endpoint.prepare(person.crop, person.landmarks, SIZE, Known(person.label), load_head().coarse)


def turned(end: Endpoint, yaw: float, pitch: float, *parts: float, at_once: int = 12) -> torch.Tensor:
    frames = turn(end, yaw, pitch, torch.tensor(parts), at_once)
    assert frames is not None
    return frames


def mark_in(frame: torch.Tensor) -> np.ndarray:
    """Return where the green mark is, (2,) x and y, parts of the side."""
    green = (frame[1] - frame[[0, 2]].amax(0)).clamp_min(0).double()
    green[green < 0.1] = 0
    assert green.sum() > 0
    ticks = (torch.arange(SIZE) + 0.5) / SIZE
    return np.array([float((green.sum(0) * ticks).sum()), float((green.sum(1) * ticks).sum())]) / float(green.sum())


def test_no_turn_is_the_photo(end: Endpoint) -> None:
    frames = turned(end, 20, 10, 0.0, 1.0, 0.0)
    assert torch.equal(frames[[0, 2]], end.crop.expand(2, -1, -1, -1))
    assert not torch.equal(frames[1:2], end.crop)
    assert (turned(end, 0, 0, 1.0) - end.crop).abs().max() < 1 / 255


@pytest.mark.parametrize(
    ("yaw", "pitch", "axis", "sign"), [(15, 0, 0, 1), (-15, 0, 0, -1), (0, 12, 1, -1), (0, -12, 1, 1)]
)
def test_the_nose_goes_where_the_angle_points(end: Endpoint, yaw: float, pitch: float, axis: int, sign: int) -> None:
    """Positive yaw is to the viewer's right, positive pitch upwards, which is towards 0."""
    assert end.textured is not None
    head = end.textured
    moved = mark_in(turned(end, yaw, pitch, 1.0)[0]) - mark_in(end.crop[0])
    assert moved[axis] * sign > 0.08 * head.fit.scale
    assert abs(moved[1 - axis]) < 0.03 * head.fit.scale


def test_the_nose_moves_as_far_as_that_of_a_head(end: Endpoint) -> None:
    assert end.textured is not None
    fit, points = end.textured.fit, end.textured.own.points
    depth = points[NOSE_TIP, 2] - points[EYES, 2].mean()
    moved = mark_in(turned(end, 20, 0, 1.0)[0]) - mark_in(end.crop[0])
    assert moved[0] == pytest.approx(fit.scale * depth * np.sin(np.radians(20)), rel=0.15)


def test_parts_go_to_both_sides_and_further_by_and_by(end: Endpoint) -> None:
    parts = (-1.0, -0.5, 0.0, 0.5, 1.0)
    frames = turned(end, 20, 0, *parts)
    assert (np.diff([mark_in(frame)[0] for frame in frames]) > 0.01).all()
    assert torch.equal(frames[:1], turned(end, -20, 0, 1.0))
    assert torch.equal(frames[4:], turned(end, 20, 0, 1.0))


def test_how_many_are_rendered_together_changes_nothing(end: Endpoint) -> None:
    parts = (-1.0, 0.2, -0.3, 0.9, 1.0)
    torch.testing.assert_close(turned(end, 20, 5, *parts), turned(end, 20, 5, *parts, at_once=2), atol=1e-5, rtol=0)


def test_what_no_head_explains_is_not_turned() -> None:
    assert turn(end_of(marked()), 15, 0, torch.ones(1), 12) is None
