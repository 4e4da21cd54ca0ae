"""How much two neighbouring frames differ to the eye: a small network that stands in for LPIPS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from facemorph import checkpoint


@dataclass(frozen=True)
class PaceNetworkConfig:
    """Sizes of a `PaceNetwork`.

    Attributes:
        image_size: side of the frames in pixels.
        patch_size: side of the blocks that the stem folds into channels.
        widths: channels of its stages, each of half the side of the one before.
    """

    image_size: int = 128
    patch_size: int = 4
    widths: tuple[int, ...] = (32, 48, 64)

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise ValueError("there must be channels in every stage")
        if self.image_size % (self.patch_size * 2 ** (len(self.widths) - 1)):
            raise ValueError(f"image_size {self.image_size} must be a multiple of every stage's stride")


class PaceNetwork(nn.Module):
    """A distance of LPIPS's form (Zhang et al. 2018, equation 1) over few channels, distilled from LPIPS."""

    def __init__(self, config: PaceNetworkConfig) -> None:
        super().__init__()
        self.config = config
        first = nn.Conv2d(3 * config.patch_size**2, config.widths[0], 3, padding=1)
        later = zip(config.widths, config.widths[1:], strict=False)
        self.stages = nn.ModuleList([first, *(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in later)])
        self.weights = nn.ParameterList([torch.zeros(width) for width in config.widths])

    @classmethod
    def from_checkpoint(cls, folder: Path) -> PaceNetwork:
        """Load a trained model in evaluation mode.

        Raises:
            CheckpointError: a file is missing, damaged or does not fit.
        """
        return checkpoint.load_model(folder, cls, PaceNetworkConfig)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Return the change between neighbours, (T - 1,), positive, of (T, 3, S, S) frames in [0, 1]."""
        x = F.pixel_unshuffle(frames - 0.5, self.config.patch_size)
        total = frames.new_zeros(len(frames) - 1)
        for stage, weight in zip(self.stages, self.weights, strict=True):
            x = F.relu(stage(x))
            unit = x / (x.square().sum(1, keepdim=True) + 1e-4).sqrt()
            change = unit.float().diff(dim=0).square()
            total = total + (change * F.softplus(weight).reshape(1, -1, 1, 1)).sum(1).mean((1, 2))
        return total
