"""A conditional β-VAE over the face autoencoder's spatial codes: who it is in `z`, the attributes beside it.

Convention: attributes are (B, K) in [-1, 1]; codes are (B, C, h, w), as `FaceAutoencoder` encodes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from facemorph import checkpoint
from facemorph.models.blocks import Downsample, Upsample, stack
from facemorph.models.posterior import DiagonalGaussian


@dataclass(frozen=True)
class AttributeVaeConfig:
    """Sizes of an `AttributeVae`.

    Attributes:
        attributes: names of the K attributes.
        latent_channels: channels of the spatial code.
        latent_size: its side, a multiple of 4.
        compact_dim: length of the compact code, which is decoded too.
        latent_dim: length of `z`.
        widths: channels at the code's side, at half and at a quarter of it.
        variational: whether the encoder returns a distribution; a plain autoencoder returns a point.
    """

    attributes: tuple[str, ...] = ("smile",)
    latent_channels: int = 32
    latent_size: int = 16
    compact_dim: int = 512
    latent_dim: int = 64
    widths: tuple[int, int, int] = (64, 96, 128)
    variational: bool = True

    def __post_init__(self) -> None:
        if not self.attributes or min(self.latent_channels, self.latent_dim, self.compact_dim, *self.widths) < 1:
            raise ValueError("attributes, channels and lengths must be one or more")
        if self.latent_size < 4 or self.latent_size % 4:
            raise ValueError(f"latent_size {self.latent_size} must be a multiple of 4")


class AttributeVae(nn.Module):
    """A posterior over `z`, and a decoder that is told the attributes (Kingma et al. 2014; Higgins et al. 2017).

    Training keeps the attributes out of `z` (Fader networks: Lample et al. 2017), so that the decoder has to use them.
    """

    code_mean: torch.Tensor
    code_std: torch.Tensor

    def __init__(self, config: AttributeVaeConfig) -> None:
        super().__init__()
        self.config = config
        fine, middle, coarse = config.widths
        self._shape = (coarse, config.latent_size // 4, config.latent_size // 4)
        flat = coarse * (config.latent_size // 4) ** 2
        self.register_buffer("code_mean", torch.zeros(config.latent_channels, 1, 1))
        self.register_buffer("code_std", torch.ones(config.latent_channels, 1, 1))
        self.encoder = nn.Sequential(
            nn.Conv2d(config.latent_channels, fine, 3, padding=1),
            *stack(fine, 1),
            nn.ReLU(),
            Downsample(fine, middle),
            *stack(middle, 1),
            nn.ReLU(),
            Downsample(middle, coarse),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(flat, (2 if config.variational else 1) * config.latent_dim),
        )
        self.from_latent = nn.Linear(config.latent_dim + len(config.attributes), flat)
        self.decoder = nn.Sequential(
            nn.ReLU(),
            Upsample(coarse, middle),
            *stack(middle, 2),
            nn.ReLU(),
            Upsample(middle, fine),
            *stack(fine, 2),
            nn.ReLU(),
            nn.Conv2d(fine, config.latent_channels, 3, padding=1),
        )
        self.to_compact = nn.Linear(config.latent_dim + len(config.attributes), config.compact_dim)

    @classmethod
    def from_checkpoint(cls, folder: Path) -> AttributeVae:
        """Load a trained model in evaluation mode.

        Raises:
            CheckpointError: a file is missing, damaged or does not fit.
        """
        return checkpoint.load_model(folder, cls, AttributeVaeConfig)

    def encode(self, spatial: torch.Tensor) -> DiagonalGaussian:
        """Return the posterior over `z`, (B, latent_dim), of (B, C, h, w) codes."""
        parameters = self.encoder((spatial - self.code_mean) / self.code_std).float()
        if not self.config.variational:
            return DiagonalGaussian(parameters)
        mean, logvar = parameters.chunk(2, 1)
        return DiagonalGaussian(mean, logvar.clamp(-10, 4))

    def decode(self, z: torch.Tensor, attributes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the spatial code (B, C, h, w) and the compact one, (B, D) unit vectors, of (B, latent_dim) latents."""
        told = torch.cat([z, attributes], 1)
        spatial = self.decoder(self.from_latent(told).unflatten(1, self._shape)).float()
        compact = nn.functional.normalize(self.to_compact(told).float(), dim=1)
        return spatial * self.code_std + self.code_mean, compact
