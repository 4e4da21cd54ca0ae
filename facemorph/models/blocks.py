"""Building blocks without normalisation layers, which are what makes convolutions slow on a CPU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions beside an identity.

    The second starts at zero, so that a deep stack trains without normalisation (Fixup: Zhang, Dauphin & Ma 2019).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) → (B, C, h, w)."""
        change: torch.Tensor = self.second(F.relu(self.first(x)))
        return x + change


class Downsample(nn.Sequential):
    """Halve height and width by space-to-depth and a 1×1 convolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(nn.PixelUnshuffle(2), nn.Conv2d(4 * in_channels, out_channels, 1))


class Upsample(nn.Sequential):
    """Double height and width by sub-pixel convolution (Shi et al. 2016)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(nn.Conv2d(in_channels, 4 * out_channels, 1), nn.PixelShuffle(2))


def stack(channels: int, depth: int) -> nn.Sequential:
    """Return `depth` residual blocks in a row."""
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(depth)))


def turn_channels(x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """Multiply the channels of (B, C, h, w) at each place with a (D, C) matrix, in float32; (B, D, h, w)."""
    with torch.autocast(x.device.type, enabled=False):  # bfloat16 would lose what a network is not to touch
        return torch.einsum("ij,bjhw->bihw", matrix, x.float())
