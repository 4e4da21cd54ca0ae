"""The networks as `facemorph.morph` uses them: tensors in, tensors out."""

from __future__ import annotations

from typing import Protocol

import torch


class Codec(Protocol):
    """The autoencoder and the mask: what any picture of a face needs."""

    image_size: int

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(B, 3, s, s) in [0, 1] → spatial (B, C, h, w) and compact (B, D) code; None where there is no such code."""

    def decode(self, spatial: torch.Tensor, compact: torch.Tensor | None) -> torch.Tensor:
        """Codes → (B, 3, s, s) in about [0, 1]."""

    def parts(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, s, s) in [0, 1] → (B, 2, m, m) in [0, 1], where the person and where the person's hair is."""


class MorphCodec(Codec, Protocol):
    """What a morph needs besides."""

    def repair(self, spatial: torch.Tensor, compact: torch.Tensor | None, divided: torch.Tensor) -> torch.Tensor:
        """Spatial codes (B, C, h, w) of two photos → of one, where `divided` (B, 1, h, w) in [0, 1] is above 0."""

    def change(self, frames: torch.Tensor) -> torch.Tensor:
        """(T, 3, s, s) in [0, 1] → (T - 1,), how much the eye sees change from frame to frame."""


class EditCodec(Codec, Protocol):
    """What an edit needs besides; K attributes, points in parts of the side."""

    def move(self, change: torch.Tensor) -> torch.Tensor:
        """(B, K) changes of attributes → (B, 68, 2), by how much landmarks move."""

    def changed(
        self, x: torch.Tensor, points: torch.Tensor, present: torch.Tensor, change: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures (B, 3, s, s) in the geometry of `points` → decoded as they are, and with changed attributes."""

    def tint(self, change: torch.Tensor, column: int, colour: torch.Tensor, skin: torch.Tensor) -> torch.Tensor:
        """Colours of a part (B, 4) and of the skin (B, 3), of `morph.tint` → of the part as (B, K) changes make it."""
