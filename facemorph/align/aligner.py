"""`Aligner`: a photo goes in, an upright crop with 68 landmarks comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from facemorph.align.builtin import BuiltinBackend
from facemorph.align.crop import FloatArray, Picture, crop_from_photo_matrix, crop_photo, transform_points
from facemorph.align.face import CROP_SIZE, AlignedFace, DetectedFace
from facemorph.align.fan import FanBackend, weights_on_disk
from facemorph.checkpoint import CHECKPOINTS
from facemorph.errors import AlignmentError, ImageTooSmallError, InputError, NoFaceFoundError, named
from facemorph.head import UNTOLD, Head, fit_head, load_head
from facemorph.images import LARGER_FACE, MIN_FACE
from facemorph.settings import is_whole

SMALL_FACE = 64
"""Below this the result is soft, and the user is told."""
FAR_TURNED = 45.0
"""Degrees of yaw beyond which a morph shows what no photo does of much of a face, and the user is told."""
CUT = 0.05
"""Part of the landmarks beyond the photo from which the user is told: an edge that cuts off a tenth of the face."""
TURNED = "The head is turned far to the side; where it turns to the front, half of the face is a mirror image."
CUT_OFF = "The face is cut off by the edge of the photo; what is missing was filled in from the rest."


class Backend(Protocol):
    """What finds faces and marks them."""

    @property
    def name(self) -> str:
        """Return "builtin" or "fan"."""

    def find(self, pixels: Picture) -> list[DetectedFace]:
        """Return the faces of an (H, W, 3) uint8 RGB photo, in any order."""


class Aligner:
    """Finds faces and cuts their canonical crops. Holds networks only: any number of users may share it."""

    def __init__(self, backend: Backend, head: Head | None = None) -> None:
        """Without a head, no pose is told."""
        self._backend = backend
        self.head = head

    @classmethod
    def load(cls, backend: str = "auto", device: str = "cpu", checkpoints: Path = CHECKPOINTS) -> Aligner:
        """Load a backend.

        Args:
            backend: "builtin", "fan", or "auto" for fan where its weights lie on disk and builtin elsewhere.
            device: "cpu", "cuda", or whatever torch calls the device.
            checkpoints: folder of the builtin backend's checkpoints.

        Raises:
            AlignmentError: an unknown backend, or one that cannot run here.
            CheckpointError: a checkpoint of the builtin backend is missing, damaged or does not fit.
        """
        if backend not in ("auto", "builtin", "fan"):
            raise AlignmentError(f"'{backend}' is no aligner. Choose auto, builtin or fan.")
        if backend == "fan":
            return cls(FanBackend.load(device), load_head())
        if backend == "auto" and weights_on_disk():
            try:
                return cls(FanBackend.load(device), load_head())
            except AlignmentError:  # the weights are there, the package is not, or they are damaged
                pass
        return cls(BuiltinBackend.load(checkpoints, device), load_head())

    @property
    def backend(self) -> str:
        """Name of the backend in use, "builtin" or "fan"."""
        return self._backend.name

    def detect(self, pixels: Picture) -> list[DetectedFace]:
        """Find all faces of a photo, the largest first.

        Args:
            pixels: (H, W, 3) uint8 RGB.
        """
        return sorted(self._backend.find(pixels), key=lambda face: -_area(face))

    def align(self, pixels: Picture, face: int | None = None) -> AlignedFace:
        """Cut the canonical crop of one face.

        Args:
            pixels: (H, W, 3) uint8 RGB.
            face: which face, counted from the largest (0); None takes the largest and warns where there are several.

        Raises:
            InputError: `face` is no whole number.
            NoFaceFoundError: there is no face, or none of that number.
            ImageTooSmallError: the face spans fewer than `MIN_FACE` pixels.
            AlignmentError: its landmarks determine no crop.
        """
        found = self.detect(pixels)
        chosen = found[_checked_index(face, len(found))]
        span = int(max(chosen.bbox[2:] - chosen.bbox[:2]))
        if span < MIN_FACE:
            raise ImageTooSmallError(
                f"The face is only {span} pixels across. {LARGER_FACE}",
                actual=span,
                minimum=MIN_FACE,
            )
        matrix = crop_from_photo_matrix(chosen.landmarks, CROP_SIZE)
        image, inside = crop_photo(pixels, matrix, CROP_SIZE)
        landmarks = transform_points(matrix, chosen.landmarks)
        pose = UNTOLD if self.head is None else fit_head(self.head, landmarks).pose
        return AlignedFace(
            image=image,
            landmarks=landmarks,
            matrix=matrix,
            inside=inside,
            backend=self.backend,
            num_faces=len(found),
            warnings=_warnings(face, len(found), span, pose.yaw, _part_beyond(chosen.landmarks, pixels)),
            pose=pose,
        )


def _area(face: DetectedFace) -> float:
    return float(np.prod(face.bbox[2:] - face.bbox[:2]))


def _checked_index(face: int | None, num_faces: int) -> int:
    if num_faces == 0:
        raise NoFaceFoundError(
            "No face found in this photo. Use a photo where one face looks at the camera and is at least "
            f"{MIN_FACE} pixels across."
        )
    index = 0 if face is None else face
    if not is_whole(index):
        raise InputError(f"The number of the face is {named(index)}. Choose from 0 (the largest) to {num_faces - 1}.")
    if not 0 <= index < num_faces:
        held = "1 face" if num_faces == 1 else f"{num_faces} faces"
        raise NoFaceFoundError(
            f"Face {index} was asked for, but this photo holds {held}. Choose from 0 (the largest) to {num_faces - 1}.",
            num_faces=num_faces,
        )
    return index


def _part_beyond(landmarks: FloatArray, pixels: Picture) -> float:
    """Return the part of the landmarks that lie outside the photo."""
    height, width = pixels.shape[:2]
    beyond = (landmarks < -0.5) | (landmarks > np.array([width, height]) - 0.5)
    return float(beyond.any(1).mean())


def _warnings(face: int | None, num_faces: int, span: int, yaw: float, beyond: float) -> tuple[str, ...]:
    warnings = []
    if face is None and num_faces > 1:
        warnings.append(f"{num_faces} faces found; the largest was taken.")
    if span < SMALL_FACE:
        warnings.append(f"The face is only {span} pixels across; the result will be soft.")
    if abs(yaw) > FAR_TURNED:
        warnings.append(TURNED)
    if beyond > CUT:
        warnings.append(CUT_OFF)
    return tuple(warnings)
