"""What is measured of the frame at alpha 0.5 alone, 256 px: patches of it, its sharpness, its ghosts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import nn

from facemorph import AlignedFace
from judges import distance
from judges.crops import Picture, patches, scaled_landmarks, shrink
from judges.ghosts import GhostDetector, ghost_scores
from judges.gradients import feature_energy, gradient_energy


@dataclass(frozen=True)
class Middle:
    """One frame at 0.5.

    Attributes:
        patches: (5, F) AlexNet features of its patches (`judges.crops.PATCH_CENTRES`), unscaled.
        energy: gradient energy against its ends'.
        feature_energy: the same of eyes and mouth alone.
        ghosts: score of the ghost detector, the frame reduced to 128 px.
    """

    patches: npt.NDArray[np.float64]
    energy: float
    feature_energy: float
    ghosts: float


def patch_features(alexnet: nn.Sequential, picture: Picture) -> npt.NDArray[np.float64]:
    """Return the features (5, F) of the patches of a (S, S, 3) picture."""
    return distance.features(alexnet, patches(picture))


def judge_middle(
    frame: Picture, faces: tuple[AlignedFace, AlignedFace], alexnet: nn.Sequential, detector: GhostDetector
) -> Middle:
    """Measure the frame (S, S, 3) at 0.5 between two faces."""
    size = len(frame)
    ends = np.stack([shrink(face.image, size) for face in faces])
    first, last = (scaled_landmarks(face, size) for face in faces)
    return Middle(
        patch_features(alexnet, frame),
        float(gradient_energy(frame[None], ends[None])[0]),
        feature_energy(frame, ends, (first, last)),
        float(ghost_scores(detector, shrink(frame, detector.config.image_size)[None])[0]),
    )
