"""LPIPS, the distance that reports and tests are made with, over a network from torchvision or from a file."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

import lpips
import torch
from torch import nn

WEIGHT_FILES = {"alex": "alexnet_features.pth", "squeeze": "squeezenet1_1_features.pth"}


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
