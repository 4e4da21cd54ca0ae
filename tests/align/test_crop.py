"""From landmarks to the canonical crop."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.transform import SimilarityTransform
from skimage.transform import warp as skimage_warp

from facemorph.align.crop import (
    EYE_DISTANCE,
    EYE_LEVEL,
    crop_from_photo_matrix,
    crop_photo,
    invert_matrix,
    sample_square,
    transform_points,
)
from facemorph.errors import AlignmentError
from tests.align.conftest import PlaceFace
from tests.drawn import draw_face

SIZE = 512


def eye_centres(landmarks: np.ndarray) -> np.ndarray:
    return np.stack([landmarks[36:42].mean(0), landmarks[42:48].mean(0)])


def smooth_photo(height: int = 200, width: int = 180) -> np.ndarray:
    y, x = np.mgrid[:height, :width] / 30.0
    waves = np.stack([np.sin(x + y), np.cos(x - 0.5 * y), np.sin(0.7 * y)], -1)
    return (127 + 90 * waves).astype(np.uint8)


def test_inverse_undoes_the_matrix(mean_face_at: PlaceFace) -> None:
    matrix = crop_from_photo_matrix(mean_face_at(300, 200, 60, 20), SIZE)
    points = np.random.default_rng(0).uniform(0, 500, (50, 2)).astype(np.float32)
    np.testing.assert_allclose(
        transform_points(invert_matrix(matrix), transform_points(matrix, points)), points, atol=1e-2
    )


@pytest.mark.parametrize("roll", [0.0, 30.0, -30.0, 90.0, 175.0])
@pytest.mark.parametrize("scale", [15.0, 150.0])
def test_eyes_land_upright_in_their_place(mean_face_at: PlaceFace, roll: float, scale: float) -> None:
    landmarks = mean_face_at(310, 222, scale, roll)
    left, right = eye_centres(transform_points(crop_from_photo_matrix(landmarks, SIZE), landmarks))
    np.testing.assert_allclose(right - left, (EYE_DISTANCE * SIZE, 0), atol=0.05)
    np.testing.assert_allclose((left + right) / 2, (SIZE / 2 - 0.5, EYE_LEVEL * SIZE - 0.5), atol=0.05)


def test_chin_and_brows_lie_inside(mean_face_at: PlaceFace) -> None:
    landmarks = mean_face_at(310, 222, 40)
    inside = transform_points(crop_from_photo_matrix(landmarks, SIZE), landmarks)
    assert inside.min() > 0
    assert inside.max() < SIZE


def test_a_turned_head_is_not_magnified(mean_face_at: PlaceFace) -> None:
    frontal = mean_face_at(100, 100, 40)
    turned = (frontal - 100) * (0.4, 1.0) + 100
    matrices = [crop_from_photo_matrix(points.astype(np.float32), SIZE) for points in (frontal, turned)]
    scales = [np.hypot(m[0, 0], m[1, 0]) for m in matrices]
    assert scales[1] < 1.5 * scales[0]  # by the eyes alone it would be 2.5


def test_matrix_agrees_with_scikit_image(mean_face_at: PlaceFace) -> None:
    landmarks = mean_face_at(310, 222, 80, -17)
    targets = np.array([[0.5 - EYE_DISTANCE / 2, EYE_LEVEL], [0.5 + EYE_DISTANCE / 2, EYE_LEVEL]]) * SIZE - 0.5
    theirs = SimilarityTransform.from_estimate(eye_centres(landmarks), targets)
    np.testing.assert_allclose(crop_from_photo_matrix(landmarks, SIZE), theirs.params[:2], rtol=1e-3, atol=1e-3)


def test_sampling_agrees_with_scikit_image() -> None:
    photo = smooth_photo()
    matrix = np.array([[1.1, 0.4, -20], [-0.4, 1.1, 30]], np.float32)
    ours, beyond = sample_square(photo, matrix, 128, "bilinear")
    full = np.vstack([matrix, (0, 0, 1)])
    theirs = skimage_warp(photo, SimilarityTransform(full).inverse, output_shape=(128, 128), order=1, mode="symmetric")
    difference = np.abs(ours[0].permute(1, 2, 0).numpy() - theirs)[beyond == 0]
    assert difference.max() < 0.01


def test_landmarks_of_a_drawn_face_land_on_the_drawing() -> None:
    photo, landmarks = draw_face((400, 360), eye_distance=70, roll=25)
    matrix = crop_from_photo_matrix(landmarks, SIZE)
    image, inside = crop_photo(photo, matrix, SIZE)
    mouth = transform_points(matrix, landmarks)[48:60].mean(0).round().astype(int)
    cheek = transform_points(matrix, landmarks)[[2, 31]].mean(0).round().astype(int)
    source = landmarks[48:60].mean(0).round().astype(int), landmarks[[2, 31]].mean(0).round().astype(int)
    for place, origin in zip((mouth, cheek), source, strict=True):
        np.testing.assert_allclose(image[place[1], place[0]], photo[origin[1], origin[0]], atol=4)
    assert inside[mouth[1], mouth[0]]


def test_identity_returns_the_photo() -> None:
    photo = smooth_photo(96, 96)
    image, inside = crop_photo(photo, np.array([[1, 0, 0], [0, 1, 0]], np.float32), 96)
    np.testing.assert_allclose(image.astype(int), photo, atol=1)
    assert inside.all()


@pytest.mark.parametrize("shift", [(150, 0), (-400, 0), (0, 150), (150, -150), (1500, 2000)])
@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_what_lies_outside_is_filled_never_black(shift: tuple[float, float], scale: float) -> None:
    photo = np.full((200, 180, 3), 200, np.uint8)
    image, inside = crop_photo(photo, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32), 256)
    assert not inside.all()
    assert np.abs(image.astype(int) - 200).max() <= 1


def test_fill_reflects_at_the_edge_and_blurs_far_from_it() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    image, inside = crop_photo(photo, np.array([[1, 0, 128], [0, 1, 0]], np.float32), 256)
    assert (inside == (np.arange(256) >= 128)[None]).all()
    np.testing.assert_allclose(image[:, 127].astype(int), image[:, 128].astype(int), atol=12)
    assert image[:, :40].std() < 0.2 * image[:, 160:].std()


def test_a_large_photo_is_reduced_without_aliasing() -> None:
    stripes = np.zeros((1600, 1600, 3), np.uint8)
    stripes[:, ::2] = 255
    image, _ = crop_photo(stripes, np.array([[0.16, 0, 0], [0, 0.16, 0]], np.float32), 256)
    assert np.abs(image[8:-8, 8:-8].astype(int) - 127).max() < 12


def test_eyes_in_one_place_determine_no_crop(mean_face_at: PlaceFace) -> None:
    landmarks = mean_face_at(100, 100, 40)
    landmarks[42:48] = landmarks[36:42]
    with pytest.raises(AlignmentError, match=r"determine no crop.*Use a photo where the face is turned to the camera"):
        crop_from_photo_matrix(landmarks, SIZE)


def test_landmarks_that_are_not_finite_determine_no_crop(mean_face_at: PlaceFace) -> None:
    landmarks = mean_face_at(100, 100, 40)
    landmarks[0] = np.inf
    with pytest.raises(AlignmentError, match=r"determine no crop"):
        crop_from_photo_matrix(landmarks, SIZE)
