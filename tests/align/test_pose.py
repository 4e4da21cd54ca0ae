"""The mean face and its pose in a photo."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.transform import SimilarityTransform

from facemorph.align.crop import transform_points
from facemorph.align.pose import MEAN_FACE, WINDOW, Pose, box, fit_pose
from facemorph.errors import AlignmentError
from facemorph.head import MIRROR_ORDER


def test_mean_face_is_its_own_mirror_image() -> None:
    np.testing.assert_allclose((MEAN_FACE * (-1, 1))[MIRROR_ORDER], MEAN_FACE, atol=1e-6)


def test_mean_face_has_unit_eye_distance_and_its_origin_in_the_middle() -> None:
    eyes = [MEAN_FACE[36:42].mean(0), MEAN_FACE[42:48].mean(0)]
    np.testing.assert_allclose(eyes[1] - eyes[0], (1.0, 0.0), atol=1e-3)
    np.testing.assert_allclose(MEAN_FACE.mean(0), 0.0, atol=1e-4)


@pytest.mark.parametrize("roll", [-2.5, -0.5, 0.0, 0.3, 3.0])
def test_fit_recovers_the_pose(roll: float) -> None:
    pose = Pose(31.0, -40.0, 12.5, roll)
    fitted = fit_pose(transform_points(pose.matrix(), MEAN_FACE))
    np.testing.assert_allclose(
        (fitted.x, fitted.y, fitted.scale, fitted.roll), (pose.x, pose.y, pose.scale, pose.roll), atol=2e-3
    )


def test_fit_agrees_with_scikit_image() -> None:
    points = MEAN_FACE * (30, 26) + (80, 90) + np.random.default_rng(0).normal(0, 2, (68, 2))
    pose = fit_pose(points.astype(np.float32))
    theirs = SimilarityTransform.from_estimate(MEAN_FACE, points)
    assert pose.scale == pytest.approx(theirs.scale, rel=1e-4)
    assert pose.roll == pytest.approx(theirs.rotation, abs=1e-4)


def test_window_shows_the_face_upright_and_centred() -> None:
    pose = Pose(200.0, 150.0, 40.0, 0.7)
    seen = transform_points(pose.window_from_photo(96), transform_points(pose.matrix(), MEAN_FACE))
    np.testing.assert_allclose(seen, MEAN_FACE * (96 / WINDOW) + 47.5, atol=1e-3)


def test_fit_refuses_points_in_one_place() -> None:
    with pytest.raises(AlignmentError, match=r"all lie in one place. Use another photo"):
        fit_pose(np.full((68, 2), 7.0, np.float32))


def test_fit_refuses_points_that_are_not_finite() -> None:
    with pytest.raises(AlignmentError, match=r"not finite"):
        fit_pose(np.full((68, 2), np.nan, np.float32))


def test_box_of_points() -> None:
    np.testing.assert_array_equal(box(np.array([[3, 9], [5, 1]], np.float32)), (3, 1, 5, 9))
