"""Chance in how a portrait is shown: place, size, tilt, mirror, light and damage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from training.data.degrade import degrade
from training.parts.labels import FloatArray
from training.parts.portraits import CROP_PART, View

SCALE, TILT, SHIFT, STRETCH = 0.09, 0.13, 0.04, 0.03
"""Standard deviations: log scale, radians, parts of the side, log aspect."""
LIMIT = 2.2
"""Standard deviations beyond which nothing is drawn."""


def draw_matrix(canvas: int, side: int, rng: np.random.Generator) -> FloatArray:
    """Draw a (2, 3) view_from_canvas about the canonical crop, mirrored in half of the cases.

    Args:
        canvas: side of the canvas in pixels.
        side: side of the view in pixels.
        rng: where chance comes from.
    """
    scale, tilt, stretch, dx, dy = rng.normal(0, 1, 5).clip(-LIMIT, LIMIT) * (SCALE, TILT, STRETCH, SHIFT, SHIFT)
    zoom = side / (canvas * CROP_PART) * np.exp(scale)
    cos, sin = np.cos(tilt), np.sin(tilt)
    turned = zoom * np.array([[cos, -sin], [sin, cos]]) @ np.diag([np.exp(stretch), np.exp(-stretch)])
    if rng.random() < 0.5:
        turned = turned @ np.diag([-1.0, 1.0])
    target = (side - 1) / 2 + side * np.array([dx, dy])
    return np.column_stack([turned, target - turned @ np.full(2, (canvas - 1) / 2)]).astype(np.float32)


def light_from_side(view: View, rng: np.random.Generator) -> View:
    """Light a view from one side, harder or softer, in a slightly different colour on the other."""
    side = len(view.image)
    y, x = np.mgrid[:side, :side].astype(np.float32) / (side - 1) - 0.5
    angle, width = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.6)
    ramp = np.tanh((x * np.cos(angle) + y * np.sin(angle) + rng.uniform(-0.2, 0.2)) / width)
    gain = np.exp(rng.uniform(0.2, 0.7) * ramp[..., None] * rng.uniform(0.8, 1.2, 3))
    return replace(view, image=(view.image * gain).clip(0, 255).astype(np.uint8))


def spoil(view: View, rng: np.random.Generator) -> View:
    """Change light, colours and sharpness as photos differ; the labels stay."""
    if rng.random() < 0.25:
        view = light_from_side(view, rng)
    return replace(view, image=degrade(view.image, rng))
