"""The autoencoder that morphs: a spatial and a compact code, both posteriors, at 128 px."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from facemorph import checkpoint
from facemorph.models.blocks import Downsample, Upsample, stack
from facemorph.models.posterior import DiagonalGaussian, Latent, LatentPosterior

LOGVAR_RANGE = (-14.0, 4.0)


@dataclass(frozen=True)
class FaceAutoencoderConfig:
    """Sizes of a `FaceAutoencoder`.

    Attributes:
        image_size: side of the pictures in pixels.
        patch_size: side of the blocks that the stem folds into channels, so that nothing runs at full size.
        widths: channels at 1/patch_size and at half of that.
        encoder_depths: residual blocks of the encoder at these two scales.
        decoder_depths: residual blocks of the decoder at these two scales.
        latent_channels: channels of the spatial code, whose side is image_size / (2 · patch_size).
        compact_width: channels of the path between the spatial scale and the compact code.
        compact_dim: length of the compact code.
    """

    image_size: int = 128
    patch_size: int = 4
    widths: tuple[int, int] = (64, 96)
    encoder_depths: tuple[int, int] = (2, 3)
    decoder_depths: tuple[int, int] = (3, 3)
    latent_channels: int = 32
    compact_width: int = 192
    compact_dim: int = 512

    def __post_init__(self) -> None:
        if self.image_size < 8 * self.patch_size or self.image_size % (8 * self.patch_size):
            raise ValueError(f"image_size {self.image_size} must be a multiple of 8 · patch_size {self.patch_size}")
        if min(self.latent_channels, self.compact_dim, self.compact_width, *self.widths) < 1:
            raise ValueError("channels must be positive")

    @property
    def latent_size(self) -> int:
        """Side of the spatial code."""
        return self.image_size // (2 * self.patch_size)

    @property
    def compact_size(self) -> int:
        """Side of the feature map from which the compact code is read."""
        return self.latent_size // 4


class Encoder(nn.Module):
    """(B, 3, S, S) → posterior over a spatial code (the residual path at the end) and a compact one."""

    def __init__(self, config: FaceAutoencoderConfig) -> None:
        super().__init__()
        fine, coarse = config.widths
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(config.patch_size), nn.Conv2d(3 * config.patch_size**2, fine, 3, padding=1)
        )
        self.fine = stack(fine, config.encoder_depths[0])
        self.down = Downsample(fine, coarse)
        self.coarse = stack(coarse, config.encoder_depths[1])
        self.to_spatial = nn.Conv2d(coarse, 2 * config.latent_channels, 3, padding=1)
        self.to_features = nn.Sequential(
            Downsample(coarse, config.compact_width),
            *stack(config.compact_width, 1),
            nn.ReLU(),
            Downsample(config.compact_width, config.compact_width),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.to_compact = nn.Linear(config.compact_width * config.compact_size**2, 2 * config.compact_dim)
        with torch.no_grad():  # start nearly deterministic, so that reconstruction is learned first
            self.to_spatial.bias[config.latent_channels :].fill_(-6.0)  # type: ignore[index]
            self.to_compact.bias[config.compact_dim :].fill_(-6.0)

    def forward(self, x: torch.Tensor) -> LatentPosterior:
        """Return the posterior of (B, 3, S, S) pictures in [0, 1]."""
        h = self.coarse(self.down(self.fine(self.stem(x - 0.5))))
        return LatentPosterior(_gaussian(self.to_spatial(F.relu(h))), _gaussian(self.to_compact(self.to_features(h))))


class Decoder(nn.Module):
    """Latent → (B, 3, S, S), sub-pixel all the way."""

    def __init__(self, config: FaceAutoencoderConfig) -> None:
        super().__init__()
        fine, coarse = config.widths
        self.latent_shape = (config.latent_channels, config.latent_size, config.latent_size)
        self.compact_shape = (config.compact_width, config.compact_size, config.compact_size)
        self.from_spatial = nn.Conv2d(config.latent_channels, coarse, 3, padding=1)
        self.from_compact = nn.Linear(config.compact_dim, config.compact_width * config.compact_size**2)
        self.up_compact = nn.Sequential(
            nn.ReLU(),
            Upsample(config.compact_width, config.compact_width),
            *stack(config.compact_width, 1),
            nn.ReLU(),
            Upsample(config.compact_width, coarse),
        )
        self.coarse = stack(coarse, config.decoder_depths[1])
        self.up = Upsample(coarse, fine)
        self.fine = stack(fine, config.decoder_depths[0])
        self.to_pixels = nn.Sequential(
            nn.ReLU(), nn.Conv2d(fine, 3 * config.patch_size**2, 3, padding=1), nn.PixelShuffle(config.patch_size)
        )

    def forward(self, z: Latent) -> torch.Tensor:
        """Return (B, 3, S, S) pictures, about [0, 1]."""
        if z.compact is None:
            raise ValueError("this decoder needs the compact code")
        length = z.compact.shape[1] ** 0.5  # unit vectors become as long as draws from N(0, 1)
        h = self.up_compact(self.from_compact(z.compact * length).unflatten(1, self.compact_shape))
        h = self.coarse(h + self.from_spatial(z.spatial))
        x: torch.Tensor = self.to_pixels(self.fine(self.up(h)))
        return x.float() + 0.5


class FaceAutoencoder(nn.Module):
    """Space-to-depth stem, residual trunk, spatial and compact posterior, sub-pixel decoder.

    The spatial code (C×16×16) keeps place and detail, the compact one (512 numbers of L2 norm 1) what the picture shows
    on the whole. Both are variational (Kingma & Welling 2014), each with a β of its own (Higgins et al. 2017).
    """

    def __init__(self, config: FaceAutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    @classmethod
    def from_checkpoint(cls, folder: Path) -> FaceAutoencoder:
        """Load a trained model in evaluation mode.

        Raises:
            CheckpointError: a file is missing, damaged or does not fit.
        """
        return checkpoint.load_model(folder, cls, FaceAutoencoderConfig)

    def encode(self, x: torch.Tensor) -> LatentPosterior:
        """Encode pictures.

        Args:
            x: (B, 3, S, S) in [0, 1], RGB, S = `config.image_size`.

        Returns:
            The posterior over (B, C, S/8, S/8) and (B, 512) codes, for the default patch size.
        """
        posterior: LatentPosterior = self.encoder(x)
        return posterior

    def decode(self, z: Latent) -> torch.Tensor:
        """Decode latents to (B, 3, S, S), about [0, 1] (not clamped)."""
        x: torch.Tensor = self.decoder(z)
        return x

    def without_spatial(self, z: Latent) -> Latent:
        """Return `z` with its spatial code at the prior's mean: what the compact code alone knows."""
        return Latent(torch.zeros_like(z.spatial), z.compact)


def _gaussian(parameters: torch.Tensor) -> DiagonalGaussian:
    mean, logvar = parameters.float().chunk(2, dim=1)
    return DiagonalGaussian(mean, logvar.clamp(*LOGVAR_RANGE))
