"""Landmark error: do the features of the middle lie where the morph says they lie?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facemorph import FaceMorpher
from facemorph.align.crop import invert_matrix, transform_points
from facemorph.errors import FaceMorphError

Points = npt.NDArray[np.float32]
OUTER_EYES = (36, 45)


def landmark_error(found: Points, expected: Points) -> float:
    """Return the mean distance of (68, 2) points from where they are expected, in % of the outer-eye distance there."""
    across = np.linalg.norm(expected[OUTER_EYES[0]] - expected[OUTER_EYES[1]])
    return float(100 * np.linalg.norm(found - expected, axis=1).mean() / across)


def detect(morpher: FaceMorpher, picture: npt.NDArray[np.uint8]) -> Points | None:
    """Return the (68, 2) landmarks that our aligner finds in a frame, in its pixels; None where it finds no face.

    Network: this project's own landmark network, which was not trained on any morph.
    """
    try:
        face = morpher.align(picture)
    except FaceMorphError:
        return None
    return transform_points(invert_matrix(face.matrix), face.landmarks)
