"""Small untrained networks, and points that look like a face."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pytest
import torch

from facemorph.align.crop import transform_points
from facemorph.align.detector import DetectorConfig, FaceDetector
from facemorph.align.landmarks import LandmarkConfig, LandmarkNetwork
from facemorph.align.pose import MEAN_FACE, Pose
from facemorph.checkpoint import CHECKPOINTS

Network = TypeVar("Network", bound=torch.nn.Module)
PlaceFace = Callable[..., npt.NDArray[np.float32]]
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def detector() -> FaceDetector:
    """A small detector, always the same, whose outputs depend on its input."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return _shaken(FaceDetector(DetectorConfig(8, (8, 12, 16), (1, 1, 1))))


@pytest.fixture
def landmark_network() -> LandmarkNetwork:
    """A small landmark network, always the same, whose outputs depend on its input."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return _shaken(LandmarkNetwork(LandmarkConfig(48, (8, 12, 16), (1, 1, 1), 24, 8)))


def _shaken(network: Network) -> Network:
    """Move the weights off their start, where second convolutions are zero and pass no gradient on."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return network


@pytest.fixture
def mean_face_at() -> PlaceFace:
    """A function (x, y, scale, roll in degrees) → (68, 2) landmarks of the mean face in that pose."""

    def place(x: float, y: float, scale: float, roll: float = 0.0) -> npt.NDArray[np.float32]:
        return transform_points(Pose(x, y, scale, np.radians(roll)).matrix(), MEAN_FACE)

    return place


@pytest.fixture(scope="session")
def shipped() -> Path:
    """The folder of the checkpoints that come with the project."""
    return CHECKPOINTS


@pytest.fixture(scope="session")
def data() -> Path:
    """The shared photos of real people, where this machine has them."""
    if not (DATA / "london").is_dir():
        pytest.skip(f"no photos of people at {DATA}: they are not part of the project")
    return DATA
