"""The ghost detector: tells a photo of one face from two faces shining through each other.

A small convolutional classifier of 128 px crops, trained apart (`training.ghosts.train`) on warped photos of
single people against warp-and-dissolve middles of other pairs. It judges only: it is no loss, and no weights of a model
were chosen by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from facemorph import checkpoint, images

FOLDER = checkpoint.CHECKPOINTS / "ghost-detector"


@dataclass(frozen=True)
class GhostDetectorConfig:
    """Sizes of a `GhostDetector`.

    Attributes:
        image_size: side of the pictures in pixels.
        widths: channels after each halving.
    """

    image_size: int = 128
    widths: tuple[int, ...] = (24, 48, 80, 112)


class GhostDetector(nn.Module):
    """Strided and plain convolutions in turn, then the mean and the maximum over all places; no normalisation layers.

    Each picture is brought to mean 0 and deviation 1 first: a mix of two has less contrast, but so has a hazy photo.
    Double edges are small and may be in one place only: hence the maximum.
    """

    def __init__(self, config: GhostDetectorConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        before = 3
        for index, width in enumerate(config.widths):
            side = 5 if index == 0 else 3
            layers += [nn.Conv2d(before, width, side, stride=2, padding=side // 2), nn.LeakyReLU(0.1)]
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(0.1)]
            before = width
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, a=0.1)
                nn.init.zeros_(layer.bias)
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(2 * before, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (B,) of (B, 3, 128, 128) in [0, 1]: above 0 is a ghost."""
        spread, mean = torch.std_mean(x, (1, 2, 3), keepdim=True)
        maps = self.features((x - mean) / spread.clamp_min(0.02))
        pooled = torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1)
        logits: torch.Tensor = self.head(pooled).squeeze(1)
        return logits

    @classmethod
    def from_checkpoint(cls) -> GhostDetector:
        """Load the detector that comes with the project, in evaluation mode."""
        return checkpoint.load_model(FOLDER, cls, GhostDetectorConfig)


def ghost_scores(detector: GhostDetector, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return how sure the detector is that each of (N, 128, 128, 3) uint8 pictures is a ghost, (N,) in [0, 1]."""
    scores = []
    with torch.inference_mode():
        for part in np.array_split(pictures, max(1, len(pictures) // 64)):
            scores.append(torch.sigmoid(detector(images.to_tensor(part))).double().numpy())
    return np.concatenate(scores)
