"""From two aligned faces to the frames between them. Knows tensors, not photos, files or models."""

from facemorph.morph.compose import Pair, compose, join
from facemorph.morph.endpoint import Endpoint, prepare
from facemorph.morph.frames import choose_alphas, probe, render_frames
from facemorph.morph.geometry import Positions, landmarks_at, positions
from facemorph.morph.maps import resize
from facemorph.morph.mattes import classify
from facemorph.morph.turn import turn

__all__ = [
    "Endpoint",
    "Pair",
    "Positions",
    "choose_alphas",
    "classify",
    "compose",
    "join",
    "landmarks_at",
    "positions",
    "prepare",
    "probe",
    "render_frames",
    "resize",
    "turn",
]
