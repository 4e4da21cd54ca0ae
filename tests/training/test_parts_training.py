"""Views, pasted parts, samples and loss of the parser's training, on drawn heads."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch

from facemorph.models.parts_parser import CLASSES
from tests.drawn import draw_face
from training.loop.distributed import Share
from training.parts.evaluate import Tally
from training.parts.labels import CANVAS, IGNORE, choose_validation, groups_of, put_sides_right
from training.parts.losses import Target, loss_of, make_target
from training.parts.paste import fit, lay_over, matte, paste_hair
from training.parts.portraits import HAIR, HAT, SKIN, Portraits, View, face_hull, hair_on_face
from training.parts.samples import Batches

LEFT_EYE, RIGHT_EYE, GLASSES = (CLASSES.index(name) for name in ("left_eye", "right_eye", "glasses"))
FLAT = np.eye(2, 3, dtype=np.float32)


@pytest.fixture(scope="module")
def portraits() -> Portraits:
    """Eight heads on canvases; odd ones have a fringe, the last two glasses or a hat as well."""
    images, labels, marks = [], [], []
    for number in range(8):
        skin = 210 - 9 * number, 160, 130
        image, points = draw_face((CANVAS, CANVAS), centre=(160.0, 150.0), eye_distance=70, skin=skin)
        image, label = image.copy(), np.zeros((CANVAS, CANVAS), np.uint8)
        cv2.fillConvexPoly(label, cv2.convexHull(points.round().astype(np.int32)), SKIN)
        for side, eye in ((RIGHT_EYE, points[36:42]), (LEFT_EYE, points[42:48])):
            cv2.circle(label, tuple(int(v) for v in eye.mean(0)), 9, side, -1)
        top = int(points[:, 1].min())
        bottom = int(points[27, 1]) if number % 2 else top - 40
        label[top - 80 : bottom, 100:220], image[top - 80 : bottom, 100:220] = HAIR, (60, 40, 20)
        if number == 7:
            label[top - 90 : top - 50, 90:230] = HAT
        if number == 6:
            label[int(points[36, 1]) - 8 : int(points[36, 1]) + 8, 110:150] = GLASSES
        images.append(image)
        labels.append(label)
        marks.append(points.astype(np.float32))
    return Portraits(np.stack(images), np.stack(labels), np.stack(marks))


def test_a_mirrored_view_swaps_sides_and_moves_all_together(portraits: Portraits) -> None:
    turned = np.array([[-1, 0, CANVAS - 1], [0, 1, 0]], np.float32)
    plain, mirrored = (portraits.view(0, matrix, CANVAS) for matrix in (FLAT, turned))
    assert np.array_equal(mirrored.image, plain.image[:, ::-1])
    for view in (plain, mirrored):
        x, y = view.landmarks[42:48].mean(0).round().astype(int)
        assert view.label[y, x] == LEFT_EYE


def test_the_canonical_crop_is_the_middle_of_the_canvas(portraits: Portraits) -> None:
    view = portraits.canonical(2, 128)
    assert view.image.shape == (128, 128, 3)
    x, y = view.landmarks[36:42].mean(0).round().astype(int)
    assert view.label[y, x] == RIGHT_EYE


def test_sides_named_as_the_viewer_sees_them_are_put_right(portraits: Portraits) -> None:
    label = portraits.label[0]
    wrong = np.where(label == LEFT_EYE, RIGHT_EYE, np.where(label == RIGHT_EYE, LEFT_EYE, label)).astype(np.uint8)
    assert np.array_equal(put_sides_right(wrong), label)
    assert np.array_equal(put_sides_right(label), label)


def test_look_alikes_stay_on_one_side() -> None:
    rng = np.random.default_rng(0)
    people = rng.normal(size=(60, 128))
    faces = np.repeat(people, 3, 0) + 0.1 * rng.normal(size=(180, 128))
    faces = (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32)
    validation = choose_validation(faces)
    assert 0.1 < validation.mean() < 0.16
    for person in validation.reshape(60, 3):
        assert len(set(person)) == 1
    assert len(np.unique(groups_of(faces))) == 60


def test_fringes_are_told_by_the_hair_on_the_face(portraits: Portraits) -> None:
    parts = hair_on_face(portraits)
    assert parts[1::2].min() > 0.06
    assert parts[::2].max() < 0.03


def test_points_are_fitted_by_the_map_that_moved_them() -> None:
    rng = np.random.default_rng(0)
    points, matrix = rng.normal(size=(20, 2)), np.array([[1.2, 0.1, 3], [-0.2, 0.9, 4]])
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(fit(points.astype(np.float32), moved.astype(np.float32)), matrix, atol=1e-4)


def test_pasted_hair_lies_on_the_head_only_and_is_labelled(portraits: Portraits) -> None:
    free, donor = (portraits.view(i, FLAT, CANVAS) for i in (0, 1))
    dressed = paste_hair(free, donor, np.random.default_rng(0), on_head=True)
    new = (dressed.label == HAIR) & (free.label != HAIR)
    assert new.sum() > 500
    assert set(np.unique(free.label[new])) <= {SKIN, LEFT_EYE, RIGHT_EYE}
    changed = np.abs(dressed.image.astype(int) - free.image).sum(2) > 30
    assert changed[cv2.erode(new.astype(np.uint8), np.ones((7, 7))) > 0].mean() > 0.95
    assert not changed[-60:].any()


def test_what_is_unknown_stays_unknown(portraits: Portraits) -> None:
    view = portraits.view(0, FLAT, CANVAS)
    label = view.label.copy()
    label[:50] = IGNORE
    alpha = matte(np.ones_like(label, bool), view.image)
    laid = lay_over(View(view.image, label, view.landmarks), view.image, alpha, HAIR, 0.0)
    assert (laid.label[:50] == IGNORE).all()
    assert (laid.label[60:] == HAIR).all()


def test_batches_depend_on_the_step_and_not_on_who_shares_them(portraits: Portraits) -> None:
    def batch(step: int, share: Share) -> list[np.ndarray]:
        made = Batches(portraits, portraits, 0.4, 64, 3, share)[step]
        return [part.numpy() for part in made]

    whole, later = batch(5, Share(4)), batch(6, Share(4))
    assert whole[0].shape == (4, 3, 64, 64)
    assert whole[1].shape == whole[2].shape == (4, 64, 64)
    assert not np.array_equal(whole[0], later[0])
    for rank in range(2):
        for part, own in zip(whole, batch(5, Share(4, rank, 2)), strict=True):
            assert np.array_equal(own, part[rank::2])


def test_the_target_is_shares_of_what_is_known() -> None:
    label = torch.full((1, 4, 4), HAIR, dtype=torch.uint8)
    label[0, :2, :2] = torch.tensor([[SKIN, SKIN], [HAIR, IGNORE]])
    target = make_target(label, torch.ones(1, 4, 4, dtype=torch.uint8), 2)
    assert target.parts[0, SKIN, 0, 0] == 0.5
    assert target.parts[0, HAIR, 0, 0] == 0.25
    assert target.parts[0, HAIR, 1, 1] == 1
    assert target.parts.sum(1)[0, 0, 0] == 0.75


def test_the_loss_is_least_for_the_truth_and_blind_where_nothing_is_known() -> None:
    torch.manual_seed(0)
    label = torch.randint(0, len(CLASSES), (2, 16, 16)).to(torch.uint8)
    label[:, :4] = IGNORE
    target = make_target(label, torch.ones_like(label), 1)
    right = 12 * target.parts
    blind = right.clone()
    blind[:, 7, :4] = 50
    assert float(loss_of(right, target)[0]) < 0.2 * float(loss_of(right.roll(1, 1), target)[0])
    torch.testing.assert_close(loss_of(blind, target)[0], loss_of(right, target)[0], atol=1e-4, rtol=0)


def test_losses_of_shares_have_the_gradient_of_the_whole() -> None:
    """Dice divides sums by sums: with those of all, two halves make up the whole."""
    torch.manual_seed(0)
    label = torch.randint(0, len(CLASSES), (4, 8, 8)).to(torch.uint8)
    target, logits = make_target(label, torch.ones_like(label), 1), torch.randn(4, len(CLASSES), 8, 8)
    amounts: list[torch.Tensor] = []

    def gradient(chosen: slice, summed: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        x = logits[chosen].clone().requires_grad_()
        loss_of(x, Target(target.parts[chosen], target.hull[chosen]), summed)[0].backward()
        assert x.grad is not None
        return x.grad

    def noted(amount: torch.Tensor) -> torch.Tensor:
        amounts.append(amount.detach())
        return amount

    whole = gradient(slice(None), noted)
    for rank in range(2):
        known = iter(amounts)
        half = gradient(slice(rank, None, 2), lambda part, known=known: part + (next(known) - part.detach()))
        torch.testing.assert_close(half, whole[rank::2], atol=1e-7, rtol=1e-4)


def test_overlap_is_counted_where_labels_are_known(portraits: Portraits) -> None:
    view, tally = portraits.canonical(1, 64), Tally()
    tally.add(view, view.label.astype(np.int64))
    scores = tally.scores()
    assert scores["hair"] == scores["person"] == scores["hair_on_face"] == 1.0
    wrong = view.label.astype(np.int64)
    wrong[view.label == HAIR] = SKIN
    tally = Tally()
    tally.add(view, wrong)
    assert tally.scores()["hair"] == 0.0
    assert tally.scores()["person"] == 1.0


def test_the_hull_reaches_above_the_brows_by_the_lift(portraits: Portraits) -> None:
    points = portraits.landmarks[0]
    low, high = (np.nonzero(face_hull(points, CANVAS, lift))[0].min() for lift in (0.0, 1.0))
    way = points[30, 1] - points[[21, 22], 1].mean()
    assert high == pytest.approx(low - way, abs=2)
