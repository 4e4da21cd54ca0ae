"""FaceMorph: turn one face into another with an autoencoder."""

from facemorph.align import AlignedFace
from facemorph.errors import FaceMorphError
from facemorph.pipeline import FaceMorpher
from facemorph.result import Morph

__all__ = ["AlignedFace", "FaceMorphError", "FaceMorpher", "Morph"]
