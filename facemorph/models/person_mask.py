"""Where the person is in a canonical crop: head, hair and shoulders against what lies behind them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from facemorph import checkpoint
from facemorph.models.blocks import Downsample, Upsample, stack


@dataclass(frozen=True)
class PersonMaskConfig:
    """Sizes of a `PersonMask`.

    Attributes:
        image_size: side of the crops in pixels.
        patch_size: side of the blocks that the stem folds into channels; the mask's side is image_size / patch_size.
        widths: channels at 1/patch_size, at half and at a quarter of that.
    """

    image_size: int = 128
    patch_size: int = 4
    widths: tuple[int, int, int] = (24, 48, 64)

    def __post_init__(self) -> None:
        if self.image_size < 4 * self.patch_size or self.image_size % (4 * self.patch_size):
            raise ValueError(f"image_size {self.image_size} must be a multiple of 4 · patch_size {self.patch_size}")
        if min(self.widths) < 1:
            raise ValueError("channels must be positive")


class PersonMask(nn.Module):
    """A small U-shaped network (Ronneberger et al. 2015) without normalisation layers."""

    def __init__(self, config: PersonMaskConfig) -> None:
        super().__init__()
        self.config = config
        fine, middle, coarse = config.widths
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(config.patch_size), nn.Conv2d(3 * config.patch_size**2, fine, 3, padding=1), nn.ReLU()
        )
        self.fine = stack(fine, 1)
        self.down_middle = nn.Sequential(Downsample(fine, middle), nn.ReLU(), *stack(middle, 1))
        self.down_coarse = nn.Sequential(Downsample(middle, coarse), nn.ReLU(), *stack(coarse, 2), nn.ReLU())
        self.up_middle = Upsample(coarse, middle)
        self.join_middle = nn.Sequential(nn.ReLU(), *stack(middle, 1), nn.ReLU())
        self.up_fine = Upsample(middle, fine)
        self.join_fine = nn.Sequential(nn.ReLU(), *stack(fine, 1), nn.ReLU(), nn.Conv2d(fine, 1, 3, padding=1))

    @classmethod
    def from_checkpoint(cls, folder: Path) -> PersonMask:
        """Load a trained model in evaluation mode.

        Raises:
            CheckpointError: a file is missing, damaged or does not fit.
        """
        return checkpoint.load_model(folder, cls, PersonMaskConfig)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Return how sure it is that a place is person, (B, 1, S/4, S/4) log-odds, of (B, 3, S, S) crops in [0, 1]."""
        fine = self.fine(self.stem(x - 0.5))
        middle = self.down_middle(fine)
        middle = self.join_middle(middle + self.up_middle(self.down_coarse(middle)))
        logits: torch.Tensor = self.join_fine(fine + self.up_fine(middle))
        return logits

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the mask, (B, 1, S/4, S/4) in [0, 1], of (B, 3, S, S) crops in [0, 1]."""
        return F.sigmoid(self.logits(x).float())
