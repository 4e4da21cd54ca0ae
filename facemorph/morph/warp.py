"""The warp that brings both photos to one geometry: a thin-plate spline with smoothing over the landmarks.

Convention: points are (N, 2) (x, y) as parts of the crop's side, (0, 0) its top left corner and (1, 1) its bottom right
one. Flows are backward: the output at p shows the input at p + flow(p). Sampling is bicubic, `align_corners=False`, the
border is repeated.
"""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

SMOOTHING = 1e-4
"""Weight of the bending energy; keeps the warp from folding where landmarks crowd."""
BORDER_POINTS = 9
"""Fixed points along each side of the crop, corners included."""
FLOW_SIZE = 32
"""The spline is evaluated on a grid of this side and enlarged: it is smooth."""
MIDDLE_SIZE = 96
"""Bicubic up to this side, bilinear from there."""


def control_points(landmarks: npt.NDArray[np.float32], size: int) -> torch.Tensor:
    """Return the landmarks of a crop and the fixed points on its border.

    Args:
        landmarks: (68, 2) float32 (x, y) in pixels of the crop.
        size: side of the crop in pixels.

    Returns:
        (68 + 4 · (BORDER_POINTS - 1), 2) float64, as parts of the side.
    """
    return torch.cat([(torch.from_numpy(landmarks).double() + 0.5) / size, border_points()])


def border_points() -> torch.Tensor:
    """Return the fixed points on the border of a crop, (4 · (BORDER_POINTS - 1), 2) float64, parts of the side."""
    along = torch.linspace(0, 1, BORDER_POINTS, dtype=torch.float64)[:-1]
    zero, one = torch.zeros_like(along), torch.ones_like(along)
    border = [(along, zero), (one, along), (1 - along, one), (zero, 1 - along)]
    return torch.cat([torch.stack(pair, 1) for pair in border])


def thin_plate_kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return r² log r between all points of (..., N, 2) and (..., M, 2), (..., N, M)."""
    squared = (a.unsqueeze(-2) - b.unsqueeze(-3)).square().sum(-1)
    kernel: torch.Tensor = 0.5 * torch.xlogy(squared, squared.clamp_min(1e-20))
    return kernel


def fit_thin_plate(points: torch.Tensor, values: torch.Tensor, smoothing: float = SMOOTHING) -> torch.Tensor:
    """Fit smoothing thin-plate splines (Duchon 1977; Wahba 1990, section 2.4).

    Args:
        points: (B, N, 2) float64, where the values are known.
        values: (B, N, D) float64.
        smoothing: 0 interpolates; larger values bend less.

    Returns:
        (B, N + 3, D) coefficients: of the N kernels, then of 1, x and y.
    """
    batch, count, _ = points.shape
    polynomial = torch.cat([torch.ones_like(points[..., :1]), points], -1)
    system = points.new_zeros(batch, count + 3, count + 3)
    system[:, :count, :count] = thin_plate_kernel(points, points)
    system[:, :count, :count] += smoothing * torch.eye(count, dtype=points.dtype)
    system[:, :count, count:] = polynomial
    system[:, count:, :count] = polynomial.transpose(1, 2)
    coefficients: torch.Tensor = torch.linalg.solve(system, F.pad(values, (0, 0, 0, 3)))
    return coefficients


def evaluate_thin_plate(points: torch.Tensor, coefficients: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
    """Evaluate splines fitted over (B, N, 2) `points` at (Q, 2) `queries`; (B, Q, D)."""
    kernel = thin_plate_kernel(queries.expand(len(points), -1, -1), points)
    polynomial = torch.cat([torch.ones_like(queries[:, :1]), queries], 1)
    values: torch.Tensor = kernel @ coefficients[:, :-3] + polynomial @ coefficients[:, -3:]
    return values


def backward_flows(points: torch.Tensor, *source_points: torch.Tensor) -> list[torch.Tensor]:
    """Return smooth flows that make the output show at `points` what each input shows at its `source_points`.

    Args:
        points: (B, N, 2) float64, in the output.
        source_points: (N, 2) or (B, N, 2) float64, one tensor for each input.

    Returns:
        For each input (B, 2, FLOW_SIZE, FLOW_SIZE) float32, parts of the side, on the centres of a grid.
    """
    moves = torch.cat([(source - points) for source in source_points], -1)
    coefficients = fit_thin_plate(points, moves)
    flow = evaluate_thin_plate(points.float(), coefficients.float(), cell_centres(FLOW_SIZE))
    return list(flow.transpose(1, 2).reshape(len(points), -1, FLOW_SIZE, FLOW_SIZE).chunk(len(source_points), dim=1))


def warp(x: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Sample pictures along backward flows, bicubic.

    Args:
        x: (1, C, S, S) or (B, C, S, S).
        flow: (B, 2, g, g), parts of the side.

    Returns:
        (B, C, S, S); exactly `x` where the flow is 0.
    """
    return Sampler(flow)(x)


class Sampler:
    """Samples pictures and maps of any size along the same backward flows (B, 2, g, g), parts of the side.

    Attributes:
        flow: (B, 2, MIDDLE_SIZE, MIDDLE_SIZE), the same flows.
    """

    def __init__(self, flow: torch.Tensor) -> None:
        self.flow = flow
        if flow.shape[-1] != MIDDLE_SIZE:
            self.flow = F.interpolate(flow, size=(MIDDLE_SIZE, MIDDLE_SIZE), mode="bicubic", align_corners=False)
        self._grids: dict[int, torch.Tensor] = {}

    def after(self, shift: torch.Tensor) -> Sampler:
        """Return a sampler along these flows, followed by others, (B, 2, g, g)."""
        other = Sampler(shift)
        return Sampler(other(self.flow, "bilinear") + other.flow)

    def only(self, chosen: torch.Tensor) -> Sampler:
        """Return a sampler along those flows that are chosen, (B,) bool."""
        return Sampler(self.flow[chosen])

    def __call__(self, x: torch.Tensor, mode: Literal["bicubic", "bilinear"] = "bicubic") -> torch.Tensor:
        """Return (B, C, S, S) of (1, C, S, S) or (B, C, S, S); exactly `x` where the flow is 0."""
        size = x.shape[-1]
        if size not in self._grids:
            dense = F.interpolate(self.flow, size=(size, size), mode="bilinear", align_corners=False)
            places = dense.permute(0, 2, 3, 1) + cell_centres(size).reshape(1, size, size, 2)
            self._grids[size] = 2 * places - 1
        grid = self._grids[size].to(x.dtype)
        wide = x.expand(len(grid), -1, -1, -1)
        return F.grid_sample(wide, grid, mode=mode, padding_mode="border", align_corners=False)


@functools.cache
def cell_centres(size: int) -> torch.Tensor:
    """Return the centres of the cells of a size × size grid, (size², 2) (x, y), as parts of the side."""
    ticks = (torch.arange(size) + 0.5) / size
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    return torch.stack([x, y], -1).reshape(-1, 2)
