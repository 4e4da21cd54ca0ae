"""What an encoder returns: a distribution over latents."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Latent:
    """A point of the latent space.

    Attributes:
        spatial: (B, C, h, w), where things are and their detail.
        compact: (B, D) with rows of L2 norm 1, who and what; None for a model without such a code.
    """

    spatial: torch.Tensor
    compact: torch.Tensor | None = None


@dataclass(frozen=True)
class DiagonalGaussian:
    """A Gaussian with diagonal covariance, or a point where `logvar` is None.

    Attributes:
        mean: (B, ...) tensor.
        logvar: like `mean`, natural logarithm of the variance; None for the posterior of a plain autoencoder.
    """

    mean: torch.Tensor
    logvar: torch.Tensor | None = None

    def sample(self, generator: torch.Generator | None = None) -> torch.Tensor:
        """Draw by reparametrisation (Kingma & Welling 2014, section 2.4)."""
        if self.logvar is None:
            return self.mean
        return self.at(
            torch.randn(self.mean.shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype)
        )

    def at(self, noise: torch.Tensor) -> torch.Tensor:
        """Return the point that lies `noise`, a tensor like `mean`, standard deviations from the mean."""
        return self.mean if self.logvar is None else self.mean + noise * torch.exp(0.5 * self.logvar)

    def mode(self) -> torch.Tensor:
        """Return the mean."""
        return self.mean

    def kl(self) -> torch.Tensor:
        """Return KL(posterior || N(0, 1)) of each sample, (B,) in nats; 0 for a point, which has no density."""
        if self.logvar is None:
            return self.mean.new_zeros(self.mean.shape[0])
        terms = self.mean.square() + self.logvar.exp() - 1.0 - self.logvar
        return 0.5 * terms.flatten(1).sum(1)


@dataclass(frozen=True)
class LatentPosterior:
    """The posterior over both codes; each has its own divergence, so that each can have its own β.

    Attributes:
        spatial: over (B, C, h, w).
        compact: over (B, D) before normalisation; None for a model without a compact code.
    """

    spatial: DiagonalGaussian
    compact: DiagonalGaussian | None = None

    def sample(self, generator: torch.Generator | None = None) -> Latent:
        """Draw both codes; the compact one is normalised after drawing."""
        compact = None if self.compact is None else F.normalize(self.compact.sample(generator), dim=1)
        return Latent(self.spatial.sample(generator), compact)

    def mode(self) -> Latent:
        """Return both means, the compact one normalised."""
        compact = None if self.compact is None else F.normalize(self.compact.mode(), dim=1)
        return Latent(self.spatial.mode(), compact)

    def kl(self) -> torch.Tensor:
        """Return the sum of both divergences, (B,) in nats."""
        return self.spatial.kl() if self.compact is None else self.spatial.kl() + self.compact.kl()
