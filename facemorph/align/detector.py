"""The face detector: a small U-shaped convolutional network over cells of 8×8 pixels.

At each cell it says whether a face lies there, how large it is and which way up.

After CenterNet (Zhou et al. 2019, "Objects as Points"), but it predicts a pose (`facemorph.align.pose`) rather than a
box, so that the landmark network receives an upright face.

Convention: cell (i, j) has its centre at pixel (8 j + 3.5, 8 i + 3.5) of the network's input.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from facemorph import checkpoint
from facemorph.align.blocks import Downsample, ResidualBlock, blocks

STRIDE = 8
"""Pixels per cell."""
REFERENCE_SCALE = 24.0
"""The pose scale, in input pixels, whose predicted logarithm is 0."""


@dataclass(frozen=True)
class DetectorConfig:
    """What shapes a `FaceDetector`.

    Attributes:
        stem_channels: channels at a quarter of the input's size.
        channels: channels at 1/8, 1/16 and 1/32.
        depths: residual blocks on the way down at 1/8, 1/16 and 1/32.
    """

    stem_channels: int = 24
    channels: tuple[int, int, int] = (48, 64, 80)
    depths: tuple[int, int, int] = (1, 2, 2)

    def __post_init__(self) -> None:
        if len(self.channels) != 3 or len(self.depths) != 3:
            raise ValueError(f"channels and depths need 3 numbers each, not {self.channels} and {self.depths}")
        if min(self.stem_channels, *self.channels, *self.depths) < 1:
            raise ValueError("stem_channels, channels and depths must be positive")


@dataclass(frozen=True)
class DetectorOutput:
    """What the detector says about each cell.

    Attributes:
        logits: (B, 1, H/8, W/8), the logit of a face being centred in the cell.
        poses: (B, 5, H/8, W/8): x and y of the pose's centre from the cell's in cells, the logarithm of its scale over
            `REFERENCE_SCALE` pixels, cosine and sine of its roll (not normalised).
    """

    logits: torch.Tensor
    poses: torch.Tensor


class FaceDetector(nn.Module):
    """Find faces of 20 pixels and up in a picture whose sides are multiples of 32."""

    def __init__(self, config: DetectorConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or DetectorConfig()
        fine, middle, coarse = config.channels
        self.stem = nn.Sequential(
            Downsample(12, config.stem_channels, relu=False),
            Downsample(config.stem_channels, fine),
        )
        self.down_fine = blocks(fine, config.depths[0])
        self.down_middle = nn.Sequential(Downsample(fine, middle), blocks(middle, config.depths[1]))
        self.down_coarse = nn.Sequential(Downsample(middle, coarse), blocks(coarse, config.depths[2]))
        self.middle_from_coarse = nn.Conv2d(coarse, middle, 1)
        self.up_middle = ResidualBlock(middle)
        self.fine_from_middle = nn.Conv2d(middle, fine, 1)
        self.up_fine = ResidualBlock(fine)
        self.head = nn.Conv2d(fine, 64, 3, padding=1)
        self.out = nn.Conv2d(64, 6, 1)
        self.out.load_state_dict(
            {"weight": torch.zeros(6, 64, 1, 1), "bias": torch.tensor([-4.6, 0.0, 0.0, 0.0, 1.0, 0.0])}
        )  # starts by seeing no face (probability 0.01), upright and of the reference scale

    def forward(self, x: torch.Tensor) -> DetectorOutput:
        """Describe every cell of a picture.

        Args:
            x: (B, 3, H, W) float in [0, 1], RGB; H and W multiples of 32.
        """
        fine = self.down_fine(self.stem(F.pixel_unshuffle(x * 2 - 1, 2)))
        middle = self.down_middle(fine)
        coarse = self.down_coarse(middle)
        middle = self.up_middle(middle + _twice(self.middle_from_coarse(F.relu(coarse))))
        fine = self.up_fine(fine + _twice(self.fine_from_middle(F.relu(middle))))
        y = self.out(F.relu(self.head(F.relu(fine)))).float()
        return DetectorOutput(y[:, :1], y[:, 1:])


def _twice(x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def load_detector(folder: Path) -> FaceDetector:
    """Load a checkpoint.

    Raises:
        CheckpointError: it is missing, damaged or does not fit.
    """
    return checkpoint.load_model(folder, FaceDetector, DetectorConfig)
