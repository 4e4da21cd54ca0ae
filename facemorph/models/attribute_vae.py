"""A conditional β-VAE over the face autoencoder's spatial codes: what a face is in `z`, its attributes beside it.

Convention: codes are (B, C, h, w), as `FaceAutoencoder` encodes them; attributes are (B, K) in [-1, 1]. Working
coordinates are those of `LatentPrior` without its regression: along the principal axes of the channels, half whitened.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from facemorph import checkpoint
from facemorph.models.blocks import Downsample, Upsample, stack, turn_channels
from facemorph.models.posterior import DiagonalGaussian

RANK = 256
"""Principal axes of the codes among which `fit` looks for `z`."""
RIDGE = 1e-3
"""Weight of the ridge in the regressions of `fit`, against unit variance."""


@dataclass(frozen=True)
class AttributeVaeConfig:
    """Sizes of an `AttributeVae`.

    Attributes:
        attributes: names of the K attributes.
        latent_channels: channels of the spatial code.
        latent_size: its side, a multiple of 4.
        compact_dim: length of the compact code, which is decoded too.
        latent_dim: length of `z`.
        widths: channels at half and at a quarter of the code's side.
        variational: whether the encoder returns a distribution; a plain autoencoder returns a point.
    """

    attributes: tuple[str, ...] = ("smile",)
    latent_channels: int = 32
    latent_size: int = 16
    compact_dim: int = 512
    latent_dim: int = 64
    widths: tuple[int, int] = (96, 128)
    variational: bool = True

    def __post_init__(self) -> None:
        if not self.attributes or min(self.latent_channels, self.latent_dim, self.compact_dim, *self.widths) < 1:
            raise ValueError("attributes, channels and lengths must be one or more")
        if self.latent_size < 4 or self.latent_size % 4:
            raise ValueError(f"latent_size {self.latent_size} must be a multiple of 4")


class AttributeVae(nn.Module):
    """A posterior over `z`, and a decoder that is told the attributes (Sohn et al. 2015; Higgins et al. 2017).

    Encoder and decoder are a linear map each, which `fit` knows in closed form, and a small network that is added to it
    and starts at zero. Training keeps the attributes out of `z` (Lample et al. 2017), so that the decoder needs them.
    """

    mean: torch.Tensor
    basis: torch.Tensor

    def __init__(self, config: AttributeVaeConfig) -> None:
        super().__init__()
        self.config = config
        half, quarter = config.widths
        told, side = config.latent_dim + len(config.attributes), config.latent_size // 4
        self._shape = (config.latent_channels, config.latent_size, config.latent_size)
        self._coarse = (quarter, side, side)
        self.register_buffer("mean", torch.zeros(config.latent_channels))
        self.register_buffer("basis", torch.eye(config.latent_channels))
        self.to_latent = nn.Linear(config.latent_channels * config.latent_size**2, config.latent_dim)
        self.encoder = nn.Sequential(
            Downsample(config.latent_channels, half),
            *stack(half, 2),
            nn.ReLU(),
            Downsample(half, quarter),
            *stack(quarter, 1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(quarter * side**2, (2 if config.variational else 1) * config.latent_dim),
        )
        self.from_latent = nn.Linear(told, config.latent_channels * config.latent_size**2)
        self.to_coarse = nn.Linear(told, quarter * side**2)
        self.decoder = nn.Sequential(
            *stack(quarter, 1),
            nn.ReLU(),
            Upsample(quarter, half),
            *stack(half, 2),
            nn.ReLU(),
            Upsample(half, half // 2 or 1),
            nn.ReLU(),
            nn.Conv2d(half // 2 or 1, config.latent_channels, 3, padding=1),
        )
        self.to_compact = nn.Linear(told, config.compact_dim)
        for parameter in (*self.encoder[-1].parameters(), *self.decoder[-1].parameters()):
            nn.init.zeros_(parameter)

    @classmethod
    def from_checkpoint(cls, folder: Path) -> AttributeVae:
        """Load a trained model in evaluation mode.

        Raises:
            CheckpointError: a file is missing, damaged or does not fit.
        """
        return checkpoint.load_model(folder, cls, AttributeVaeConfig)

    def to_working(self, spatial: torch.Tensor) -> torch.Tensor:
        """Bring (B, C, h, w) codes to working coordinates."""
        return turn_channels(spatial - self.mean.view(-1, 1, 1), torch.linalg.inv(self.basis))

    def from_working(self, u: torch.Tensor) -> torch.Tensor:
        """Undo `to_working`."""
        return turn_channels(u, self.basis) + self.mean.view(-1, 1, 1)

    def encode(self, spatial: torch.Tensor) -> DiagonalGaussian:
        """Return the posterior over `z`, (B, latent_dim), of (B, C, h, w) codes."""
        return self.posterior(self.to_working(spatial))

    def decode(self, z: torch.Tensor, attributes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the spatial code (B, C, h, w) and the compact one, (B, D) unit vectors, of (B, latent_dim) latents."""
        u, compact = self.expected(z, attributes)
        return self.from_working(u), compact

    def posterior(self, u: torch.Tensor) -> DiagonalGaussian:
        """Return the posterior over `z` of codes in working coordinates."""
        parameters = self.encoder(u).float()
        linear = self.to_latent(u.flatten(1)).float()
        if not self.config.variational:
            return DiagonalGaussian(linear + parameters)
        change, logvar = parameters.chunk(2, 1)
        return DiagonalGaussian(linear + change, logvar.clamp(-12, 4))

    def expected(self, z: torch.Tensor, attributes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean of the code in working coordinates, (B, C, h, w), and the compact code, (B, D)."""
        told = torch.cat([z, attributes], 1)
        u = self.from_latent(told).float().unflatten(1, self._shape)
        u = u + self.decoder(self.to_coarse(told).unflatten(1, self._coarse)).float()
        return u, F.normalize(self.to_compact(told).float(), dim=1)

    @torch.no_grad()
    def fit(
        self,
        spatial: torch.Tensor,
        compact: torch.Tensor,
        attributes: torch.Tensor,
        mean: torch.Tensor,
        basis: torch.Tensor,
        beta: float,
    ) -> None:
        """Set the working coordinates, and the linear maps to what is best without the networks.

        Attributes are erased from the codes so that none correlates with `z` (LEACE: Belrose et al. 2023). `z` are the
        principal axes of the rest, its noise and shrinkage those of a linear VAE (Lucas et al. 2019), whose noise
        variance is β. The loss of an autoencoder without noise knows no axes, so it gets them turned at random.

        Args:
            spatial: (N, C, h, w) codes.
            compact: (N, D) unit vectors.
            attributes: (N, K) in [-1, 1].
            mean: (C,) of the working coordinates, as in `LatentPrior`.
            basis: (C, C) likewise.
            beta: weight of the divergence.
        """
        self.mean.copy_(mean)
        self.basis.copy_(basis)
        u = self.to_working(spatial.float()).flatten(1)
        axes = _principal_axes_without(u, attributes, self.config.latent_dim)
        z = (u - u.mean(0)) @ axes.T
        drawn = _regress(torch.cat([z, attributes], 1), u)
        if self.config.variational:
            variance = drawn[: len(axes)].square().sum(1)
            kept = (1 - beta / variance).clamp_min(1e-2).sqrt()
            axes, z = axes * kept[:, None], z * kept
            drawn[: len(axes)] *= kept[:, None]
            cast(nn.Linear, self.encoder[-1]).bias[len(axes) :] = (beta / variance).clamp_max(1.0).log()
        else:
            turn = torch.linalg.qr(torch.randn(len(axes), len(axes), generator=torch.Generator().manual_seed(0))).Q
            axes, z = turn @ axes, z @ turn.T
            drawn[: len(axes)] = turn @ drawn[: len(axes)]
        _set(self.to_latent, torch.cat([axes.T, -(axes @ u.mean(0))[None]]))
        _set(self.from_latent, drawn)
        _set(self.to_compact, _regress(torch.cat([z, attributes], 1), compact.float()))


def _set(layer: nn.Linear, solved: torch.Tensor) -> None:
    layer.weight.copy_(solved[:-1].T)
    layer.bias.copy_(solved[-1])


def _regress(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the ridge regression of (N, E) on (N, D) and a constant, (D + 1, E), the constant's row last."""
    design = torch.cat([x, torch.ones(len(x), 1)], 1)
    ridge = RIDGE * len(x) * torch.eye(design.shape[1])
    ridge[-1, -1] = 0.0
    solved: torch.Tensor = torch.linalg.solve(design.T @ design + ridge, design.T @ y)
    return solved


def _principal_axes_without(u: torch.Tensor, attributes: torch.Tensor, number: int) -> torch.Tensor:
    """Return (number, E) maps of centred (N, E) vectors to scores of unit variance that correlate with no attribute.

    In whitened coordinates, erasing is leaving out the span of the covariances with the attributes.
    """
    generator_state = torch.get_rng_state()
    torch.manual_seed(0)  # svd_lowrank draws from the global generator
    centred = u - u.mean(0)
    _, strengths, principal = torch.svd_lowrank(centred, q=min(RANK, *u.shape), niter=3)
    torch.set_rng_state(generator_state)
    deviation = strengths / len(u) ** 0.5
    white = centred @ principal / deviation
    span = torch.linalg.qr(white.T @ (attributes - attributes.mean(0)) / len(u)).Q
    erase = torch.eye(len(deviation)) - span @ span.T
    variance, turned = torch.linalg.eigh(deviation[:, None] * erase * deviation)
    last = slice(len(variance) - number, None)
    scores = turned[:, last].T @ (deviation[:, None] * erase / deviation) / variance[last, None].clamp_min(1e-9).sqrt()
    axes: torch.Tensor = (scores @ principal.T).flip(0)
    return axes
