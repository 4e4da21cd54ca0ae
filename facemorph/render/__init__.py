"""Frames to files: GIF, WebP, MP4, the strip, and single pictures."""

from facemorph.render.destination import STILL_SUFFIXES, SUFFIXES, check_path
from facemorph.render.landmarks import draw_landmarks
from facemorph.render.options import MAX_FPS, MAX_HOLD, MIN_FPS, RenderedFile, RenderOptions
from facemorph.render.still import save_still
from facemorph.render.timeline import timeline
from facemorph.render.writer import render

__all__ = [
    "MAX_FPS",
    "MAX_HOLD",
    "MIN_FPS",
    "STILL_SUFFIXES",
    "SUFFIXES",
    "RenderOptions",
    "RenderedFile",
    "check_path",
    "draw_landmarks",
    "render",
    "save_still",
    "timeline",
]
