"""The backend of the face-alignment package (Bulat and Tzimiropoulos 2017): FAN behind the S3FD detector.

Its weights are not part of the package: they come from the web at first use, or lie on disk already.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from facemorph.align.crop import Picture
from facemorph.align.face import DetectedFace
from facemorph.align.pose import box
from facemorph.errors import AlignmentError

WEIGHTS = ("2DFAN4-11f355bf06.pth.tar", "s3fd-619a316812.pth")
"""The files that face-alignment 1.4 and 1.5 keep in torch's hub folder."""


def weights_folder() -> Path:
    """Return the folder where face-alignment looks for its weights."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def weights_on_disk() -> bool:
    """Tell whether `FanBackend` can run without a download."""
    return all((weights_folder() / name).is_file() for name in WEIGHTS)


class FanBackend:
    """Finds faces with the face-alignment package."""

    name = "fan"

    def __init__(self, network: Any) -> None:
        self._network = network

    @classmethod
    def load(cls, device: str = "cpu") -> FanBackend:
        """Load face-alignment, which fetches its weights where they are not on disk.

        Raises:
            AlignmentError: the package is not installed, or its weights are neither on disk nor to be had.
        """
        try:
            import face_alignment  # here, not above: slow to import, and optional
        except ImportError as error:
            raise AlignmentError(
                f"The aligner 'fan' needs the package face-alignment ({error}). "
                "Install it (pip install face-alignment), or use the aligner 'builtin'."
            ) from error
        kind = face_alignment.LandmarksType.TWO_D
        try:
            network = face_alignment.FaceAlignment(kind, device=device, flip_input=False, compile=False)
        except (OSError, RuntimeError, EOFError) as error:
            missing = [name for name in WEIGHTS if not (weights_folder() / name).is_file()]
            raise AlignmentError(
                f"The aligner 'fan' cannot load its weights ({' and '.join(missing) or error}). Connect to the network "
                f"once, put the files into '{weights_folder()}', or use the aligner 'builtin'."
            ) from error
        return cls(network)

    def find(self, pixels: Picture) -> list[DetectedFace]:
        """Return the faces of an (H, W, 3) uint8 RGB photo, in no order."""
        boxes = self._network.face_detector.detect_from_image(pixels.copy())
        if len(boxes) == 0:
            return []
        marked = self._network.get_landmarks_from_image(pixels.copy(), detected_faces=boxes)
        faces = []
        for bounds, points in zip(boxes, marked, strict=True):
            landmarks = np.asarray(points, np.float32)[:, :2]
            faces.append(DetectedFace(box(landmarks), landmarks, float(bounds[4])))
        return faces
