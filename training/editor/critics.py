"""What the attribute editor plays against: one critic reads codes, one the pictures that they decode to.

Both tell real from edited given the attributes (projection: Miyato & Koyama 2018) and read the attributes. The critic
of pictures looks through a fixed network (projected GAN: Sauer et al. 2021), so that it has little to learn; the first
stages of that network see edges as thin as the rim of glasses.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from judges.perceptual import load_lpips

STAGES = {1: 128, 2: 256, 4: 384, 6: 512}
"""SqueezeNet's stages that are judged, and their channels."""
SIZES = {1: 1.9, 2: 4.0, 4: 4.7, 6: 1.25}
"""Root mean square of their features of faces, by stage."""
READ_STAGES, READ_CELLS = (2, 4, 6), 4
"""Stages that attributes are read from, and the side of the grid that each is pooled to."""

PACE = 4.0
"""How fast attributes are learnt to be read."""


@dataclass(frozen=True)
class Verdict:
    """What a critic says of B faces.

    Attributes:
        score: (B, P), how real each place looks.
        read: (B, K), log-odds of the attributes.
    """

    score: torch.Tensor
    read: torch.Tensor


def read_evenly(read: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    """Read (B, D) features at a pace that does not grow with D, however large the steps of each weight are."""
    logits: torch.Tensor = read(x * (PACE / x.shape[1] ** 0.5)).float()
    return logits


class CodeCritic(nn.Module):
    """Normalised code → how real it looks at each of 4 × 4 places given the attributes, and which it shows."""

    def __init__(self, channels: int, count: int, width: int = 96) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            spectral_norm(nn.Conv2d(channels, width, 3, padding=1)),
            nn.LeakyReLU(0.1),
            spectral_norm(nn.Conv2d(width, width, 4, 2, 1)),
            nn.LeakyReLU(0.1),
            spectral_norm(nn.Conv2d(width, 2 * width, 3, padding=1)),
            nn.LeakyReLU(0.1),
            spectral_norm(nn.Conv2d(2 * width, 2 * width, 4, 2, 1)),
            nn.LeakyReLU(0.1),
        )
        self.real = spectral_norm(nn.Conv2d(2 * width, 1, 1))
        self.given = spectral_norm(nn.Linear(count, 2 * width * 16, bias=False))
        self.read = nn.Linear(2 * width * 16, count)

    def forward(self, x: torch.Tensor, attributes: torch.Tensor) -> Verdict:
        """Judge (B, C, 16, 16) codes said to have (B, K) attributes."""
        h = self.trunk(x)
        flat = h.flatten(1)
        score = self.real(h).flatten(1) + (self.given(attributes) * flat).sum(1, keepdim=True) / flat.shape[1] ** 0.5
        return Verdict(score.float(), read_evenly(self.read, flat))


class PictureFeatures(nn.Module):
    """SqueezeNet, fixed: (B, 3, S, S) pictures in [0, 1] → the features of each stage of `STAGES`, about unit size."""

    def __init__(self, weights: Path | None) -> None:
        super().__init__()
        self.network = load_lpips("squeeze", weights)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return a (B, C, h, w) map of each stage."""
        stages = self.network.net(self.network.scaling_layer(2 * x - 1))
        return [stages[k] / SIZES[k] for k in STAGES]


class StageCritic(nn.Module):
    """Features of one stage → how real each place looks given the attributes."""

    def __init__(self, channels: int, count: int, width: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            spectral_norm(nn.Conv2d(channels, width, 1)),
            nn.LeakyReLU(0.1),
            spectral_norm(nn.Conv2d(width, width, 4, 2, 1)),
            nn.LeakyReLU(0.1),
            spectral_norm(nn.Conv2d(width, width, 3, padding=1)),
            nn.LeakyReLU(0.1),
        )
        self.real = spectral_norm(nn.Conv2d(width, 1, 1))
        self.given = spectral_norm(nn.Linear(count, width, bias=False))

    def forward(self, x: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
        """Judge (B, C, h, w) features; (B, P) scores."""
        h = self.trunk(x)
        given = (self.given(attributes)[:, :, None, None] * h).sum(1, keepdim=True) / h.shape[1] ** 0.5
        score: torch.Tensor = (self.real(h) + given).flatten(1)
        return score


class PictureCritic(nn.Module):
    """The features of `PictureFeatures` → a verdict."""

    def __init__(self, count: int, width: int = 64) -> None:
        super().__init__()
        self.stages = nn.ModuleList(StageCritic(channels, count, width) for channels in STAGES.values())
        self.read = nn.Linear(sum(STAGES[k] for k in READ_STAGES) * READ_CELLS**2, count)

    def forward(self, features: list[torch.Tensor], attributes: torch.Tensor) -> Verdict:
        """Judge the features of pictures said to have (B, K) attributes; each stage counts alike."""
        scores = [stage(x, attributes).float() for stage, x in zip(self.stages, features, strict=True)]
        most = max(score.shape[1] for score in scores)
        scores = [score.repeat_interleave(max(1, most // score.shape[1]), 1) for score in scores]
        pooled = [
            F.adaptive_avg_pool2d(x, READ_CELLS).flatten(1)
            for stage, x in zip(STAGES, features, strict=True)
            if stage in READ_STAGES
        ]
        return Verdict(torch.cat(scores, 1), read_evenly(self.read, torch.cat(pooled, 1)))
