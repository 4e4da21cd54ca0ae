"""Mark photos of training people with the built-in aligner: what structure from motion is fitted to.

    python -m training.head.points --data ../shared/data --out packed/head-points.npz

The file holds, for each photo in which a face was found: `source`, `name`, `person`, and `landmarks` (68, 2) float32
in photo pixels, iBUG order. Of several faces the one nearest to the photo's centre is taken: archives are cut round
the person that they name.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from facemorph.align import Aligner, DetectedFace
from training.data.photos import Photo, PhotoFiles
from training.data.split import is_validation

EVERY = {"celeba": 2, "lfw": 3}
"""Of each source every so many-th photo; chips of UTKFace are cut too tightly to be turned far."""

Picture = npt.NDArray[np.uint8]


def training_photos(photos: Iterable[Photo]) -> list[Photo]:
    """Return the photos that the head is fitted to: training people only."""
    known = [photo for photo in photos if photo.source in EVERY and not is_validation(photo.person)]
    chosen = []
    for source, step in EVERY.items():
        chosen += [photo for photo in known if photo.source == source][::step]
    return chosen


def decode(content: bytes) -> Picture:
    """Return (H, W, 3) uint8 RGB."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def central_face(aligner: Aligner, pixels: Picture) -> DetectedFace | None:
    """Return the face nearest to the centre of a photo, None where there is none."""
    centre = np.array(pixels.shape[1::-1]) / 2
    return min(
        aligner.detect(pixels), key=lambda face: float(np.hypot(*(face.landmarks.mean(0) - centre))), default=None
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("packed/head-points.npz"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    aligner, files = Aligner.load("builtin"), PhotoFiles(args.data)
    photos = training_photos(files.list())
    kept, landmarks = [], []
    for photo in photos:
        face = central_face(aligner, decode(files.read(photo.source, photo.name)))
        if face is not None:
            kept.append(photo)
            landmarks.append(face.landmarks)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    columns = {key: np.array([getattr(photo, key) for photo in kept]) for key in ("source", "name", "person")}
    np.savez_compressed(args.out, landmarks=np.stack(landmarks), **columns)
    print(f"A face was found in {len(kept)} of {len(photos)} photos.")


if __name__ == "__main__":
    main()
