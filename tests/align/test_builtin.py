"""The builtin backend over networks that are told what to see: decoding, doubles, refusal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from facemorph import checkpoint
from facemorph.align.builtin import DETECTOR, LANDMARKS, BuiltinBackend
from facemorph.align.crop import transform_points
from facemorph.align.detector import REFERENCE_SCALE, DetectorOutput, FaceDetector
from facemorph.align.landmarks import LandmarkConfig, LandmarkNetwork, LandmarkOutput
from facemorph.align.pose import MEAN_FACE, Pose

PHOTO = np.full((512, 384, 3), 128, np.uint8)
SCALE = 0.5  # of PHOTO at the detector's 256 pixels


class ToldDetector(nn.Module):
    """Sees the given poses (in photo pixels) at their cells, at the given size only."""

    def __init__(self, *poses: Pose, side: int = 256) -> None:
        super().__init__()
        self.poses, self.side, self.sides = poses, side, list[int]()

    def forward(self, x: torch.Tensor) -> DetectorOutput:
        rows, columns = x.shape[2] // 8, x.shape[3] // 8
        self.sides.append(x.shape[2])
        logits, poses = torch.full((1, 1, rows, columns), -9.0), torch.zeros(1, 5, rows, columns)
        scale = SCALE * x.shape[2] / 256
        for rank, pose in enumerate(self.poses if x.shape[2] == self.side else ()):
            px, py = (pose.x + 0.5) * scale - 0.5, (pose.y + 0.5) * scale - 0.5
            row, column = int(py // 8), int(px // 8)
            logits[0, 0, row, column] = 4.0 - rank
            turn = np.cos(pose.roll), np.sin(pose.roll)
            values = (px - 3.5) / 8 - column, (py - 3.5) / 8 - row, np.log(pose.scale * scale / REFERENCE_SCALE), *turn
            poses[0, :, row, column] = torch.tensor(values)
        return DetectorOutput(logits, poses)


class ToldLandmarks(nn.Module):
    """Answers with the mean face, moved by `drift` pixels, and one logit."""

    config = LandmarkConfig()

    def __init__(self, logit: float = 5.0, drift: float = 0.0) -> None:
        super().__init__()
        self.logit, self.drift = logit, drift

    def forward(self, x: torch.Tensor) -> LandmarkOutput:
        mean = LandmarkNetwork().mean_points.expand(len(x), -1, -1) + self.drift
        return LandmarkOutput(mean, torch.full((len(x),), self.logit))


def backend(*poses: Pose, side: int = 256, **landmarks: float) -> BuiltinBackend:
    return BuiltinBackend(ToldDetector(*poses, side=side), ToldLandmarks(**landmarks))  # type: ignore[arg-type]


def mean_face(pose: Pose) -> npt.NDArray[np.float32]:
    return transform_points(pose.matrix(), MEAN_FACE)


@pytest.mark.parametrize("roll", [0.0, 0.6, -1.0])
def test_a_pose_comes_back_in_photo_pixels(roll: float) -> None:
    pose = Pose(150.3, 260.7, 61.0, roll)
    (face,) = backend(pose).find(PHOTO)
    np.testing.assert_allclose(face.landmarks, mean_face(pose), atol=0.05)
    np.testing.assert_allclose(face.bbox, (*face.landmarks.min(0), *face.landmarks.max(0)))
    assert face.score == pytest.approx(torch.tensor(5.0).sigmoid().item())


def test_two_faces_are_two_and_one_seen_twice_is_one() -> None:
    left, right = Pose(100, 150, 30, 0), Pose(280, 150, 30, 0)
    twice = Pose(128, 152, 30, 0.1)
    assert len(backend(left, right).find(PHOTO)) == 2
    (face,) = backend(left, twice).find(PHOTO)
    np.testing.assert_allclose(face.landmarks, mean_face(left), atol=0.05)  # the surer one


def test_what_the_landmark_network_refuses_is_no_face() -> None:
    assert backend(Pose(150, 260, 60, 0), logit=0.0).find(PHOTO) == []


def test_what_moves_when_looked_at_again_is_no_face() -> None:
    assert len(backend(Pose(150, 260, 60, 0), drift=5.0).find(PHOTO)) == 1
    assert backend(Pose(150, 260, 60, 0), drift=20.0).find(PHOTO) == []


def test_small_faces_are_looked_for_where_nothing_was_found() -> None:
    small = backend(Pose(150, 260, 14, 0), side=512)
    (face,) = small.find(PHOTO)
    np.testing.assert_allclose(face.landmarks, mean_face(Pose(150, 260, 14, 0)), atol=0.05)
    assert small._detector.sides == [256, 512]


def test_a_small_photo_is_looked_at_once() -> None:
    nobody = backend()
    assert nobody.find(np.full((200, 150, 3), 128, np.uint8)) == []
    assert nobody._detector.sides == [256]


@pytest.mark.parametrize("shape", [(40, 40), (41, 700), (700, 41), (255, 257)])
def test_any_shape_of_photo_is_read(shape: tuple[int, int], detector: FaceDetector) -> None:
    real = BuiltinBackend(detector, ToldLandmarks(logit=-9.0))  # type: ignore[arg-type]
    assert real.find(np.zeros((*shape, 3), np.uint8)) == []


def test_load_reads_both_checkpoints(detector: FaceDetector, landmark_network: LandmarkNetwork, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / DETECTOR, detector, detector.config)
    checkpoint.save(tmp_path / LANDMARKS, landmark_network, landmark_network.config)
    loaded = BuiltinBackend.load(tmp_path)
    assert isinstance(loaded.find(PHOTO), list)
    assert not any(p.requires_grad for p in loaded._landmarks.parameters())
