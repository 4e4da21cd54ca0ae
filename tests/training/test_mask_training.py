"""What the person mask is trained on: hair marked by colour and place, and labels that follow their crops."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("cv2", reason="training needs opencv-python-headless (requirements-dev.txt)")

from facemorph.align.crop import transform_points
from facemorph.align.pose import MEAN_FACE, Pose
from facemorph.models import PersonMask, PersonMaskConfig
from training.loop.streams import OneStream
from training.masks.evaluate import auc
from training.masks.label_hair import guided, label
from training.masks.train import Labels, agreement, jitter, loss_of, overlap, to_batch

SKIN, BROWN, BLUE, GRAY = (215, 165, 135), (75, 50, 35), (40, 60, 150), (125, 150, 130)
SCALE, CENTRE = 34.5, 82.0


def drawn(crown: tuple[int, int, int], jaw: tuple[int, int, int] = SKIN, forehead: tuple[int, int, int] = SKIN):  # type: ignore[no-untyped-def]
    """Draw a head; return crop (1, 3, 128, 128), person (1, 1, 32, 32), landmarks and x, y on the mean face."""
    row, column = np.mgrid[:128, :128]
    x, y = (column - 63.5) / SCALE, (row - CENTRE) / SCALE
    head, neck = (x / 1.15) ** 2 + (y + 0.4) ** 2 / 1.7**2 < 1, (np.abs(x) < 0.7) & (y > 0.5)
    clothes = (y > 1.25 - 0.2 * np.abs(x)) & (np.abs(x) > 0.45)
    picture = np.full((128, 128, 3), GRAY, float)
    picture[neck | head] = SKIN
    picture[head & (y > 0.25)] = jaw
    picture[head & (y < -1.0)] = forehead
    picture[head & (y < -1.5)] = crown
    picture[clothes] = BLUE
    picture += np.random.default_rng(0).normal(0, 4, picture.shape)
    to_tensor = torch.from_numpy(picture.clip(0, 255) / 255).float().permute(2, 0, 1)[None]
    person = F.adaptive_avg_pool2d(torch.from_numpy((head | neck | clothes).astype(np.float32))[None, None], 32)
    landmarks = transform_points(Pose(63.5, CENTRE, SCALE, 0.0).matrix(), MEAN_FACE)[None]
    half = [torch.from_numpy(np.ascontiguousarray(v[::2, ::2])) for v in (x, y)]
    return to_tensor, person, landmarks.astype(np.float32), half


def test_hair_is_found_on_the_crown_only() -> None:
    x, person, landmarks, (across, down) = drawn(BROWN)
    found, hair, weight = (part[0] for part in label(x, person, landmarks))
    middle = across.abs() < 0.5
    assert hair[middle & (down < -1.6) & (down > -1.95)].mean() > 0.9
    assert hair[middle & (down > -1.35) & (down < 0.9)].mean() < 0.03
    assert hair[(down > 1.2) & (across.abs() > 0.6)].mean() < 0.1  # clothes
    assert weight[middle & (down < -1.6) & (down > -1.95)].mean() > 0.8
    assert (hair <= found).all()


def test_a_bald_head_has_no_hair() -> None:
    x, person, landmarks, (across, down) = drawn(SKIN)
    hair = label(x, person, landmarks)[1][0]
    assert hair[(across.abs() < 0.5) & (down < -1.2)].mean() < 0.1


def test_a_fringe_is_hair_and_a_beard_is_not() -> None:
    x, person, landmarks, (across, down) = drawn(BROWN, jaw=BROWN, forehead=BROWN)
    _, hair, weight = (part[0] for part in label(x, person, landmarks))
    middle = across.abs() < 0.5
    assert hair[middle & (down < -1.3) & (down > -1.9)].mean() > 0.9
    wrong = middle & (down < -1.0) & (down > -1.3) & (hair < 0.5)  # so low it could be brows
    assert weight[wrong].max() < 0.2
    assert hair[middle & (down > 0.3) & (down < 1.0)].mean() < 0.03


def test_a_network_s_opinion_overrules_the_mean_face_and_colours_sharpen_it() -> None:
    x, person, landmarks, (across, down) = drawn(BROWN)
    crown = (down < -1.5) & (across.abs() < 0.8)
    blurred = F.avg_pool2d(crown.float()[None, None], 7, 1, 3)[0]
    hair = label(x, person, landmarks, blurred.clamp(0.02, 0.98))[1][0]
    seen = (person[0, 0] > 0.9).repeat_interleave(2, 0).repeat_interleave(2, 1) & (across.abs() < 0.6)
    wrong, before = ((share - crown.float()).abs()[seen].mean() for share in (hair, blurred[0]))
    assert wrong < 0.5 * before
    nothing = label(x, person, landmarks, torch.zeros(1, 64, 64))[1][0]
    assert nothing[seen].mean() < 0.5 * hair[seen].mean()


def test_guided_filter_moves_an_edge_to_the_picture_s() -> None:
    guide = torch.zeros(1, 1, 24, 24)
    guide[..., 12:] = 1
    mask = (torch.arange(24.0) / 4 - 3).clamp(0, 1).expand(1, 1, 24, 24)  # a ramp from 12 to 16
    steps = guided(mask, guide).diff(dim=-1)
    assert (steps.argmax(-1) == 11).all()
    assert steps.max() > 1.3 * mask.diff(dim=-1).max()


def test_labels_move_with_their_crops() -> None:
    torch.manual_seed(0)
    x = F.interpolate(torch.rand(6, 1, 9, 9), size=(128, 128), mode="bicubic").clamp(0, 1).expand(-1, 3, -1, -1)
    target = F.avg_pool2d(x, 2)[:, :1].expand(-1, 4, -1, -1)
    moved, labels = jitter(x, target, OneStream(torch.Generator().manual_seed(0), len(x)))
    light = F.avg_pool2d(moved.mean(1, keepdim=True), 2).flatten(1)
    unmoved = target[:, 0].flatten(1)
    for row in range(6):
        assert torch.corrcoef(torch.stack([light[row], labels[row, 0].flatten()]))[0, 1] > 0.98
        assert torch.corrcoef(torch.stack([light[row], unmoved[row]]))[0, 1] < 0.9


def labels_of(count: int) -> Labels:
    """Return labels whose hair and person can be seen: white is hair, gray person, black neither."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, (count, 4, 4)).repeat(16, 1).repeat(16, 2)
    crops = (kind * 127).astype(np.uint8).repeat(2, 1).repeat(2, 2)[..., None].repeat(3, 3)

    def plane(where: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
        return (255 * where).astype(np.uint8)

    return Labels(crops, plane(kind > 0), plane(kind > 1), plane(kind >= 0), np.ones(count, bool))


def test_loss_falls_and_both_layers_are_learnt() -> None:
    torch.manual_seed(0)
    labels = labels_of(8)
    model = PersonMask(PersonMaskConfig(widths=(8, 8)))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    x, target = to_batch(labels, torch.device("cpu"))
    for _ in range(60):
        loss = loss_of(model.logits(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    person, hair = agreement(model, labels)
    assert person > 0.9
    assert hair > 0.9


def test_hair_that_cannot_be_trusted_does_not_count() -> None:
    _, target = to_batch(labels_of(2), torch.device("cpu"))
    target[:, 3, :32] = 0
    logits = torch.zeros(2, 2, 64, 64)
    before = loss_of(logits, target)
    logits[:, 1, :32] = 5
    torch.testing.assert_close(loss_of(logits, target), before)
    logits[:, 1, 32:] = 5
    assert loss_of(logits, target) > before + 0.1


def test_overlap_is_intersection_over_union() -> None:
    ours, theirs = torch.tensor([[[1.0, 1, 0, 0]]]), torch.tensor([[[0.0, 1, 1, 0]]])
    assert overlap(ours, theirs).item() == pytest.approx(1 / 3)


def test_auc_is_how_often_a_positive_ranks_above() -> None:
    assert auc(np.array([3.0, 1, 2, 2]), np.array([True, False, True, False])) == pytest.approx(3.5 / 4)
