"""From two aligned faces to the frames between them. Knows tensors, not photos, files or models."""

from facemorph.morph.frames import (
    Codec,
    Endpoint,
    Interpolation,
    Positions,
    Quality,
    choose_alphas,
    pictures,
    positions,
    prepare,
    probe,
    render_frames,
    resize,
)

__all__ = [
    "Codec",
    "Endpoint",
    "Interpolation",
    "Positions",
    "Quality",
    "choose_alphas",
    "pictures",
    "positions",
    "prepare",
    "probe",
    "render_frames",
    "resize",
]
