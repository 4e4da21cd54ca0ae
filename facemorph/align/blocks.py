"""The residual block that both networks of the aligner are made of; no normalisation, so that it is fast on a CPU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))), the second convolution starting at zero (Zhang et al. 2019, Fixup)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        _start(self.first)
        _start(self.second, gain=0.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a (B, channels, H, W) tensor of the input's shape."""
        hidden: torch.Tensor = self.second(F.relu(self.first(F.relu(x))))
        return x + hidden


class Downsample(nn.Module):
    """Halve height and width by a strided 3×3 convolution, ReLU before it."""

    def __init__(self, channels: int, out_channels: int, *, relu: bool = True) -> None:
        super().__init__()
        self.relu = relu
        self.conv = nn.Conv2d(channels, out_channels, 3, stride=2, padding=1)
        _start(self.conv)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, out_channels, H / 2, W / 2)."""
        y: torch.Tensor = self.conv(F.relu(x) if self.relu else x)
        return y


def blocks(channels: int, count: int) -> nn.Sequential:
    """Return `count` residual blocks in a row."""
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(count)))


def _start(conv: nn.Conv2d, gain: float = 1.0) -> None:
    """Start a convolution as He et al. (2015) do, times `gain`, without bias."""
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    with torch.no_grad():
        conv.weight *= gain
        if conv.bias is not None:
            conv.bias.zero_()
