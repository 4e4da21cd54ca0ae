"""FaceMorph: turn one face into another with an autoencoder."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from facemorph.errors import FaceMorphError

if TYPE_CHECKING:
    from facemorph.align import AlignedFace
    from facemorph.pipeline import FaceMorpher
    from facemorph.result import Morph

__all__ = ["AlignedFace", "FaceMorphError", "FaceMorpher", "Morph"]

HOMES = {"AlignedFace": "facemorph.align", "FaceMorpher": "facemorph.pipeline", "Morph": "facemorph.result"}
"""Imported when they are asked for: with them comes torch, which the command line needs only once all is right."""


def __getattr__(name: str) -> object:
    if name not in HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
