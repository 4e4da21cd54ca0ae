"""From two aligned faces to the frames between them. Knows tensors, not photos, files or models."""

from facemorph.morph.frames import (
    Endpoint,
    Interpolation,
    Positions,
    Quality,
    choose_alphas,
    landmarks_at,
    pictures,
    positions,
    prepare,
    probe,
    render_frames,
)
from facemorph.morph.maps import resize

__all__ = [
    "Endpoint",
    "Interpolation",
    "Positions",
    "Quality",
    "choose_alphas",
    "landmarks_at",
    "pictures",
    "positions",
    "prepare",
    "probe",
    "render_frames",
    "resize",
]
