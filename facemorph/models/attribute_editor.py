"""What attributes do to a face: to its landmarks, and to the autoencoder's codes in a given geometry.

A bilinear model, fitted in closed form (`training.editor.fit`), after the prototypes of Burt & Perrett (1995)
and the bilinear models of Freeman & Tenenbaum (1997): each attribute has a direction, which depends on the geometry and
on who the face is. All attributes are fitted together, so each direction is what one of them adds to all others.

Convention: attributes are (B, K) in [-1, 1], -1 the opposite, in the order of `config.attributes`. Points are
(B, 68, 2) (x, y), parts of the crop's side.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from facemorph import checkpoint
from facemorph.models.blocks import Downsample, Upsample, stack

NUM_LANDMARKS = 68
NUM_COLOUR, NUM_SKIN = 4, 3
"""Numbers of a part's colour and of the skin's, as `facemorph.edit.tint` measures them."""
POOLED = 4
"""Side of the grid that codes are averaged to for reading attributes."""
FULL_REFINEMENT = 0.5
"""Change of an attribute from which on the network refines in full."""


@dataclass(frozen=True)
class AttributeEditorConfig:
    """Sizes of an `AttributeEditor`.

    Attributes:
        attributes: names of all K attributes it was fitted with.
        offered: those that are good enough to be edited.
        gains: by how much each of the K changes of codes and tints is exaggerated, against what noisy labels take away.
        latent_channels: channels of the spatial code.
        latent_size: its side.
        compact_dim: length of the compact code.
        shape_rank: principal axes of the landmarks that directions depend on.
        identity_rank: principal axes of the compact code that directions depend on.
        widths: channels of the refining network at the code's side and at half of it.
    """

    attributes: tuple[str, ...] = ("smile",)
    offered: tuple[str, ...] = ("smile",)
    gains: tuple[float, ...] = (1.0,)
    latent_channels: int = 32
    latent_size: int = 16
    compact_dim: int = 512
    shape_rank: int = 6
    identity_rank: int = 8
    widths: tuple[int, int] = (96, 128)

    def __post_init__(self) -> None:
        if not self.attributes or len(self.gains) != len(self.attributes):
            raise ValueError("attributes and gains must be equally many, one at least")
        if missing := set(self.offered) - set(self.attributes):
            raise ValueError(f"offered attributes {sorted(missing)} are not among the attributes")
        if min(self.latent_channels, self.latent_size, self.compact_dim, self.shape_rank, self.identity_rank) < 1:
            raise ValueError("sizes and ranks must be positive")


class Refinement(nn.Module):
    """(B, 2 · C + 2 · K, h, w): code, what the directions add, change and present attributes → (B, C, h, w) to add."""

    def __init__(self, config: AttributeEditorConfig) -> None:
        super().__init__()
        fine, coarse = config.widths
        inputs = 2 * config.latent_channels + 2 * len(config.attributes)
        self.stem = nn.Conv2d(inputs, fine, 3, padding=1)
        self.first = stack(fine, 2)
        self.middle = nn.Sequential(Downsample(fine, coarse), *stack(coarse, 3), nn.ReLU(), Upsample(coarse, fine))
        self.last = stack(fine, 2)
        self.out = nn.Conv2d(fine, config.latent_channels, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what to add to the normalised code."""
        h = self.first(self.stem(x))
        added: torch.Tensor = self.out(self.last(h + self.middle(h)).relu())
        return added


