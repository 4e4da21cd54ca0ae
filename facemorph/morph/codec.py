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

    def classes(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, s, s) in [0, 1] → (B, 19, m, m) in [0, 1], how likely each place shows each class."""


class MorphCodec(Codec, Protocol):
    """What a morph needs besides."""

    def repair(self, spatial: torch.Tensor, compact: torch.Tensor | None, divided: torch.Tensor) -> torch.Tensor:
        """Spatial codes (B, C, h, w) of two photos → of one, where `divided` (B, 1, h, w) in [0, 1] is above 0."""

    def change(self, frames: torch.Tensor) -> torch.Tensor:
        """(T, 3, s, s) in [0, 1] → (T - 1,), how much the eye sees change from frame to frame."""
