"""The mean head: 68 points and a dense surface that every face is fitted with.

Convention: the head's own frame has x to the viewer's right, y downwards and z towards the viewer, its unit is the
distance between the eye centres, its origin lies halfway between them. The frame is upright where the corners of the
mouth are as far in front as the eyes. The head is symmetric: x and -x.
The surface is a grid that seen from one centre inside the head has one point in every direction: rows run from the
forehead (0) down below the chin, columns from the viewer's left (0) to the right; column j mirrors column -1 - j.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from facemorph import checkpoint

FloatArray = npt.NDArray[np.float32]

FOLDER = checkpoint.CHECKPOINTS / "head"
STIFFNESS = 0.004
"""Of the spline that carries the surface along with the 68 points: 0 would meet each of them exactly."""


@dataclass(frozen=True)
class HeadConfig:
    """What shapes a `HeadModel`.

    Attributes:
        rows, columns: of the surface's grid.
    """

    rows: int = 121
    columns: int = 121

    def __post_init__(self) -> None:
        if self.rows < 2 or self.columns < 3 or self.columns % 2 == 0:
            raise ValueError(f"the grid needs 2 rows and an odd number of columns, not {self.rows} × {self.columns}")


class HeadModel(nn.Module):
    """The head as a checkpoint holds it."""

    points: torch.Tensor
    surface: torch.Tensor
    front: torch.Tensor

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("points", torch.zeros(68, 3))
        self.register_buffer("surface", torch.zeros(config.rows, config.columns, 3))
        self.register_buffer("front", torch.zeros(config.rows, config.columns))


@dataclass(frozen=True)
class Head:
    """A mean head; arrays are not written to.

    Attributes:
        points: (68, 3) float32, iBUG order.
        surface: (rows, columns, 3) float32.
        front: (rows, columns) float32 in [0, 1], 1 on the face and the cheeks up to the ears, 0 where hair, ears and
            neck are, which the surface only rounds off.
    """

    points: FloatArray
    surface: FloatArray
    front: FloatArray

    @cached_property
    def triangles(self) -> npt.NDArray[np.int32]:
        """(T, 3) vertices of the grid, row by row, of each triangle; clockwise to the viewer where it faces them."""
        rows, columns = self.surface.shape[:2]
        corner = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
        a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]
        return np.stack([np.stack([a, b, d], -1), np.stack([a, d, c], -1)], 2).reshape(-1, 3)

    @cached_property
    def spread(self) -> FloatArray:
        """(rows · columns, 68): how far each vertex goes along where each of the 68 points moves.

        A spline with the kernel |r| and a constant (Wahba 1990, section 2.4), smoothed by `STIFFNESS`.
        """
        points = self.points.astype(np.float64)
        kernel = np.linalg.norm(points[:, None] - points, axis=-1)
        system = np.ones((69, 69))
        system[:68, :68], system[68, 68] = kernel - STIFFNESS * np.eye(68), 0.0
        coefficients = np.linalg.inv(system)[:, :68].astype(np.float32)
        vertices = self.surface.reshape(-1, 3)
        squared = (vertices**2).sum(1)[:, None] + (self.points**2).sum(1) - 2 * vertices @ self.points.T
        return np.asarray(np.sqrt(np.maximum(squared, 0.0)) @ coefficients[:68] + coefficients[68])

    @cached_property
    def coarse(self) -> Head:
        """The same head with every other row and column of the grid."""
        return Head(self.points, self.surface[::2, ::2].copy(), self.front[::2, ::2].copy())


def load_head(folder: Path = FOLDER) -> Head:
    """Load the head that comes with the project, or another.

    Raises:
        CheckpointError: a file is missing, damaged or does not fit.
    """
    model = checkpoint.load_model(folder, HeadModel, HeadConfig)
    return Head(model.points.numpy(), model.surface.numpy(), model.front.numpy())
