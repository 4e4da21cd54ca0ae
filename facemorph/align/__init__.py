"""Photo → AlignedFace: find the face, mark its 68 landmarks, cut an upright crop."""

from facemorph.align.aligner import Aligner
from facemorph.align.face import AlignedFace, DetectedFace

__all__ = ["AlignedFace", "Aligner", "DetectedFace"]
