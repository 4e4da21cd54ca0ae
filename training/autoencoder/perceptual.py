"""Perceptual losses: the source's over VGG16, and one that stands in where torchvision cannot load it."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from judges.perceptual import load_lpips

RELU3_3 = 16
"""How many layers of VGG16's features lead to relu3_3."""


class VggRelu33(nn.Module):
    """Mean squared difference of VGG16's relu3_3 features: the source's perceptual loss (Johnson et al. 2016)."""

    def __init__(self) -> None:
        super().__init__()
        features = torchvision.models.vgg16(weights="IMAGENET1K_V1").features[:RELU3_3]
        self.features = features.eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        both = self.features((torch.cat([output, target]) - self.mean) / self.std)
        return F.mse_loss(*both.chunk(2))


class LpipsSqueeze(nn.Module):
    """LPIPS over SqueezeNet: the perceptual loss where VGG16 cannot be had."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.lpips = load_lpips("squeeze", weights)

    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        distance: torch.Tensor = self.lpips(output, target, normalize=True)
        return distance.mean()


def training_network(weights: Path | None) -> nn.Module:
    """Return VGG16's relu3_3 loss where torchvision can load it (`weights` None), else SqueezeNet's from a file."""
    return VggRelu33() if weights is None else LpipsSqueeze(weights)
