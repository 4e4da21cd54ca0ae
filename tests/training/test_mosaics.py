"""What the aligner is trained on: the marks must stay on the faces, whatever is done to the photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("cv2", reason="training needs opencv-python-headless (requirements-dev.txt)")

from facemorph.align.crop import transform_points
from facemorph.align.detector import REFERENCE_SCALE, DetectorOutput
from facemorph.align.landmarks import LandmarkNetwork
from facemorph.align.pose import MEAN_FACE, Pose, fit_pose
from training.aligner import mosaics, windows
from training.aligner.losses import detector_loss, landmark_loss
from training.aligner.material import Material, fit_poses, placing
from training.aligner.mosaics import Mosaic, make_mosaic, targets
from training.aligner.windows import make_window
from training.data.photo_pack import PhotoPack

RED = (255, 0, 0)


@pytest.fixture(scope="module")
def material() -> Material:
    """Twenty gray photos, each with a face whose left eye is a red disc; face-free pictures are green."""
    rng = np.random.default_rng(0)
    photos, marks = [], []
    y, x = np.mgrid[:120, :100]
    for _ in range(20):
        points = transform_points(Pose(50, 60, 22, float(rng.normal(0, 0.2))).matrix(), MEAN_FACE)
        eye = points[36:42].mean(0)
        photo = np.full((120, 100, 3), 128, np.uint8)
        photo[np.hypot(x - eye[0], y - eye[1]) < 5] = RED
        photos.append(photo)
        marks.append(points)
    count = len(photos)
    pack = PhotoPack(
        np.concatenate([p.ravel() for p in photos]),
        np.arange(count) * photos[0].size,
        np.tile(np.array([[100, 120]], np.int32), (count, 1)),
        np.array(["celeba"] * count),
        np.array([f"celeba/{i}" for i in range(count)]),
        np.stack(marks),
    )
    green = np.zeros((90, 110, 3), np.uint8)
    green[..., 1] = 200
    return Material(pack, np.arange(count), fit_poses(pack.landmarks), [green])


def redness(picture: np.ndarray, at: np.ndarray) -> float:
    column, row = at.round().astype(int)
    r, g, b = picture[row, column].astype(int)
    return float(r - max(g, b))


def test_many_poses_agree_with_one(material: Material) -> None:
    for landmarks, fitted in zip(material.pack.landmarks, material.poses, strict=True):
        pose = fit_pose(landmarks)
        np.testing.assert_allclose(fitted, (pose.x, pose.y, pose.scale, pose.roll), atol=1e-3)


def test_placing_brings_a_pose_to_its_target() -> None:
    pose = Pose(40, 50, 20, 0.3)
    landmarks = transform_points(placing(pose, 100, 120, 35, -0.4), transform_points(pose.matrix(), MEAN_FACE))
    moved = fit_pose(landmarks)
    np.testing.assert_allclose((moved.x, moved.y, moved.scale, moved.roll), (100, 120, 35, -0.4), atol=0.01)


def test_windows_keep_the_marks_on_the_face(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "degrade", lambda picture, rng: picture)
    monkeypatch.setattr(windows, "cover", lambda *_: None)
    rng = np.random.default_rng(1)
    red = [False, False]
    for _ in range(60):
        window = make_window(material, 96, rng, negatives=0.0)
        assert window.landmarks is not None
        eyes = window.landmarks[36:42].mean(0), window.landmarks[42:48].mean(0)
        if min(*eyes[0], *eyes[1]) < 1 or max(*eyes[0], *eyes[1]) > 94:
            continue
        seen = [redness(window.picture, eye) > 60 for eye in eyes]
        assert sum(seen) == 1  # one eye is red: the left one, or in a mirrored window the right one
        red = [a or b for a, b in zip(red, seen, strict=True)]
    assert red == [True, True]


def test_mosaics_keep_the_poses_on_the_faces(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mosaics, "degrade", lambda picture, rng: picture)
    monkeypatch.setattr(mosaics, "cover", lambda *_: None)
    rng = np.random.default_rng(2)
    seen = []
    for _ in range(60):
        mosaic = make_mosaic(material, 128, rng)
        for x, y, scale, roll in mosaic.faces:
            points = transform_points(Pose(x, y, scale, roll).matrix(), MEAN_FACE)
            eyes = points[36:42].mean(0), points[42:48].mean(0)
            if min(*eyes[0], *eyes[1]) < 1 or max(*eyes[0], *eyes[1]) > 126:
                continue
            seen.append(max(redness(mosaic.picture, eye) for eye in eyes) > 25)
    assert len(seen) > 20
    assert np.mean(seen) > 0.9  # a face may hide a third of another, its eye included


def test_windows_without_a_face_have_no_marks(material: Material) -> None:
    assert make_window(material, 96, np.random.default_rng(3), negatives=1.0).landmarks is None


def perfect(heat: np.ndarray, poses: np.ndarray) -> DetectorOutput:
    logits = torch.from_numpy(np.where(heat == 1, 12.0, -12.0).astype(np.float32))
    return DetectorOutput(logits[None, None], torch.from_numpy(poses)[None])


def test_targets_describe_the_faces_and_a_perfect_answer_costs_nothing() -> None:
    faces = np.array([[37.0, 81.0, 20.0, 0.5]], np.float32)
    heat, poses, weight = targets(Mosaic(np.zeros((128, 128, 3), np.uint8), faces, np.zeros((16, 16), np.float32)))
    assert heat.max() == 1.0
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    dx, dy, log_scale, cos, sin = poses[:, row, column]
    np.testing.assert_allclose(((column + dx) * 8 + 3.5, (row + dy) * 8 + 3.5), (37, 81), atol=1e-4)
    assert REFERENCE_SCALE * np.exp(log_scale) == pytest.approx(20, rel=1e-5)
    assert np.arctan2(sin, cos) == pytest.approx(0.5, abs=1e-5)
    assert weight[row, column] == 1.0
    batch = {k: torch.from_numpy(v)[None, None] for k, v in (("heat", heat), ("weight", weight))}
    batch |= {"poses": torch.from_numpy(poses)[None], "known": torch.ones(1, 1, 16, 16)}
    right = sum(float(v) for v in detector_loss(perfect(heat, poses), batch).values())
    wrong = sum(float(v) for v in detector_loss(perfect(heat[::-1].copy(), poses + 0.1), batch).values())
    assert right < 0.01 < wrong


def test_landmark_loss_ignores_the_marks_of_what_is_no_face() -> None:
    network = LandmarkNetwork()
    output = network(torch.zeros(2, 3, 96, 96))
    marks = output.landmarks.detach() + torch.tensor([3.0, 500.0])[:, None, None]
    losses = landmark_loss(output, {"landmarks": marks, "face": torch.tensor([1.0, 0.0])}, 96)
    assert float(losses["points"].detach()) == pytest.approx(6 * 3.2 / 96 * (17 * 0.5 + 10 + 41 * 1.5) / 68, rel=1e-3)


def test_no_validation_person_is_trained_on() -> None:
    packed = Path(__file__).resolve().parents[2] / "packed"
    if not (packed / "photos" / "photos.npz").exists():
        pytest.skip(f"no packed photos at {packed}: they are not part of the project")
    index = np.load(packed / "photos" / "photos.npz")
    assert "london" not in set(index["sources"])
    rows = mosaics.training_rows(index["people"])
    kept_out = sorted(set(range(len(index["people"]))) - set(rows.tolist()))
    assert 0.02 < len(kept_out) / len(index["people"]) < 0.1
    assert not set(index["people"][rows]) & set(index["people"][kept_out])
