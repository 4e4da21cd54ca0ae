"""One photo, turned: it goes to the pose of a second end that is the same head, turned, and keeps its appearance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from facemorph.head import HeadFit
from facemorph.head.fit import rotations
from facemorph.morph.compose import compose, join
from facemorph.morph.endpoint import Endpoint
from facemorph.morph.geometry import positions
from facemorph.morph.views import EYES, TexturedHead


def turn(end: Endpoint, yaw: float, pitch: float, parts: torch.Tensor, at_once: int) -> torch.Tensor | None:
    """Turn the head of a photo; the eyes' middle stays where it is.

    Args:
        end: the photo.
        yaw: degrees, positive to the viewer's right.
        pitch: degrees, positive upwards.
        parts: (T,) in [-1, 1], what part of that each frame is turned by; 0 is the photo.
        at_once: how many frames are rendered together.

    Returns:
        (T, 3, S, S) in [0, 1]; None where no head explains the photo.
    """
    if end.textured is None:
        return None
    frames = end.crop.expand(len(parts), -1, -1, -1).clone()
    for side in (-1.0, 1.0):
        chosen = (parts * side > 0).nonzero().flatten()
        if len(chosen) == 0:
            continue
        pair = join(end, _turned(end, end.textured, side * yaw, side * pitch))
        for start in range(0, len(chosen), at_once):
            some = chosen[start : start + at_once]
            at = positions(parts[some].abs(), appearance=0.0)
            frames[some] = compose(pair, at).picture.clamp(0, 1)
    return frames


def _turned(end: Endpoint, textured: TexturedHead, yaw: float, pitch: float) -> Endpoint:
    """Return the same photo on its head, in another pose."""
    fit, eyes = textured.fit, textured.own.points[EYES].mean(0)
    pose = fit.pose
    angles = pose.yaw + yaw, pose.pitch + pitch, pose.roll
    rotation = rotations(*(np.array([angle]) for angle in angles))[0]
    place = fit.project(eyes)[:2] - fit.scale * (rotation @ eyes)[:2]
    return replace(end, textured=replace(textured, fit=HeadFit(rotation, fit.scale, place, fit.rest, told=True)))
