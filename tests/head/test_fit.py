"""Poses of made faces are found again, and what is no face has none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from facemorph.head import MIRROR_ORDER, Head, fit_head
from facemorph.head.fit import angles, exponential, fit_poses, rotations
from facemorph.head.landmarks import near
from tests.drawn import draw_face
from tests.head.conftest import Array, PlaceHead


@settings(max_examples=40, deadline=None)
@given(st.floats(-80, 80), st.floats(-40, 40), st.floats(-179, 179), st.floats(5, 2000))
def test_the_pose_of_the_mean_head_is_found_again(
    head: Head, place: PlaceHead, yaw: float, pitch: float, roll: float, scale: float
) -> None:
    truth = place(yaw, pitch, roll, scale, x=-70.0, y=300.0)
    fit = fit_head(head, truth.project(head.points)[:, :2])
    assert fit.told
    assert fit.rest < 1e-3
    assert (fit.pose.yaw, fit.pose.pitch) == pytest.approx((yaw, pitch), abs=0.1)
    assert np.cos(np.radians(fit.pose.roll - roll)) > 1 - 1e-5
    assert fit.scale == pytest.approx(scale, rel=1e-3)
    np.testing.assert_allclose(fit.translation, (-70, 300), atol=0.01 * scale)


def test_signs_are_those_that_are_written_down(head: Head, place: PlaceHead) -> None:
    nose, chin, between = 30, 8, 27
    right, up, leaning = (place(**{name: 20.0}).project(head.points) for name in ("yaw", "pitch", "roll"))
    flat = place().project(head.points)
    assert right[nose, 0] > right[between, 0] + 15
    assert up[nose, 1] - up[between, 1] < flat[nose, 1] - flat[between, 1] - 15
    assert leaning[chin, 0] < leaning[between, 0] - 20  # the crown goes clockwise to the right, the chin to the left
    assert flat[nose, 2] > flat[chin, 2] > flat[0, 2]  # the nearer, the larger


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(0, 0, 0), (25, 10, -15), (-50, -20, 5)])
def test_a_mirrored_face_has_the_opposite_yaw_and_roll(
    head: Head, place: PlaceHead, yaw: float, pitch: float, roll: float
) -> None:
    rng = np.random.default_rng(3)
    marked = place(yaw, pitch, roll).project(head.points)[:, :2] + rng.normal(0, 4, (68, 2))
    one, other = fit_head(head, marked), fit_head(head, (marked * (-1, 1) + (511, 0))[MIRROR_ORDER])
    assert (other.pose.yaw, other.pose.pitch, other.pose.roll) == pytest.approx(
        (-one.pose.yaw, one.pose.pitch, -one.pose.roll), abs=1e-3
    )
    assert other.rest == pytest.approx(one.rest, rel=1e-4)


def test_uneven_landmarks_move_the_pose_little(head: Head, place: PlaceHead) -> None:
    """Noise of 3 % of the eye distance, and a mouth wide open."""
    rng = np.random.default_rng(0)
    errors = []
    for yaw in np.linspace(-50, 50, 21):
        marked = place(yaw, 5.0).project(head.points)[:, :2] + rng.normal(0, 4, (68, 2))
        marked[55:60, 1] += 35
        errors.append(fit_head(head, marked).pose.yaw - yaw)
    assert np.std(errors) < 1.5
    assert abs(np.mean(errors)) < 1


def test_the_far_jaw_does_not_turn_the_head(head: Head, place: PlaceHead) -> None:
    marked = place(30.0).project(head.points)[:, :2]
    shifted = marked.copy()
    shifted[9:17, 0] -= 20  # inside the cheek, where the landmark network puts it
    assert fit_head(head, shifted).pose.yaw == pytest.approx(30, abs=0.1)
    shifted = marked.copy()
    shifted[:8, 0] -= 20
    assert fit_head(head, shifted).pose.yaw != pytest.approx(30, abs=0.5)


def test_many_faces_at_once_are_as_one_by_one(head: Head, place: PlaceHead) -> None:
    rng = np.random.default_rng(1)
    marked = np.stack([place(yaw).project(head.points)[:, :2] + rng.normal(0, 4, (68, 2)) for yaw in (-30, 0, 45)])
    together = fit_poses(head.points.astype(np.float64), marked)
    assert together.rotation.shape == (3, 3, 3)
    np.testing.assert_allclose(np.linalg.det(together.rotation), 1)
    for row in range(3):
        alone = fit_head(head, marked[row])
        np.testing.assert_allclose(alone.rotation, together.rotation[row], atol=1e-9)
        assert alone.rest == pytest.approx(together.rest[row])
    assert (together.weights[2] <= near(np.array([45.0]))[0]).all()


def unlike_faces() -> dict[str, Array]:
    rng = np.random.default_rng(0)
    mixed = draw_face()[1].astype(np.float64)
    rng.shuffle(mixed)
    return {
        "one place": np.full((68, 2), 100.0),
        "nearly one place": 100 + 1e-4 * rng.standard_normal((68, 2)),
        "a line": np.column_stack([np.arange(68.0), np.arange(68.0)]),
        "an upright line": np.column_stack([np.zeros(68), np.linspace(0, 100, 68)]),
        "chance": 200 * rng.random((68, 2)),
        "a face in another order": mixed,
        "sides swapped": draw_face()[1] * (-1.0, 1.0),
        "not finite": np.full((68, 2), np.nan),
        "infinite": np.where(np.arange(68)[:, None] == 5, np.inf, draw_face()[1]),
        "huge": 1e300 * rng.standard_normal((68, 2)),
        "huge and far": 1e200 + draw_face()[1].astype(np.float64),
    }


@pytest.mark.parametrize("name", unlike_faces())
def test_what_no_head_explains_is_frontal_and_not_told(head: Head, name: str) -> None:
    fit = fit_head(head, unlike_faces()[name])
    assert not fit.told
    assert not fit.pose.told
    assert (fit.pose.yaw, fit.pose.pitch) == (0, 0)
    assert fit.scale > 0
    assert np.isfinite(fit.project(head.points)).all()


def test_a_frontal_fit_still_lies_on_the_landmarks(head: Head, place: PlaceHead) -> None:
    rng = np.random.default_rng(0)
    marked = place(0, 0, 25).project(head.points)[:, :2] + rng.normal(0, 35, (68, 2))
    fit = fit_head(head, marked)
    assert not fit.told
    assert fit.pose.roll == pytest.approx(25, abs=10)
    np.testing.assert_allclose(fit.project(head.points)[:, :2].mean(0), marked.mean(0), atol=1e-6)


@pytest.mark.parametrize("yaw", [88.0, 130.0])
def test_a_head_that_turns_away_is_not_told(head: Head, place: PlaceHead, yaw: float) -> None:
    assert not fit_head(head, place(yaw).project(head.points)[:, :2]).told


@given(st.tuples(st.floats(-89, 89), st.floats(-179, 179), st.floats(-179, 179)))
def test_angles_undo_rotations_which_are_scipys(turn: tuple[float, float, float]) -> None:
    yaw, pitch, roll = turn
    rotation = rotations(*(np.array([angle]) for angle in turn))
    np.testing.assert_allclose(np.concatenate(angles(rotation)), turn, atol=1e-6)
    expected = Rotation.from_euler("ZYX", [roll, yaw, pitch], degrees=True).as_matrix()
    np.testing.assert_allclose(rotation[0], expected, atol=1e-12)


def test_exponential_is_scipys() -> None:
    turn = np.array([[0, 0, 0], [1e-9, 0, 0], [0.3, -0.5, 1.2], [0, 3.0, 0]])
    np.testing.assert_allclose(exponential(turn), Rotation.from_rotvec(turn).as_matrix(), atol=1e-12)
