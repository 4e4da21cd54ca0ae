"""The landmark network: 68 points, and whether this is a face at all, from an upright window.

Convention: the window is the one of `Pose.window_from_photo`; points are window pixels at the network's size, origin
at the centre of the top-left pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from facemorph import checkpoint
from facemorph.align.blocks import Downsample, blocks
from facemorph.align.crop import EYE_DISTANCE, EYE_LEVEL, invert_matrix
from facemorph.align.pose import MEAN_FACE, WINDOW, Pose
from facemorph.head import MIRROR_ORDER


@dataclass(frozen=True)
class LandmarkConfig:
    """What shapes a `LandmarkNetwork`.

    Attributes:
        window_size: side of the window in pixels, a multiple of 16.
        channels: channels at 1/4, 1/8 and 1/16 of the window's size.
        depths: residual blocks at each of them.
        hidden: width of the fully connected layer.
        face_hidden: width of the layer that the face score is read from.
    """

    window_size: int = 96
    channels: tuple[int, int, int] = (48, 80, 88)
    depths: tuple[int, int, int] = (1, 2, 2)
    hidden: int = 144
    face_hidden: int = 48

    def __post_init__(self) -> None:
        if len(self.channels) != 3 or len(self.depths) != 3:
            raise ValueError(f"channels and depths need 3 numbers each, not {self.channels} and {self.depths}")
        if (
            min(self.window_size, self.hidden, self.face_hidden, *self.channels, *self.depths) < 1
            or self.window_size % 16
        ):
            raise ValueError("all sizes must be positive, and window_size a multiple of 16")


@dataclass(frozen=True)
class LandmarkOutput:
    """What the landmark network says about each window.

    Attributes:
        landmarks: (B, 68, 2) float32 (x, y) in window pixels, iBUG order.
        logits: (B,) the logit of the window showing a human face.
    """

    landmarks: torch.Tensor
    logits: torch.Tensor


class LandmarkNetwork(nn.Module):
    """Regress 68 points as offsets from the mean face."""

    mean_points: torch.Tensor

    def __init__(self, config: LandmarkConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or LandmarkConfig()
        quarter, eighth, sixteenth = config.channels
        self.stem = nn.Conv2d(12, 24, 3, padding=1)
        self.trunk = nn.Sequential(
            Downsample(24, quarter),
            blocks(quarter, config.depths[0]),
            Downsample(quarter, eighth),
            blocks(eighth, config.depths[1]),
            Downsample(eighth, sixteenth),
            blocks(sixteenth, config.depths[2]),
        )
        cells = (config.window_size // 16) ** 2
        self.squeeze = nn.Conv2d(sixteenth, 24, 1)
        self.hidden = nn.Linear(24 * cells, config.hidden)
        self.points = nn.Linear(config.hidden, 136)
        self.face = nn.Sequential(
            nn.Linear(config.hidden + sixteenth, config.face_hidden), nn.ReLU(), nn.Linear(config.face_hidden, 1)
        )
        nn.init.zeros_(self.points.weight)
        nn.init.zeros_(self.points.bias)
        pixels_per_unit = config.window_size / WINDOW
        mean = torch.from_numpy(MEAN_FACE) * pixels_per_unit + (config.window_size - 1) / 2
        self.register_buffer("mean_points", mean, persistent=False)
        self.pixels_per_unit = pixels_per_unit

    def forward(self, x: torch.Tensor) -> LandmarkOutput:
        """Mark a batch of windows.

        Args:
            x: (B, 3, window_size, window_size) float in [0, 1], RGB.
        """
        features = F.relu(self.trunk(self.stem(F.pixel_unshuffle(x * 2 - 1, 2))))
        hidden = F.relu(self.hidden(F.relu(self.squeeze(features)).flatten(1)))
        offsets = self.points(hidden).float().reshape(-1, 68, 2)
        logits = self.face(torch.cat([hidden, features.mean((2, 3))], 1)).float().squeeze(1)
        return LandmarkOutput(self.mean_points + offsets * self.pixels_per_unit, logits)


def load_landmark_network(folder: Path) -> LandmarkNetwork:
    """Load a checkpoint.

    Raises:
        CheckpointError: it is missing, damaged or does not fit.
    """
    return checkpoint.load_model(folder, LandmarkNetwork, LandmarkConfig)


def canonical_landmarks(network: LandmarkNetwork, x: torch.Tensor) -> torch.Tensor:
    """Mark canonical crops, differentiably: what a loss on the landmarks of decoded faces needs.

    Args:
        network: freeze its parameters (`requires_grad_(False)`) where only `x` is to learn.
        x: (B, 3, S, S) float in [0, 1], RGB, on the network's device: crops as `Aligner.align` cuts them, any size.

    Returns:
        (B, 68, 2) float32 (x, y) in pixels of the crop, iBUG order.
    """
    side, size = x.shape[-1], network.config.window_size
    unit = EYE_DISTANCE * side
    eyes_above_origin = -float(MEAN_FACE[36:48, 1].mean())
    pose = Pose((side - 1) / 2, EYE_LEVEL * side - 0.5 + eyes_above_origin * unit, unit, 0.0)
    crop_from_window = torch.from_numpy(invert_matrix(pose.window_from_photo(size))).to(x.device)
    ticks = torch.arange(size, dtype=torch.float32, device=x.device)
    window = torch.stack(torch.meshgrid(ticks, ticks, indexing="xy"), -1)
    grid = (window @ crop_from_window[:, :2].T + crop_from_window[:, 2] + 0.5) * (2 / side) - 1
    reduced = int(np.ceil(side * min(1.0, size / (WINDOW * unit))))
    if reduced < side * 3 // 4:  # sampled as it is, a large crop would alias
        x = F.interpolate(x, size=(reduced, reduced), mode="bilinear", antialias=True, align_corners=False)
    grid = grid.expand(len(x), -1, -1, -1)
    windows = F.grid_sample(x, grid.to(x.dtype), mode="bilinear", padding_mode="border", align_corners=False)
    landmarks: torch.Tensor = network(windows).landmarks
    return landmarks @ crop_from_window[:, :2].T + crop_from_window[:, 2]


def mirrored(points: torch.Tensor) -> torch.Tensor:
    """Return (N, 68, 2) landmarks, parts of the side, of the mirrored pictures."""
    turned = points[:, torch.as_tensor(MIRROR_ORDER)]
    return torch.stack([1 - turned[..., 0], turned[..., 1]], -1)