class AttributeEditor(nn.Module):
    """Directions of attributes in landmarks and codes, and a reading of what a face has already."""

    shape_mean: torch.Tensor
    shape_axes: torch.Tensor
    moves: torch.Tensor
    compact_mean: torch.Tensor
    identity_axes: torch.Tensor
    identity_given: torch.Tensor
    directions: torch.Tensor
    tints: torch.Tensor
    code_mean: torch.Tensor
    code_std: torch.Tensor
    reading: torch.Tensor
    reading_bias: torch.Tensor
    calibration: torch.Tensor

    def __init__(self, config: AttributeEditorConfig) -> None:
        super().__init__()
        self.config = config
        count, code = len(config.attributes), config.latent_channels * config.latent_size**2
        pooled = config.compact_dim + config.latent_channels * POOLED**2
        dependent = 1 + config.shape_rank + config.identity_rank
        self.register_buffer("shape_mean", torch.zeros(2 * NUM_LANDMARKS))
        self.register_buffer("shape_axes", torch.zeros(2 * NUM_LANDMARKS, config.shape_rank))
        self.register_buffer("moves", torch.zeros(count, 2, NUM_LANDMARKS, 2))
        self.register_buffer("compact_mean", torch.zeros(config.compact_dim))
        self.register_buffer("identity_axes", torch.zeros(config.compact_dim, config.identity_rank))
        self.register_buffer("identity_given", torch.zeros(count + 1, config.identity_rank))
        self.register_buffer("directions", torch.zeros(count, dependent, code, dtype=torch.float16))
        self.register_buffer("tints", torch.zeros(count, 2, 1 + NUM_SKIN, NUM_COLOUR))
        self.register_buffer("code_mean", torch.zeros(config.latent_channels, 1, 1))
        self.register_buffer("code_std", torch.ones(config.latent_channels, 1, 1))
        self.refinement = Refinement(config)
        self.register_buffer("reading", torch.zeros(pooled, count))
        self.register_buffer("reading_bias", torch.zeros(count))
        self.register_buffer("calibration", torch.tensor([[1.0, 0.0]]).repeat(count, 1))

    @classmethod
    def from_checkpoint(cls, folder: Path) -> AttributeEditor:
        """Load a fitted model.

        Raises:
            CheckpointError: a file is missing, damaged or does not fit.
        """
        return checkpoint.load_model(folder, cls, AttributeEditorConfig)

    def present(self, spatial: torch.Tensor, compact: torch.Tensor) -> torch.Tensor:
        """Read how far faces have each attribute, (B, K) in [-1, 1], from (B, C, h, w) and (B, D) codes."""
        return (reading_features(spatial, compact) @ self.reading + self.reading_bias).clamp(-1, 1)

    def likely(self, present: torch.Tensor) -> torch.Tensor:
        """Return what (B, K) readings of `present` mean, (B, K) in [-1, 1].

        A regression reads what few have as if nobody had it; here those who have it and those who lack it read as much
        above 0 as below.
        """
        return (self.calibration[:, 0] * present + self.calibration[:, 1]).clamp(-1, 1)

    def move(self, change: torch.Tensor) -> torch.Tensor:
        """Return by how much landmarks move, (B, 68, 2) parts of the side, under (B, K) changes of attributes.

        Less of an attribute may move them otherwise than more: young faces grow, old ones sag.
        """
        sides = torch.stack([change.clamp(max=0), change.clamp(min=0)], 2)
        return torch.einsum("bks,ksnd->bnd", sides, self.moves)

    def change_code(
        self,
        spatial: torch.Tensor,
        compact: torch.Tensor,
        points: torch.Tensor,
        present: torch.Tensor,
        change: torch.Tensor,
    ) -> torch.Tensor:
        """Return the spatial code under a change of attributes, in the geometry that it has.

        Args:
            spatial: (B, C, h, w), of the face warped to `points`.
            compact: (B, D) unit vectors.
            points: (B, 68, 2), where the landmarks are.
            present: (B, K) in [-1, 1], the attributes before.
            change: (B, K), added to them.

        Returns:
            (B, C, h, w); exactly `spatial` where nothing is to change.
        """
        one = torch.ones_like(present[:, :1])
        depends = torch.cat([one, self.shape_scores(points), self.identity_scores(compact, present)], 1)
        weights = self._exaggerated(change).unsqueeze(2) * depends.unsqueeze(1)
        added = (weights.flatten(1) @ self.directions.flatten(0, 1).float()).reshape(spatial.shape)
        return spatial + added + self.refine(spatial, added, present, change)

    def tint(self, change: torch.Tensor, column: int, colour: torch.Tensor, skin: torch.Tensor) -> torch.Tensor:
        """Return the colour of a part of the head as an attribute makes it.

        Args:
            change: (B, K), added to the attributes.
            column: which of them.
            colour: (B, 4) of the part, as `facemorph.edit.tint` measures it.
            skin: (B, 3) of the skin, the first three of its colour.

        Returns:
            (B, 4): part of the way to how people with that skin, in that light, look with the attribute, or without it;
            a change of 2 goes all the way.
        """
        lacking, having = (F.pad(skin, (1, 0), value=1.0) @ side for side in self.tints[column])
        beyond = (self.config.gains[column] - 1) / 2 * (having - lacking)
        goal = torch.where(change[:, column, None] > 0, having + beyond, lacking - beyond)
        return torch.lerp(colour, goal, change[:, column, None].abs().clamp(0, 2) / 2)

    def refine(
        self, spatial: torch.Tensor, added: torch.Tensor, present: torch.Tensor, change: torch.Tensor
    ) -> torch.Tensor:
        """Return what the network adds to the directions, (B, C, h, w); 0 where nothing is to change."""
        maps = torch.cat([present, change], 1)[:, :, None, None].expand(-1, -1, *spatial.shape[-2:])
        x = torch.cat([(spatial - self.code_mean) / self.code_std, added / self.code_std, maps.to(spatial.dtype)], 1)
        gate = (change.abs().amax(1) / FULL_REFINEMENT).clamp(0, 1).reshape(-1, 1, 1, 1)
        refined: torch.Tensor = gate * self.code_std * self.refinement(x).float()
        return refined

    def shape_scores(self, points: torch.Tensor) -> torch.Tensor:
        """Return (B, shape_rank) principal scores of landmarks, of unit variance."""
        return ((points.float().flatten(1) - self.shape_mean) @ self.shape_axes).clamp(-2.5, 2.5)

    def identity_scores(self, compact: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Return (B, identity_rank) scores of the compact code, freed (linearly) of what the attributes foretell."""
        foretold = F.pad(present, (0, 1), value=1.0) @ self.identity_given
        return ((compact - self.compact_mean) @ self.identity_axes - foretold).clamp(-2.5, 2.5)

    def _exaggerated(self, change: torch.Tensor) -> torch.Tensor:
        return change * torch.tensor(self.config.gains, device=change.device)


def reading_features(spatial: torch.Tensor, compact: torch.Tensor) -> torch.Tensor:
    """Return what attributes are read from, (B, D + C · POOLED²)."""
    unit = compact * compact.shape[1] ** 0.5
    return torch.cat([unit, F.adaptive_avg_pool2d(spatial, POOLED).flatten(1)], 1)
