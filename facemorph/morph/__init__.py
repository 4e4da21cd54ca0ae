"""From two aligned faces to the frames between them. Knows tensors, not photos, files or models."""

from facemorph.morph.frames import Codec, Endpoint, Interpolation, choose_alphas, prepare, render_frames, resize

__all__ = ["Codec", "Endpoint", "Interpolation", "choose_alphas", "prepare", "render_frames", "resize"]
