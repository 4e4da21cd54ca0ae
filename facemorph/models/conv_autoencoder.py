"""The plain convolutional autoencoder of the source design: 128×128×3 → 32×32×64 → 128×128×3.

The teaching example and the baseline. It has no compact code and its posterior is a point.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from facemorph import checkpoint
from facemorph.models.posterior import DiagonalGaussian, Latent, LatentPosterior


@dataclass(frozen=True)
class ConvAutoencoderConfig:
    """Sizes of a `ConvAutoencoder`.

    Attributes:
        image_size: side of the pictures in pixels.
        width: channels at half size.
        latent_channels: channels of the code, whose side is image_size / 4.
    """

    image_size: int = 128
    width: int = 32
    latent_channels: int = 64

    def __post_init__(self) -> None:
        if self.image_size < 4 or self.image_size % 4:
            raise ValueError(f"image_size {self.image_size} must be a multiple of 4")
        if min(self.width, self.latent_channels) < 1:
            raise ValueError("channels must be positive")


class ConvAutoencoder(nn.Module):
    """Two strided convolutions down, two transposed ones up."""

    def __init__(self, config: ConvAutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        width, latent = config.width, config.latent_channels
        self.encoder = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, latent, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(latent, latent, 3, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(latent, latent, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(latent, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 3, 4, stride=2, padding=1),
        )

    @classmethod
    def from_checkpoint(cls, folder: Path) -> ConvAutoencoder:
        """Load a trained model in evaluation mode.

        Raises:
            CheckpointError: a file is missing, damaged or does not fit.
        """
        return checkpoint.load_model(folder, cls, ConvAutoencoderConfig)

    def encode(self, x: torch.Tensor) -> LatentPosterior:
        """Encode (B, 3, S, S) in [0, 1] to a point posterior over (B, 64, S/4, S/4)."""
        return LatentPosterior(DiagonalGaussian(self.encoder(x - 0.5).float()))

    def decode(self, z: Latent) -> torch.Tensor:
        """Decode latents to (B, 3, S, S), about [0, 1] (not clamped)."""
        x: torch.Tensor = self.decoder(z.spatial)
        return x.float() + 0.5
