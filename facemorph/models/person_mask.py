"""Where the person is in a canonical crop, and which part of the person is hair."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
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
        widths: channels at 1/patch_size, at half of that, at a quarter, and so on.
    """

    image_size: int = 128
    patch_size: int = 2
    widths: tuple[int, ...] = (16, 32, 64, 96)

    def __post_init__(self) -> None:
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise ValueError(f"widths {self.widths} must be two or more positive numbers of channels")
        coarsest = self.patch_size * 2 ** (len(self.widths) - 1)
        if self.image_size < coarsest or self.image_size % coarsest:
            raise ValueError(f"image_size {self.image_size} must be a multiple of {coarsest}, the coarsest cell")


class PersonMask(nn.Module):
    """A small U-shaped network (Ronneberger et al. 2015) without normalisation layers.

    Hair is what sits on the head, a hat too; beard and brows are not. It is predicted as a share of the person, so
    that no place is more hair than person.
    """

    def __init__(self, config: PersonMaskConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(config.patch_size),
            nn.Conv2d(3 * config.patch_size**2, widths[0], 3, padding=1),
            nn.ReLU(),
        )
        self.first = stack(widths[0], 1)
        last = len(widths) - 2
        self.downs = nn.ModuleList(
            nn.Sequential(Downsample(fine, coarse), nn.ReLU(), *stack(coarse, 2 if level == last else 1))
            for level, (fine, coarse) in enumerate(pairwise(widths))
        )
        self.ups = nn.ModuleList(nn.Sequential(nn.ReLU(), Upsample(coarse, fine)) for fine, coarse in pairwise(widths))
        self.joins = nn.ModuleList(nn.Sequential(nn.ReLU(), *stack(width, 1)) for width in widths[:-1])
        self.out = nn.Sequential(nn.ReLU(), nn.Conv2d(widths[0], 2, 3, padding=1))

    @classmethod
    def from_checkpoint(cls, folder: Path) -> PersonMask:
        """Load a trained model in evaluation mode.

        Raises:
            CheckpointError: a file is missing, damaged or does not fit.
        """
        return checkpoint.load_model(folder, cls, PersonMaskConfig)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Return log-odds (B, 2, S/patch, S/patch) of (B, 3, S, S) crops in [0, 1].

        The first channel: that a place is person; the second: that it is hair, if it is person.
        """
        levels = [self.first(self.stem(x - 0.5))]
        for down in self.downs:
            levels.append(down(levels[-1]))
        h = levels.pop()
        for up, join in zip(reversed(self.ups), reversed(self.joins), strict=True):
            h = join(levels.pop() + up(h))
        logits: torch.Tensor = self.out(h)
        return logits

    def parts(self, x: torch.Tensor) -> torch.Tensor:
        """Return person and hair, (B, 2, S/patch, S/patch) in [0, 1], of (B, 3, S, S) crops in [0, 1].

        Hair is never above person.
        """
        person, share = F.sigmoid(self.logits(x).float()).chunk(2, 1)
        return torch.cat([person, person * share], 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the person, (B, 1, S/patch, S/patch) in [0, 1], of (B, 3, S, S) crops in [0, 1]."""
        return self.parts(x)[:, :1]
