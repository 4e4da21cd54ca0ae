"""Landmarks drawn on a crop, for people to check the alignment."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

OVERSAMPLING = 4
INK, OUTLINE = (64, 224, 120), (12, 40, 24)


def draw_landmarks(image: npt.NDArray[np.uint8], landmarks: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Mark every landmark with a small disc.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks: (N, 2) float32 (x, y) in its pixels, origin at the centre of the top-left pixel.

    Returns:
        (H, W, 3) uint8 RGB, a new picture.
    """
    height, width = image.shape[:2]
    radius = max(1.5, max(height, width) / 200)
    size = (width * OVERSAMPLING, height * OVERSAMPLING)
    discs = Image.new("RGBA", size, (*INK, 0))  # drawn larger and reduced, because PIL does not smooth edges
    draw = ImageDraw.Draw(discs)
    for x, y in (landmarks + 0.5) * OVERSAMPLING:
        for colour, reach in ((OUTLINE, 1.5 * radius * OVERSAMPLING), (INK, radius * OVERSAMPLING)):
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=(*colour, 255))
    reduced = discs.reduce(OVERSAMPLING)
    return np.asarray(Image.alpha_composite(Image.fromarray(image).convert("RGBA"), reduced).convert("RGB"))
