"""What decides who owns a face: how far it is turned, and whether it wears glasses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

NARROWEST = 0.05
"""Half of a face seen from the side is never taken for narrower than this part of the mean of both."""
STRIP = (40, 64)
"""Rows and columns of the strip over the eyes."""
STRIP_SPAN = ((-0.45, 0.75), (-1.0, 1.0))
"""What the strip covers down and across, in distances between the eyes from the point between them."""
NO_GLASSES, GLASSES = 0.14, 0.22
"""Strength of edges below the eyes and on the bridge of the nose: most bare faces lie below the first, most with
glasses above the second (chosen on training people by CelebA's labels)."""


@dataclass(frozen=True)
class Traits:
    """What a face is like, as far as ownership asks.

    Attributes:
        far_side: how much of the far half of the face is seen, in (0, 1].
        glasses: how sure it is that it wears glasses, in [0, 1].
    """

    far_side: float
    glasses: float


def far_side(landmarks: npt.NDArray[np.float32]) -> float:
    """Return how wide the narrower half of a face is, relative to the mean of both, in (0, 1]; 1 seen from the front.

    Args:
        landmarks: (68, 2), iBUG order, any unit.
    """
    centre = landmarks[27:31].mean(0)
    left_edge, right_edge = landmarks[[36, 2, 3]].mean(0), landmarks[[45, 14, 13]].mean(0)
    across = (right_edge - left_edge) / max(float(np.linalg.norm(right_edge - left_edge)), 1e-6)
    halves = float((centre - left_edge) @ across), float((right_edge - centre) @ across)
    return float(np.clip(2 * min(halves) / max(sum(halves), 1e-6), NARROWEST, 1.0))


def glasses(crop: torch.Tensor, landmarks: npt.NDArray[np.float32]) -> float:
    """Return how sure it is that a face wears glasses, in [0, 1], from the edges where bare faces have none.

    Args:
        crop: (1, 3, s, s) in [0, 1].
        landmarks: (68, 2) float32, parts of the side.
    """
    gray = F.grid_sample(crop.mean(1, keepdim=True), _strip(landmarks), align_corners=False)[0, 0]
    edges = gray.diff(dim=0).abs()
    below, bridge = edges[20:30].amax(0).mean(), edges[10:24, 26:38].amax(0).mean()
    return float(((below + bridge - NO_GLASSES) / (GLASSES - NO_GLASSES)).clamp(0, 1))


def _strip(landmarks: npt.NDArray[np.float32]) -> torch.Tensor:
    left, right = landmarks[36:42].mean(0), landmarks[42:48].mean(0)
    across = right - left
    down = np.array([-across[1], across[0]])
    rows, columns = (np.linspace(*span, count) for span, count in zip(STRIP_SPAN, STRIP, strict=True))
    places = (left + right) / 2 + columns[None, :, None] * across + rows[:, None, None] * down
    return torch.from_numpy(2 * places - 1).float().unsqueeze(0)
