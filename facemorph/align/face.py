"""What alignment returns: a canonical crop with its landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facemorph.errors import InputError, named
from facemorph.head import UNTOLD, HeadPose

CROP_SIZE = 512
NUM_LANDMARKS = 68


@dataclass(frozen=True)
class AlignedFace:
    """One face of a photo, upright in a square crop.

    Attributes:
        image: (512, 512, 3) uint8 RGB, the canonical crop.
        landmarks: (68, 2) float32 (x, y) in pixels of the crop, iBUG order, origin at the centre of the top-left pixel.
        matrix: (2, 3) float32 similarity, crop_from_photo.
        inside: (512, 512) bool, True where the crop shows the photo, False where it was filled in.
        backend: "builtin" or "fan", the one that found the face.
        num_faces: how many faces the photo holds.
        warnings: sentences for the user, such as which of several faces was taken.
        pose: how the head is turned in the crop: yaw, pitch and roll in degrees, positive where the nose points to the
            viewer's right, up, and where the head leans clockwise to the viewer; `told` is False, and yaw and pitch
            are 0, where no head explains the landmarks.
    """

    image: npt.NDArray[np.uint8]
    landmarks: npt.NDArray[np.float32]
    matrix: npt.NDArray[np.float32]
    inside: npt.NDArray[np.bool_]
    backend: str
    num_faces: int
    warnings: tuple[str, ...] = ()
    pose: HeadPose = UNTOLD


@dataclass(frozen=True)
class DetectedFace:
    """A face found in a photo, before cropping.

    Attributes:
        bbox: (4,) float32 x0, y0, x1, y1 in photo pixels: the box of the 68 landmarks.
        landmarks: (68, 2) float32 (x, y) in photo pixels, iBUG order.
        score: in [0, 1], how sure the backend is that this is a face.
    """

    bbox: npt.NDArray[np.float32]
    landmarks: npt.NDArray[np.float32]
    score: float


def check_faces(*faces: AlignedFace) -> None:
    """Refuse what is no aligned face, such as the photo itself.

    Raises:
        InputError: it says what was given.
    """
    for face in faces:
        if not isinstance(face, AlignedFace):
            raise InputError(f"The face is {named(face)}. Pass what FaceMorpher.align makes of a photo.")
