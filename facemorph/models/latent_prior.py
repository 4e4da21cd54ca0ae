"""A prior over spatial codes given the compact one and attributes: flow matching with a small transformer.

Convention: time runs from 0 (a code of a real crop) to 1 (noise). A noisy code is `(1 - t) · u + t · noise`, `u` being
the code in working coordinates (`LatentPrior.to_working`); its velocity is `noise - u` (Lipman et al. 2023; rectified
flow: Liu et al. 2023). A code may also be at fault: two codes blended, of which one alone is meant. Its `fault` runs
from 0 (one code) to 1 (half and half), and going back along it is going back along the straight line between blend and
code (Delbracio & Milanfar 2023). Time and fault may differ from place to place (diffusion forcing: Chen et al. 2024),
so that a seam can be repaired while what surrounds it stays as it is. Attributes are (B, K) in [-1, 1], NaN where
nothing is said of one.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from facemorph import checkpoint
from facemorph.models.blocks import TransformerBlock, bare_norm
from facemorph.models.code_coordinates import CodeCoordinates


@dataclass(frozen=True)
class LatentPriorConfig:
    """Sizes of a `LatentPrior`.

    Attributes:
        latent_channels: channels of the spatial code.
        latent_size: side of the spatial code.
        patch_size: side of the squares of the code that become one token.
        width: channels of the transformer.
        depth: its blocks.
        heads: attention heads of each block.
        compact_dim: length of the compact code.
        compact_tokens: tokens into which the compact code is unfolded beside those of the spatial code.
        compact_rank: principal axes of the compact codes that are known and drawn from.
        attributes: names of the K attributes.
    """

    latent_channels: int = 32
    latent_size: int = 16
    patch_size: int = 2
    width: int = 192
    depth: int = 6
    heads: int = 6
    compact_dim: int = 512
    compact_tokens: int = 8
    compact_rank: int = 96
    attributes: tuple[str, ...] = ("smile",)

    def __post_init__(self) -> None:
        if self.latent_size < self.patch_size or self.latent_size % self.patch_size:
            raise ValueError(f"latent_size {self.latent_size} must be a multiple of patch_size {self.patch_size}")
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} must be a multiple of 2 · heads {self.heads}")
        if min(self.latent_channels, self.depth, self.compact_dim, self.compact_tokens, self.compact_rank) < 1:
            raise ValueError("channels, depth, tokens and rank must be positive")
        if not self.attributes:
            raise ValueError("attributes must be one or more")
        if self.compact_rank > self.compact_dim:
            raise ValueError(f"compact_rank {self.compact_rank} must not exceed compact_dim {self.compact_dim}")

    @property
    def num_patches(self) -> int:
        """Tokens of the spatial code."""
        return (self.latent_size // self.patch_size) ** 2


class LatentPrior(CodeCoordinates):
    """What spatial codes of real faces look like.

    The network sees the code in working coordinates (`CodeCoordinates`). Its output is preconditioned as in EDM (Karras
    et al. 2022), per axis.
    """

    def __init__(self, config: LatentPriorConfig) -> None:
        shape = (config.latent_channels, config.latent_size, config.latent_size)
        super().__init__(shape, config.compact_dim, config.compact_rank, len(config.attributes))
        self.config = config
        width, channels = config.width, config.latent_channels * config.patch_size**2
        self.no_compact = nn.Parameter(torch.zeros(config.compact_dim))
        self.from_patches = nn.Linear(channels + 2 * config.patch_size**2, width)
        self.position = nn.Parameter(0.02 * torch.randn(config.num_patches + config.compact_tokens, width))
        self.to_tokens = nn.Linear(config.compact_dim, config.compact_tokens * width)
        self.from_compact = nn.Linear(config.compact_dim, width)
        said = 2 * len(config.attributes)
        self.attributes_to_tokens = nn.Linear(said, config.compact_tokens * width, bias=False)
        self.from_attributes = nn.Linear(said, width, bias=False)
        self.from_time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.from_fault = nn.Linear(width, width)
        self.to_modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(TransformerBlock(width, config.heads) for _ in range(config.depth))
        self.last_modulation = nn.Linear(width, 2 * width)
        self.to_patches = nn.Linear(width, channels)
        for layer in (self.to_modulation, self.last_modulation, self.to_patches):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        for layer in (self.attributes_to_tokens, self.from_attributes):
            nn.init.zeros_(layer.weight)

    @classmethod
    def from_checkpoint(cls, folder: Path) -> LatentPrior:
        """Load a trained model in evaluation mode.

        Raises:
            CheckpointError: a file is missing, damaged or does not fit.
        """
        return checkpoint.load_model(folder, cls, LatentPriorConfig)

    def forward(
        self,
        u: torch.Tensor,
        t: torch.Tensor,
        fault: torch.Tensor,
        compact: torch.Tensor | None,
        attributes: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the network's bare output, (B, C, h, w) of about unit variance on each axis.

        Args:
            u: (B, C, h, w) noisy code in working coordinates.
            t: (B, 1, h, w) in [0, 1].
            fault: (B, 1, h, w) in [0, 1].
            compact: (B, D) unit vectors, or None for a face of nobody in particular.
            attributes: (B, K) in [-1, 1], NaN where nothing is said of one; None says nothing.
        """
        config = self.config
        if compact is None:
            compact = self.no_compact.expand(len(u), -1)
        compact = compact * compact.shape[1] ** 0.5  # unit vectors become as long as draws from N(0, 1)
        patches = F.pixel_unshuffle(torch.cat([u, t, fault], 1), config.patch_size).flatten(2).transpose(1, 2)
        context = self.to_tokens(compact).unflatten(1, (config.compact_tokens, config.width))
        condition = self.from_time(self._waves(t)) + self.from_fault(self._waves(fault))
        condition = condition + self.from_compact(compact).unsqueeze(1)
        if attributes is not None:
            told = torch.cat([attributes.nan_to_num(), attributes.isfinite().to(u.dtype)], 1)
            context = context + self.attributes_to_tokens(told).unflatten(1, context.shape[1:])
            condition = condition + self.from_attributes(told).unsqueeze(1)
        x = torch.cat([context, self.from_patches(patches)], 1) + self.position
        condition = F.silu(condition)
        modulation = self.to_modulation(condition)
        for block in self.blocks:
            x = block(x, modulation)
        shift, scale = self.last_modulation(condition).chunk(2, -1)
        out = self.to_patches((bare_norm(x) * (1 + scale) + shift)[:, config.compact_tokens :])
        side = config.latent_size // config.patch_size
        return F.pixel_shuffle(out.float().transpose(1, 2).unflatten(2, (side, side)), config.patch_size)

    def precondition(self, t: torch.Tensor, fault: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return by how much the noisy code and the network's output count in the clean code, (B, C, h, w) each.

        The first is the best linear estimate for Gaussian codes, the second the error that it leaves (EDM: Karras et
        al. 2022, section 5), which a fault adds to.
        """
        variance, fault_variance = (x.view(-1, 1, 1).square() for x in (self.spread, self.fault_spread))
        power = ((1 - t).square() * variance + t.square()).clamp_min(1e-6)
        known = (1 - t) * variance / power
        return known, (variance * t.square() / power + fault_variance * fault.square()).sqrt()

    def clean(
        self,
        u: torch.Tensor,
        t: torch.Tensor,
        compact: torch.Tensor | None,
        fault: torch.Tensor | None = None,
        attributes: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the code that the network expects behind a noisy one.

        Args:
            u: (B, C, h, w) noisy code in working coordinates.
            t: (B,) or (B, 1, h, w) in [0, 1], the time of the whole code or of each place.
            compact: (B, D) unit vectors, or None for a face of nobody in particular.
            fault: like `t`; None stands for 0.
            attributes: as in `forward`.

        Returns:
            (B, C, h, w) in working coordinates; `u` where time and fault are 0.
        """
        t = self._map(t, u)
        fault = torch.zeros_like(t) if fault is None else self._map(fault, u)
        known, reach = self.precondition(t, fault)
        expected: torch.Tensor = known * u + reach * self(u, t, fault, compact, attributes)
        return expected

    def velocity(
        self,
        u: torch.Tensor,
        t: torch.Tensor,
        compact: torch.Tensor | None,
        attributes: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the velocity `noise - u` that the network expects at a noisy code; arguments as in `clean`, t > 0."""
        return (u - self.clean(u, t, compact, attributes=attributes)) / self._map(t, u)

    @torch.no_grad()
    def sample(
        self,
        compact: torch.Tensor | None,
        noise: torch.Tensor,
        num_steps: int = 20,
        guidance: float = 1.0,
        attributes: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Draw spatial codes.

        Args:
            compact: (B, D) unit vectors, or None for faces of nobody in particular.
            noise: (B, C, h, w) from N(0, 1).
            num_steps: steps of Heun's method, two evaluations each but the last.
            guidance: 1 follows both conditions; more exaggerates them (classifier-free guidance: Ho & Salimans 2022).
            attributes: (B, K) in [-1, 1], NaN where nothing is said of one; None says nothing.

        Returns:
            (B, C, h, w) spatial codes for the autoencoder.
        """
        times = torch.linspace(1, 0, num_steps + 1).tolist()
        u = noise
        for now, after in itertools.pairwise(times):
            slope = self._guided(u, now, compact, guidance, attributes)
            ahead = u + (after - now) * slope
            if after > 0:
                ahead = u + (after - now) / 2 * (slope + self._guided(ahead, after, compact, guidance, attributes))
            u = ahead
        return self.from_working(u, compact)

    @torch.no_grad()
    def refine(
        self,
        spatial: torch.Tensor,
        compact: torch.Tensor | None,
        strength: torch.Tensor,
        noise: torch.Tensor,
        num_steps: int = 1,
        noisiness: float = 0.0,
    ) -> torch.Tensor:
        """Repair blended codes: take them for faulty up to `strength` and go back in a few steps.

        With noise it is SDEdit (Meng et al. 2022) as well: what the noise covers is made up anew.

        Args:
            spatial: (B, C, h, w) spatial codes.
            compact: (B, D) unit vectors, or None.
            strength: (B,) or (B, 1, h, w) in [0, 1], the fault; the code stays exactly as it is where this is 0.
            noise: (1, C, h, w) or (B, C, h, w) from N(0, 1); the same for all frames of a morph keeps it calm.
            num_steps: steps of the way back.
            noisiness: in [0, 1], how noisy the code is made where the strength is 1.

        Returns:
            (B, C, h, w) spatial codes.
        """
        strength = self._map(strength, spatial)
        u = torch.lerp(self.to_working(spatial, compact), noise.expand_as(spatial), noisiness * strength)
        for step in range(num_steps):
            fault = strength * (1 - step / num_steps)
            goal = self.clean(u, noisiness * fault, compact, fault)
            u = torch.lerp(u, goal, 1 / (num_steps - step))  # as far as time and fault fall
        return torch.where(strength > 0, self.from_working(u, compact), spatial)

    def _guided(
        self,
        u: torch.Tensor,
        t: float,
        compact: torch.Tensor | None,
        guidance: float,
        attributes: torch.Tensor | None,
    ) -> torch.Tensor:
        time = torch.full((len(u),), t, device=u.device)
        told = self.velocity(u, time, compact, attributes)
        if guidance == 1.0 or (compact is None and attributes is None):
            return told
        shift = self.expected(compact) - self.expected(None)  # between the coordinates with and without compact code
        untold = self.velocity(u + (1 - t) * shift, time, None) + shift
        return torch.lerp(untold, told, guidance)

    def _waves(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, 1, h, w) values in [0, 1] as sines and cosines (Vaswani et al. 2017) for each token.

        The tokens of the compact code get the mean. (B, compact_tokens + num_patches, width).
        """
        values = F.avg_pool2d(x, self.config.patch_size).flatten(1)
        values = torch.cat([values.mean(1, keepdim=True).expand(-1, self.config.compact_tokens), values], 1)
        rates = torch.exp(torch.linspace(0, math.log(200.0), self.config.width // 2, device=x.device))
        angles = values.unsqueeze(-1) * rates
        return torch.cat([angles.sin(), angles.cos()], -1)

    def _map(self, t: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        if t.dim() == 1:
            t = t.view(-1, 1, 1, 1)
        return t.to(like.dtype).expand(len(like), 1, *like.shape[-2:])
