"""The contract of the two networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from facemorph import checkpoint
from facemorph.align.crop import EYE_DISTANCE, EYE_LEVEL
from facemorph.align.detector import DetectorConfig, FaceDetector, load_detector
from facemorph.align.landmarks import LandmarkConfig, LandmarkNetwork, canonical_landmarks, load_landmark_network
from facemorph.errors import CheckpointMismatchError, CheckpointNotFoundError


def picture(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(3))


def test_detector_describes_each_cell_of_8_pixels(detector: FaceDetector) -> None:
    output = detector(picture(2, 3, 96, 128))
    assert output.logits.shape == (2, 1, 12, 16)
    assert output.poses.shape == (2, 5, 12, 16)
    assert output.logits.dtype == torch.float32


def test_an_untrained_detector_sees_no_face() -> None:
    assert float(FaceDetector()(picture(1, 3, 64, 64)).logits.detach().sigmoid().max()) < 0.02


def test_landmark_network_marks_each_window(landmark_network: LandmarkNetwork) -> None:
    output = landmark_network(picture(3, 3, 48, 48))
    assert output.landmarks.shape == (3, 68, 2)
    assert output.logits.shape == (3,)


def test_an_untrained_landmark_network_answers_with_the_mean_face() -> None:
    network = LandmarkNetwork()
    marks = network(picture(1, 3, 96, 96)).landmarks[0]
    torch.testing.assert_close(marks, network.mean_points)
    assert marks.min() > 0
    assert marks.max() < 96


@pytest.mark.parametrize("name", ["detector", "landmark_network"])
def test_networks_are_deterministic_and_use_every_parameter(name: str, request: pytest.FixtureRequest) -> None:
    network: nn.Module = request.getfixturevalue(name)
    x = picture(2, 3, 96, 96) if name == "detector" else picture(2, 3, 48, 48)
    first, second = vars(network(x)), vars(network(x))
    for key in first:
        torch.testing.assert_close(first[key], second[key], rtol=0, atol=0)
    sum(v.square().sum() for v in first.values()).backward()
    idle = [key for key, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert idle == []


@pytest.mark.parametrize("name", ["detector", "landmark_network"])
def test_save_and_load_return_the_same_network(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    network = request.getfixturevalue(name)
    x = picture(1, 3, 96, 96) if name == "detector" else picture(1, 3, 48, 48)
    checkpoint.save(tmp_path, network, network.config)
    loaded = (load_detector if name == "detector" else load_landmark_network)(tmp_path)
    assert loaded.config == network.config
    for key, value in vars(network(x)).items():
        torch.testing.assert_close(vars(loaded(x))[key], value, rtol=5e-3, atol=2e-2)  # float16 on disk


def test_the_other_network_cannot_be_loaded(landmark_network: LandmarkNetwork, tmp_path: Path) -> None:
    checkpoint.save(tmp_path, landmark_network, landmark_network.config)
    with pytest.raises(CheckpointMismatchError, match=r"holds a LandmarkNetwork.*a FaceDetector of format 1 is needed"):
        load_detector(tmp_path)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=r"nowhere"):
        load_landmark_network(tmp_path / "nowhere")


@pytest.mark.parametrize("field", ["stem_channels", "channels", "depths"])
def test_every_detector_setting_changes_the_network(field: str) -> None:
    other = {"stem_channels": 16, "channels": (40, 64, 80), "depths": (2, 2, 2)}[field]
    assert count(FaceDetector(DetectorConfig(**{field: other}))) != count(FaceDetector())  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["window_size", "channels", "depths", "hidden", "face_hidden"])
def test_every_landmark_setting_changes_the_network(field: str) -> None:
    other = {"window_size": 80, "channels": (40, 80, 88), "depths": (2, 2, 2), "hidden": 64, "face_hidden": 24}[field]
    assert count(LandmarkNetwork(LandmarkConfig(**{field: other}))) != count(LandmarkNetwork())  # type: ignore[arg-type]


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("settings", [{"channels": (8, 8)}, {"depths": (0, 1, 1)}, {"stem_channels": 0}])
def test_detector_settings_are_checked(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"3 numbers each|must be positive"):
        DetectorConfig(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [{"channels": (8, 8)}, {"hidden": 0}, {"window_size": 90}])
def test_landmark_settings_are_checked(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"3 numbers each|must be positive"):
        LandmarkConfig(**settings)  # type: ignore[arg-type]


def test_both_networks_stay_under_3_megabytes(tmp_path: Path) -> None:
    for name, network in (("a", FaceDetector()), ("b", LandmarkNetwork())):
        checkpoint.save(tmp_path / name, network, network.config)
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < 3_000_000


@pytest.mark.parametrize("side", [128, 512])
def test_canonical_landmarks_of_an_untrained_network_have_the_crops_eyes(side: int) -> None:
    marks = canonical_landmarks(LandmarkNetwork(), picture(2, 3, side, side))
    eyes = torch.stack([marks[:, 36:42].mean(1), marks[:, 42:48].mean(1)], 1)
    expected = np.array([[0.5 - EYE_DISTANCE / 2, EYE_LEVEL], [0.5 + EYE_DISTANCE / 2, EYE_LEVEL]]) * side - 0.5
    np.testing.assert_allclose(eyes[0].detach().numpy(), expected, atol=0.01 * side)


def test_canonical_landmarks_pass_a_gradient_to_the_picture(landmark_network: LandmarkNetwork) -> None:
    x = picture(1, 3, 128, 128).requires_grad_()
    canonical_landmarks(landmark_network.requires_grad_(False), x).square().sum().backward()
    assert x.grad is not None
    assert float((x.grad.abs().sum(1) > 0).float().mean()) > 0.3
