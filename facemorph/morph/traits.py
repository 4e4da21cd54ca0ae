"""What decides when a face changes hands: its turn, glasses, beard, skin, sharpness, and what hides it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

STRIP = (40, 64)
"""Rows and columns of the strip over the eyes."""
STRIP_SPAN = ((-0.45, 0.75), (-1.0, 1.0))
"""What the strip covers down and across, in distances between the eyes from the point between them."""
NO_GLASSES, GLASSES = 0.14, 0.22
"""Strength of edges below the eyes and on the bridge of the nose: most bare faces lie below the first, most with
glasses above the second (chosen on training people by CelebA's labels)."""
TOLD = 0.006
"""Part of a crop that glasses fill at least."""
SHADE, DARKEST = 0.15, 0.4
"""How much darker than the cheeks a chin may be by shade, and what is a beard for sure."""
INNER = slice(17, 68)
"""Landmarks of the inner face."""


@dataclass(frozen=True)
class Traits:
    """What a face is like, as far as ownership asks.

    Attributes:
        turn: how much wider the right half of the face is than the left, of both together, in [-1, 1].
        glasses: how sure it is that it wears glasses, in [0, 1].
        beard: how much darker chin and upper lip are than the cheeks, in [0, 1].
        hidden: how much of the inner face lies under hair or a hat, in [0, 1].
        skin: mean red, green and blue of the skin in [0, 1]; nothing where none is seen.
        sharpness: of the inner face: mean difference of its pixels from those around them, in [0, 1].
        gape: how far the lips are apart, in widths of the mouth.
    """

    turn: float
    glasses: float
    beard: float
    hidden: float
    skin: tuple[float, ...]
    sharpness: float
    gape: float


def read(
    crop: torch.Tensor,
    landmarks: npt.NDArray[np.float32],
    seen: npt.NDArray[np.float32],
    bearded: float,
    skin: tuple[float, ...],
    told: float,
) -> Traits:
    """Read the traits of a face.

    Args:
        crop: (1, 3, s, s) in [0, 1].
        landmarks: (68, 2), iBUG order, parts of the side.
        seen: (68,) in [0, 1], whether nothing lies before each of them.
        bearded: as `beard` tells it.
        skin: its mean colour.
        told: part of the crop in which a parser tells glasses.
    """
    worn = max(glasses(crop, landmarks), min(told / TOLD, 1.0))
    hidden = 1 - float(seen[INNER].mean())
    return Traits(turn(landmarks), worn, bearded, hidden, skin, sharpness(crop, landmarks), gape(landmarks))


def turn(landmarks: npt.NDArray[np.float32]) -> float:
    """Return how much wider the right half of a face is than the left, of both together, in [-1, 1].

    Args:
        landmarks: (68, 2), iBUG order, any unit.
    """
    centre = landmarks[27:31].mean(0)
    left_edge, right_edge = landmarks[[36, 2, 3]].mean(0), landmarks[[45, 14, 13]].mean(0)
    across = (right_edge - left_edge) / max(float(np.linalg.norm(right_edge - left_edge)), 1e-6)
    left, right = float((centre - left_edge) @ across), float((right_edge - centre) @ across)
    return float(np.clip((right - left) / max(left + right, 1e-6), -1, 1))


def gape(landmarks: npt.NDArray[np.float32]) -> float:
    """Return how far the lips are apart, in widths of the mouth.

    Args:
        landmarks: (68, 2), iBUG order, any unit.
    """
    upper, lower, width = landmarks[61:64], landmarks[[67, 66, 65]], np.linalg.norm(landmarks[54] - landmarks[48])
    return float(np.linalg.norm(upper - lower, axis=1).mean() / max(float(width), 1e-6))


def glasses(crop: torch.Tensor, landmarks: npt.NDArray[np.float32]) -> float:
    """Return how sure it is that a face wears glasses, in [0, 1], from the edges where bare faces have none.

    Args:
        crop: (1, 3, s, s) in [0, 1].
        landmarks: (68, 2), parts of the side.
    """
    gray = F.grid_sample(crop.mean(1, keepdim=True), _strip(landmarks), align_corners=False)[0, 0]
    edges = gray.diff(dim=0).abs()
    below, bridge = edges[20:30].amax(0).mean(), edges[10:24, 26:38].amax(0).mean()
    return float(((below + bridge - NO_GLASSES) / (GLASSES - NO_GLASSES)).clamp(0, 1))


def beard(crop: torch.Tensor, landmarks: npt.NDArray[np.float32]) -> float:
    """Return how much darker chin and upper lip are than the cheeks, in [0, 1], 0 where they are no darker than shade.

    Args:
        crop: (1, 3, s, s) in [0, 1].
        landmarks: (68, 2), parts of the side.
    """
    below = [(57, 8), (33, 51), (58, 6), (56, 10)]
    beside = [(1, 31), (15, 35), (2, 31), (14, 35)]
    places = np.array([(landmarks[a] + landmarks[b]) / 2 for a, b in below + beside])
    grid = torch.from_numpy(2 * places - 1).to(crop.dtype).reshape(1, 1, -1, 2)
    gray = F.avg_pool2d(crop.mean(1, keepdim=True), 5, 1, 2)
    light = F.grid_sample(gray, grid, padding_mode="border", align_corners=False)[0, 0, 0]
    darker = 1 - float(light[:4].mean()) / max(float(light[4:].mean()), 1e-3)
    return float(np.clip((darker - SHADE) / (DARKEST - SHADE), 0, 1))


def sharpness(crop: torch.Tensor, landmarks: npt.NDArray[np.float32]) -> float:
    """Return the mean difference of pixels round eyes, nose and mouth from those around them, in [0, 1].

    Args:
        crop: (1, 3, s, s) in [0, 1].
        landmarks: (68, 2), parts of the side.
    """
    gray = crop.mean(1, keepdim=True)
    fine = (gray - F.avg_pool2d(gray, 3, 1, 1)).abs()
    grid = torch.from_numpy(2 * landmarks[INNER] - 1).to(crop.dtype).reshape(1, 1, -1, 2)
    return float(F.grid_sample(F.avg_pool2d(fine, 5, 1, 2), grid, padding_mode="border", align_corners=False).mean())


def _strip(landmarks: npt.NDArray[np.float32]) -> torch.Tensor:
    left, right = landmarks[36:42].mean(0), landmarks[42:48].mean(0)
    across = right - left
    down = np.array([-across[1], across[0]])
    rows, columns = (np.linspace(*span, count) for span, count in zip(STRIP_SPAN, STRIP, strict=True))
    places = (left + right) / 2 + columns[None, :, None] * across + rows[:, None, None] * down
    return torch.from_numpy(2 * places - 1).float().unsqueeze(0)
