"""Which part of a face each place of a canonical crop shows: 19 classes, drawn as CelebAMask-HQ draws them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn

from facemorph import checkpoint
from facemorph.models.blocks import Downsample, Upsample, stack

CLASSES = (
    "background", "skin", "nose", "glasses", "left_eye", "right_eye", "left_brow", "right_brow", "left_ear",
    "right_ear", "inner_mouth", "upper_lip", "lower_lip", "hair", "hat", "earring", "necklace", "neck", "cloth",
)  # fmt: skip
"""Names of the classes, in the order of the logits; left and right are the person's own."""
BACKGROUND, HAIR = CLASSES.index("background"), CLASSES.index("hair")
MIRRORED = (0, 1, 2, 3, 5, 4, 7, 6, 9, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18)
"""Which class a class becomes in a mirrored picture."""


@dataclass(frozen=True)
class PartsParserConfig:
    """Sizes of a `PartsParser`.

    Attributes:
        image_size: side of the crops in pixels.
        patch_size: side of the blocks that the stem folds into channels, so that nothing runs at full size.
        output_stride: side, in pixels of the crop, of one place of the logits; divides patch_size.
        widths: channels at 1/patch_size, at half of that, at a quarter, and so on.
        encoder_depths: residual blocks at these scales on the way down.
        decoder_depths: residual blocks on the way up, at all scales but the coarsest.
    """

    image_size: int = 192
    patch_size: int = 4
    output_stride: int = 2
    widths: tuple[int, ...] = (64, 96, 112, 128)
    encoder_depths: tuple[int, ...] = (1, 2, 2, 2)
    decoder_depths: tuple[int, ...] = (1, 2, 1)

    def __post_init__(self) -> None:
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise ValueError(f"widths {self.widths} must be two or more positive numbers of channels")
        if len(self.encoder_depths) != len(self.widths) or len(self.decoder_depths) != len(self.widths) - 1:
            raise ValueError("encoder_depths needs one number per width, decoder_depths one fewer")
        if self.output_stride < 1 or self.patch_size % self.output_stride:
            raise ValueError(f"output_stride {self.output_stride} must divide patch_size {self.patch_size}")
        coarsest = self.patch_size * 2 ** (len(self.widths) - 1)
        if self.image_size < coarsest or self.image_size % coarsest:
            raise ValueError(f"image_size {self.image_size} must be a multiple of {coarsest}, the coarsest cell")


class PartsParser(nn.Module):
    """A U-shaped residual network (Ronneberger et al. 2015) without normalisation layers, sub-pixel at the end."""

    def __init__(self, config: PartsParserConfig) -> None:
        super().__init__()
        self.config = config
        widths, last = config.widths, len(config.widths) - 1
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(config.patch_size), nn.Conv2d(3 * config.patch_size**2, widths[0], 3, padding=1)
        )
        self.encoders = nn.ModuleList(map(stack, widths, config.encoder_depths))
        self.downs = nn.ModuleList(Downsample(fine, coarse) for fine, coarse in pairwise(widths))
        self.ups = nn.ModuleList(nn.Sequential(nn.ReLU(), Upsample(coarse, fine)) for fine, coarse in pairwise(widths))
        self.decoders = nn.ModuleList(map(stack, widths[:last], config.decoder_depths))
        factor = config.patch_size // config.output_stride
        self.out = nn.Sequential(
            nn.ReLU(), nn.Conv2d(widths[0], len(CLASSES) * factor**2, 3, padding=1), nn.PixelShuffle(factor)
        )

    @classmethod
    def from_checkpoint(cls, folder: Path) -> PartsParser:
        """Load a trained model in evaluation mode.

        Raises:
            CheckpointError: a file is missing, damaged or does not fit.
        """
        return checkpoint.load_model(folder, cls, PartsParserConfig)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (B, 19, m, m), m = S / output_stride, of (B, 3, S, S) RGB crops in [0, 1].

        The place (i, j) of the logits lies over the block of pixels that starts at output_stride · (i, j), so that
        they are brought to any size by bilinear interpolation with `align_corners=False`.
        """
        levels = [self.encoders[0](self.stem(x - 0.5))]
        for down, encoder in zip(self.downs, self.encoders[1:], strict=True):
            levels.append(encoder(down(levels[-1])))
        h = levels.pop()
        for up, decoder in zip(reversed(self.ups), reversed(self.decoders), strict=True):
            h = decoder(levels.pop() + up(h))
        logits: torch.Tensor = self.out(h)
        return logits

    def parts(self, x: torch.Tensor) -> torch.Tensor:
        """Return the probability of each class, (B, 19, m, m) in [0, 1], of (B, 3, S, S) RGB crops in [0, 1]."""
        logits: torch.Tensor = self(x)
        return logits.float().softmax(1)


def person_and_hair(classes: torch.Tensor) -> torch.Tensor:
    """Return where the person and where the person's hair is, (B, 2, m, m), of `PartsParser.parts` (B, 19, m, m)."""
    return torch.stack([1 - classes[:, BACKGROUND], classes[:, HAIR]], 1)
