"""Photo → AlignedFace: find the face, mark its 68 landmarks, cut an upright crop."""

from facemorph.align.aligner import Aligner
from facemorph.align.face import AlignedFace, DetectedFace, check_faces
from facemorph.align.landmarks import LandmarkNetwork, canonical_landmarks, load_landmark_network, mirrored

__all__ = [
    "AlignedFace",
    "Aligner",
    "DetectedFace",
    "LandmarkNetwork",
    "canonical_landmarks",
    "check_faces",
    "load_landmark_network",
    "mirrored",
]
