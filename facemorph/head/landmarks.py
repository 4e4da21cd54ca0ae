"""The 68 points of iBUG by their places on the head: which mirror each other, and how far a pose may trust them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def _mirror_order() -> npt.NDArray[np.int64]:
    jaw, brows, nose = range(16, -1, -1), range(26, 16, -1), [27, 28, 29, 30, 35, 34, 33, 32, 31]
    eyes = [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    lips = [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
    return np.array([*jaw, *brows, *nose, *eyes, *lips])


MIRROR_ORDER = _mirror_order()
"""(68,) which point of a face becomes point i of its mirror image."""
CHIN, LEFT_EYE, RIGHT_EYE, MOUTH_CORNERS = 8, slice(36, 42), slice(42, 48), [48, 54]
"""Left and right as the viewer sees them."""


def _trust() -> npt.NDArray[np.float64]:
    trust = np.ones(68)
    trust[:17], trust[CHIN], trust[17:27], trust[48:] = 0.35, 0.3, 0.6, 0.4
    return trust


TRUST = _trust()
"""(68,) weights of the points in a pose: jaws, brows and mouths move, and differ between people."""
LEFT_JAW, RIGHT_JAW = np.arange(68) < CHIN, (np.arange(68) > CHIN) & (np.arange(68) < 17)
"""(68,) bool, without the chin."""
FAR_FROM, FAR_FULLY = 5.0, 15.0
"""Degrees of yaw between which the jaw that turns away stops counting. The landmark network puts it inside the cheek,
the farther the more a head is turned."""


def smoothstep(low: float, high: float, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rise from 0 at `low` to 1 at `high`, flat at both."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t))


def near(yaw: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (N, 68) in [0, 1], 0 for the jaw on the far side of heads turned by `yaw`, (N,) degrees."""
    left, right = smoothstep(FAR_FROM, FAR_FULLY, -yaw), smoothstep(FAR_FROM, FAR_FULLY, yaw)
    return 1 - left[:, None] * LEFT_JAW - right[:, None] * RIGHT_JAW
