"""Yaw: how far a head is turned to its side, from its landmarks alone.

In a head that turns by θ under parallel light, the nose tip, which stands before the plane of the outer eye corners by
`DEPTH` of their distance, moves along the line of the eyes by DEPTH · sin θ, and the corners come nearer by cos θ.
So tan θ = offset / distance / DEPTH. `DEPTH` was fitted on 2,226 photos of CelebA and CelebAMask-HQ: with it the
distance of the corners over the height from eyes to mouth shrinks as cos θ does (at 0.46 the rest scatters least).
Pitch hardly matters, since only the part along the eyes counts. Beyond 45° the landmarks themselves are unsure.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

DEPTH = 0.46
OUTER_EYES, NOSE_TIP = (36, 45), 30


def yaw(landmarks: npt.NDArray[np.float32]) -> float:
    """Return the yaw of (68, 2) landmarks in iBUG order, degrees; positive where the nose points to the viewer's right.

    A turned, shifted or scaled picture has the same yaw, a mirrored one the opposite.
    """
    right, left = landmarks[list(OUTER_EYES)].astype(np.float64)
    across = left - right
    offset = (landmarks[NOSE_TIP] - (right + left) / 2) @ across / (across @ across)
    return float(np.degrees(np.arctan(offset / DEPTH)))
