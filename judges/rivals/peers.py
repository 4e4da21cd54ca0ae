"""Public peers, run from their published package on our crops and landmarks.

Runs: `facemorpher` 5.2.1 (PyPI, alyssaq/face_morpher), its warper and blender. It is installed with
`pip install --no-deps`, because its landmark detector (stasm) is not needed: the landmarks are ours.

Looked at, and not run:
- `facemorph` 0.1.0 (PyPI) has the name of this package, so one place cannot hold both. Its way is the Delaunay warp and
  dissolve that is in the table, over mediapipe's points.
- `facework` 0.1.1 (PyPI) demands mediapipe 0.10.21 (numpy < 2) and ImageMagick; its way is the same again.
- `morphace` 1.0.4 (PyPI) wants Python 3.12 and a dlib model from the web; its way is the same again.
- DiffMorpher, IMPUS, FreeMorph, DiffAE and the StyleGAN tools are published as no package with weights; they take a GPU
  and gigabytes from the web.
- On npm, no package that morphs photos of faces was found.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import numpy.typing as npt

from facemorph import AlignedFace
from judges.crops import Frames, Picture, scaled_landmarks, shrink

SIDE = 256
"""It works in whole pixels and eats 10 of them off the face's edge, so it is run at this size and then reduced."""


def _module(folder: Path, name: str) -> ModuleType:
    """Load one file of a package without the rest, which would ask for the landmark detector."""
    spec = importlib.util.spec_from_file_location(f"facemorpher_{name}", folder / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_facemorpher() -> Frames | None:
    """Return facemorpher's morph with `--background=average`, or None where the package is not installed.

    Its face is warped by triangles over the landmarks and two points above the forehead, mixed, and laid on the mean of
    both pictures, which are not warped. (By default it leaves the background black.)
    """
    spec = importlib.util.find_spec("facemorpher")
    if spec is None or spec.submodule_search_locations is None:
        return None
    folder = Path(next(iter(spec.submodule_search_locations)))
    warper, blender = _module(folder, "warper"), _module(folder, "blender")

    def frame(crops: list[Picture], points: list[npt.NDArray[np.int32]], part_of_first: float) -> Picture:
        if part_of_first in (0.0, 1.0):  # its first and last frames are the photos
            return crops[0] if part_of_first else crops[1]
        target = np.asarray(points[0] * part_of_first + points[1] * (1 - part_of_first), np.int32)
        warped = [warper.warp_image(crop, own, target, (SIDE, SIDE)) for crop, own in zip(crops, points, strict=True)]
        face = blender.weighted_average(*warped, part_of_first)
        mask = blender.mask_from_points((SIDE, SIDE), target)
        return blender.overlay_image(face, mask, blender.weighted_average(*crops, part_of_first))

    def frames(a: AlignedFace, b: AlignedFace, alphas: Sequence[float], size: int) -> Picture:
        crops = [shrink(face.image, SIDE) for face in (a, b)]
        points = [with_forehead(scaled_landmarks(face, SIDE)) for face in (a, b)]
        return np.stack([shrink(frame(crops, points, 1 - alpha), size) for alpha in alphas])

    return frames


def with_forehead(landmarks: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
    """Return (70, 2) whole pixels: landmarks, and facemorpher's two points at the upper corners of their box."""
    points = landmarks.clip(0, SIDE - 2).astype(np.int32)  # it reads the pixel to the right of and below each point
    x, y, w, h = cv2.boundingRect(points)
    across, down = int(w * 0.1), int(h * 0.1)
    return np.vstack([points, [[x + across, y + down], [x + w - across, y + down]]]).astype(np.int32)
