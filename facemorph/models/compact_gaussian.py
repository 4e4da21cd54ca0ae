"""Compact codes of people: their principal axes, and how attributes go with them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

RIDGE = 1e-3
"""Variance of an attribute that is said, beyond what it has among people."""
UNSAID = 1e6
"""Variance of an attribute of which nothing is said."""


class CompactGaussian(nn.Module):
    """The Gaussian of compact codes and attributes together.

    Args:
        compact_dim: length D of the compact code.
        rank: principal axes that are kept.
        num_attributes: K.
    """

    mean: torch.Tensor
    axes: torch.Tensor
    attribute_mean: torch.Tensor
    attribute_covariance: torch.Tensor
    attribute_scores: torch.Tensor

    def __init__(self, compact_dim: int, rank: int, num_attributes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(compact_dim))
        self.register_buffer("axes", torch.zeros(rank, compact_dim))
        self.register_buffer("attribute_mean", torch.zeros(num_attributes))
        self.register_buffer("attribute_covariance", torch.eye(num_attributes))
        self.register_buffer("attribute_scores", torch.zeros(rank, num_attributes))

    @torch.no_grad()
    def fit(self, compact: torch.Tensor) -> None:
        """Set the axes to the principal ones of (N, D) unit vectors."""
        centred = compact.float() - compact.float().mean(0)
        variance, axes = torch.linalg.eigh(centred.T @ centred / len(centred))
        self.mean.copy_(compact.float().mean(0))
        self.axes.copy_((axes * variance.clamp_min(1e-12).sqrt()).T.flip(0)[: len(self.axes)])

    @torch.no_grad()
    def fit_attributes(self, compact: torch.Tensor, attributes: torch.Tensor) -> None:
        """Set how attributes go with compact codes; `fit` comes first.

        Args:
            compact: (N, D) unit vectors.
            attributes: (N, K) in [-1, 1].
        """
        self.attribute_mean.copy_(attributes.mean(0))
        centred = attributes - self.attribute_mean
        self.attribute_covariance.copy_(centred.T @ centred / len(centred))
        self.attribute_scores.copy_(self.scores(compact).T @ centred / len(centred))

    def scores(self, compact: torch.Tensor) -> torch.Tensor:
        """Return (B, rank) coordinates of compact codes along their axes, of unit variance."""
        lengths = self.axes.square().sum(1).clamp_min(1e-12)
        return (compact.float() - self.mean) @ (self.axes / lengths.unsqueeze(1)).T

    def draw(self, noise: torch.Tensor, attributes: torch.Tensor | None = None) -> torch.Tensor:
        """Draw compact codes of nobody in particular, from the Gaussian of codes and attributes given what is said.

        Args:
            noise: (B, rank) from N(0, 1).
            attributes: (B, K) in [-1, 1], NaN where nothing is said of one; None says nothing.

        Returns:
            (B, D) unit vectors.
        """
        scores = noise
        if attributes is not None:
            said = attributes.isfinite()
            doubt = torch.where(said, RIDGE, UNSAID)
            inverse = torch.linalg.inv(self.attribute_covariance + torch.diag_embed(doubt))
            gain = self.attribute_scores @ inverse  # (B, rank, K)
            above = torch.where(said, attributes - self.attribute_mean, 0.0)
            left = torch.eye(noise.shape[1], device=noise.device) - gain @ self.attribute_scores.T
            variance, axes = torch.linalg.eigh(left)
            root = axes * variance.clamp_min(0).sqrt().unsqueeze(1) @ axes.transpose(1, 2)
            scores = (gain @ above.unsqueeze(2) + root @ noise.unsqueeze(2)).squeeze(2)
        return F.normalize(self.mean + scores @ self.axes, dim=1)
