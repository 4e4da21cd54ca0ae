"""Ask mediapipe's FaceMesh for the meshes of some photos: the teacher of the dense head and of poses.

Runs in an environment of its own (`training/requirements-teacher.txt`, Python 3.10 to 3.12):

    python -m training.head.meshes --data ../shared/data --out packed/head-meshes.npz

The file holds, for each photo in which a face was found: `source`, `name`, `person`, `validation` (bool), and `meshes`
(N, 468, 3) float32 in photo pixels: x to the right, y downwards, z towards the viewer; and `marks` (68,), the vertices
that are nearest to iBUG's points.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import mediapipe as mp
import numpy as np
import numpy.typing as npt
from PIL import Image

from training.data.landmarks import IBUG_FROM_FACEMESH
from training.data.photos import Photo, PhotoFiles
from training.data.split import is_validation

SOURCES = ("celeba", "lfw")
VERTICES = 468
"""Those of the face; what follows are the irises."""


def chosen_photos(photos: list[Photo], training: int) -> list[Photo]:
    """Return all photos of validation people, and `training` of the others, spread over each source."""
    known = [photo for photo in photos if photo.source in SOURCES]
    kept = [photo for photo in known if is_validation(photo.person)]
    for source in SOURCES:
        others = [photo for photo in known if photo.source == source and not is_validation(photo.person)]
        kept += others[:: max(1, len(SOURCES) * len(others) // training)]
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("packed/head-meshes.npz"))
    parser.add_argument("--training", type=int, default=800, help="about how many photos of training people")
    args = parser.parse_args()
    files = PhotoFiles(args.data)
    teacher = mp.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1, refine_landmarks=True)
    kept: list[Photo] = []
    meshes: list[npt.NDArray[np.float32]] = []
    for photo in chosen_photos(files.list(), args.training):
        image = np.asarray(Image.open(io.BytesIO(files.read(photo.source, photo.name))).convert("RGB"))
        found = teacher.process(image).multi_face_landmarks
        if found:
            points = np.array([(p.x, p.y, p.z) for p in found[0].landmark[:VERTICES]], np.float32)
            height, width = image.shape[:2]
            kept.append(photo)
            meshes.append(points * (width, height, -width) - (0.5, 0.5, 0))  # z is in widths of the photo
    columns = {key: np.array([getattr(photo, key) for photo in kept]) for key in ("source", "name", "person")}
    validation = np.array([is_validation(photo.person) for photo in kept])
    args.out.parent.mkdir(parents=True, exist_ok=True)
    columns |= {"validation": validation, "marks": np.array(IBUG_FROM_FACEMESH)}
    np.savez_compressed(args.out, meshes=np.stack(meshes).astype(np.float32), **columns)
    print(f"{len(kept)} meshes, {validation.sum()} of validation people.")


if __name__ == "__main__":
    main()
