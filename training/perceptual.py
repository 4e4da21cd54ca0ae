"""Perceptual networks: one to train with, another to report with.

Their weights come from torchvision where there is a network, else from a folder of state dicts (`--weights`).
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

import lpips
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

WEIGHT_FILES = {"alex": "alexnet_features.pth", "squeeze": "squeezenet1_1_features.pth"}
RELU3_3 = 16
"""How many layers of VGG16's features lead to relu3_3."""


def load_lpips(network: Literal["alex", "squeeze"], weights: Path | None) -> nn.Module:
    """Return LPIPS (Zhang et al. 2018) over AlexNet (for reports) or SqueezeNet (for training), frozen.

    Args:
        network: the backbone.
        weights: a folder with its feature weights; None downloads torchvision's.

    Returns:
        A module that takes two (B, 3, H, W) batches in [0, 1] with `normalize=True` and returns (B, 1, 1, 1).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # lpips uses arguments that torchvision deprecates
        model = lpips.LPIPS(net=network, pnet_rand=weights is not None, verbose=False)
    if weights is not None:
        state = torch.load(weights / WEIGHT_FILES[network], weights_only=True)
        own = {name: name.split(".", 2) for name in model.net.state_dict()}
        model.net.load_state_dict({name: state[f"features.{parts[1]}.{parts[2]}"] for name, parts in own.items()})
    return model.eval().requires_grad_(False)


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
