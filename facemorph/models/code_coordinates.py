"""Coordinates in which spatial codes are easy to foretell: turned to their axes, less what the compact code says."""

from __future__ import annotations

import torch
from torch import nn

from facemorph.models.blocks import turn_channels
from facemorph.models.compact_gaussian import CompactGaussian

RIDGE = 1e-3
"""Weight of the ridge in the regression on the compact code, against its unit variance."""


class CodeCoordinates(nn.Module):
    """Working coordinates: what the compact code does not foretell linearly, along the principal axes of the channels.

    Args:
        shape: (C, h, w) of the spatial code.
        compact_dim: length D of the compact code.
        compact_rank: principal axes of the compact codes that foretell the spatial one.
        num_attributes: attributes that the Gaussian of the compact codes knows.
    """

    mean: torch.Tensor
    basis: torch.Tensor
    spread: torch.Tensor
    fault_spread: torch.Tensor
    centre: torch.Tensor
    centre_axes: torch.Tensor

    def __init__(self, shape: tuple[int, int, int], compact_dim: int, compact_rank: int, num_attributes: int) -> None:
        super().__init__()
        channels = shape[0]
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("basis", torch.eye(channels))
        self.register_buffer("spread", torch.ones(channels))
        self.register_buffer("fault_spread", torch.ones(channels))
        self.register_buffer("centre", torch.zeros(shape))
        self.register_buffer("centre_axes", torch.zeros(compact_rank, *shape))
        self.compact_codes = CompactGaussian(compact_dim, compact_rank, num_attributes)

    @torch.no_grad()
    def fit(self, spatial: torch.Tensor, compact: torch.Tensor, partner: torch.Tensor) -> None:
        """Set the working coordinates and the Gaussian of the compact codes.

        The axes are the principal ones of the channels, scaled half way (in log) between plain and whitened, so that
        strong axes stay somewhat stronger. The centre of the codes is a ridge regression on the compact code.

        Args:
            spatial: (N, C, h, w) codes.
            compact: (N, D) unit vectors.
            partner: (N, C, h, w) codes of other people in the same geometry.
        """
        self._fit_axes(spatial[:: max(1, len(spatial) // 2000)])
        self.compact_codes.fit(compact)
        scores, rank = self.compact_codes.scores(compact), len(self.centre_axes)
        design = torch.cat([scores, torch.ones(len(scores), 1)], 1)
        parts = list(zip(torch.split(design, 512), torch.split(spatial, 512), strict=True))
        products = torch.stack([d.T @ self._turned(x).flatten(1) for d, x in parts]).sum(0)
        ridge = RIDGE * len(scores) * torch.eye(rank + 1)
        ridge[rank, rank] = 0.0
        solved = torch.linalg.solve(design.T @ design + ridge, products).unflatten(1, self.centre.shape)
        self.centre.copy_(solved[rank])
        self.centre_axes.copy_(solved[:rank])
        few = slice(None, None, max(1, len(spatial) // 2000))
        u, other = (self.to_working(x[few], compact[few]) for x in (spatial, partner))
        self.spread.copy_(u.square().mean((0, 2, 3)).sqrt())
        self.fault_spread.copy_((other - u).square().mean((0, 2, 3)).sqrt() / 2)

    def _fit_axes(self, spatial: torch.Tensor) -> None:
        vectors = spatial.float().permute(0, 2, 3, 1).flatten(0, 2)
        variance, axes = torch.linalg.eigh(torch.cov(vectors.T))
        deviation = variance.clamp_min(1e-8).sqrt()
        self.mean.copy_(vectors.mean(0))
        self.basis.copy_(axes * (deviation * deviation.mean()).sqrt())  # the mean variance becomes 1

    def expected(self, compact: torch.Tensor | None) -> torch.Tensor:
        """Return where the compact code puts the centre of the codes, (B, C, h, w), or (1, C, h, w) without one."""
        if compact is None:
            return self.centre.unsqueeze(0)
        with torch.autocast(compact.device.type, enabled=False):
            foretold: torch.Tensor = self.centre + torch.tensordot(
                self.compact_codes.scores(compact), self.centre_axes, 1
            )
            return foretold

    def to_working(self, spatial: torch.Tensor, compact: torch.Tensor | None) -> torch.Tensor:
        """Bring a spatial code (B, C, h, w) to working coordinates, those of its compact code (B, D) or of None."""
        return self._turned(spatial) - self.expected(compact)

    def from_working(self, u: torch.Tensor, compact: torch.Tensor | None) -> torch.Tensor:
        """Undo `to_working`."""
        return turn_channels(u + self.expected(compact), self.basis) + self.mean.view(-1, 1, 1)

    def _turned(self, spatial: torch.Tensor) -> torch.Tensor:
        return turn_channels(spatial - self.mean.view(-1, 1, 1), torch.linalg.inv(self.basis))
