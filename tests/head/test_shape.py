"""A face's own head lies on its landmarks, and is symmetric where they are."""

from __future__ import annotations

import numpy as np
import pytest

from facemorph.head import MIRROR_ORDER, Head, fit_head, grid_normals, own_head
from tests.head.conftest import Array, PlaceHead

MIRROR = (-1, 1, 1)
FAR_JAW = slice(9, 17)
"""Of a head that points to the viewer's right."""


@pytest.fixture
def another(head: Head) -> Array:
    """(68, 3) points of another symmetric head: longer, with a nose that stands out more."""
    points = head.points * (1.0, 1.08, 1.0)
    points[27:36, 2] *= 1.15
    points[:17, 0] *= 1.08
    return np.asarray(points, np.float64)


def test_the_mean_heads_landmarks_give_the_mean_head(head: Head, place: PlaceHead) -> None:
    fit = place(20.0, 5.0, 3.0)
    own = own_head(head, fit, fit.project(head.points)[:, :2])
    np.testing.assert_allclose(own.points, head.points, atol=1e-4)
    np.testing.assert_allclose(own.surface, head.surface, atol=1e-4)


@pytest.mark.parametrize("yaw", [0.0, 30.0])
def test_its_points_lie_on_the_landmarks_but_for_the_far_jaw(
    head: Head, place: PlaceHead, another: Array, yaw: float
) -> None:
    marked = place(yaw).project(another)[:, :2] + np.random.default_rng(0).normal(0, 3, (68, 2))
    fit = fit_head(head, marked)
    distance = np.linalg.norm(fit.project(own_head(head, fit, marked).points)[:, :2] - marked, axis=1)
    assert distance[:9].max() < 0.01
    assert distance[17:].max() < 0.01
    assert (distance[FAR_JAW].max() > 3) == (yaw > 0)


def test_two_views_of_a_turned_face_tell_its_shape(head: Head, place: PlaceHead, another: Array) -> None:
    """Nearer to the true head in three dimensions than the mean one is, though the photo shows two."""
    fit = place(30.0)
    own = own_head(head, fit, fit.project(another)[:, :2])
    before = np.linalg.norm(head.points - another, axis=1)
    after = np.linalg.norm(own.points - another, axis=1)
    assert after.mean() < 0.5 * before.mean()
    assert after[FAR_JAW].mean() < 0.6 * before[FAR_JAW].mean()


def test_the_far_jaw_follows_the_near_one_alone(head: Head, place: PlaceHead, another: Array) -> None:
    fit = place(30.0)
    marked = fit.project(another)[:, :2]
    wrong = marked.copy()
    wrong[FAR_JAW, 0] -= 20
    one, other = own_head(head, fit, marked), own_head(head, fit, wrong)
    np.testing.assert_array_equal(one.points, other.points)
    jaw = one.points[:8]
    np.testing.assert_allclose(one.points[MIRROR_ORDER][:8] * MIRROR, jaw, atol=0.06)


def test_a_mirrored_face_has_the_mirrored_head(head: Head, place: PlaceHead, another: Array) -> None:
    marked = place(25.0, -5.0).project(another)[:, :2] + np.random.default_rng(0).normal(0, 3, (68, 2))
    flipped = (marked * (-1, 1) + (511, 0))[MIRROR_ORDER]
    one, other = (own_head(head, fit_head(head, points), points) for points in (marked, flipped))
    np.testing.assert_allclose(other.points, one.points[MIRROR_ORDER] * MIRROR, atol=1e-4)
    np.testing.assert_allclose(other.surface, one.surface[:, ::-1] * MIRROR, atol=2e-3)


def test_the_surface_goes_along_with_the_points(head: Head, place: PlaceHead) -> None:
    fit = place()
    marked = fit.project(head.points)[:, :2]
    own = own_head(head, fit, marked + np.array([30, -10]))  # all of them alike: a shift, and nothing bends
    moved = own.surface - head.surface
    np.testing.assert_allclose(moved, np.broadcast_to(moved[60, 60], moved.shape), atol=1e-3)
    np.testing.assert_allclose(moved[60, 60], (30 / fit.scale, -10 / fit.scale, 0), atol=1e-3)


def test_without_a_pose_it_is_the_mean_head(head: Head) -> None:
    marked = np.full((68, 2), 7.0)
    own = own_head(head, fit_head(head, marked), marked)
    np.testing.assert_array_equal(own.points, head.points)
    np.testing.assert_array_equal(own.surface, head.surface)


def test_normals_point_outwards(head: Head) -> None:
    normals = grid_normals(head.surface)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1, atol=1e-5)
    outwards = head.surface - np.array([0, 0.45, -0.95], np.float32)
    assert ((normals * outwards).sum(-1) > 0).mean() > 0.99
    np.testing.assert_allclose(normals[:, ::-1] * MIRROR, normals, atol=2e-3)
