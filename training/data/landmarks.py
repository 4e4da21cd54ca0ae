"""Mark every photo of the data folder with mediapipe's FaceMesh: the teacher of the aligner and of the crops.

Runs in an environment of its own (`training/requirements-teacher.txt`, Python 3.10 to 3.12):

    python -m training.data.landmarks --data ../shared/data --out packed/labels.npz

The file holds, for each photo where a face was found: `source` and `name`, `person` (split by it), `size` (W, H) and
`landmarks` (68, 2) float32 in photo pixels, iBUG order.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import mediapipe as mp
import numpy as np
from PIL import Image

from training.data.photos import PhotoFiles

# FaceMesh vertices nearest to the 68 points of iBUG, in their order.
JAW = [127, 234, 132, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 361, 454, 356]
BROWS = [70, 63, 105, 66, 107, 336, 296, 334, 293, 300]
NOSE = [168, 197, 5, 4, 98, 97, 2, 326, 327]
EYES = [33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380]
LIPS = [61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91, 78, 81, 13, 311, 308, 402, 14, 178]
IBUG_FROM_FACEMESH = JAW + BROWS + NOSE + EYES + LIPS

Row = tuple[str, str, str, bytes]


def rows_of(data: Path) -> Iterator[Row]:
    """Yield (source, name, person, file content) of every photo."""
    files = PhotoFiles(data)
    for photo in files.list():
        yield photo.source, photo.name, photo.person, files.read(photo.source, photo.name)


_mesh: mp.solutions.face_mesh.FaceMesh | None = None


def mark(row: Row) -> tuple[str, str, str, tuple[int, int], np.ndarray | None]:
    """Return the row with its size and (68, 2) landmarks in place of the file, None where no face was found."""
    global _mesh
    if _mesh is None:
        _mesh = mp.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1, refine_landmarks=True)
    source, name, person, content = row
    image = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    height, width = image.shape[:2]
    pad = 40 if source == "utkface" else 0  # tight chips: the teacher's detector wants a margin
    padded = np.ascontiguousarray(np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="reflect"))
    found = _mesh.process(padded).multi_face_landmarks
    if not found:
        return source, name, person, (width, height), None
    size = np.array([padded.shape[1], padded.shape[0]], np.float32)
    points = np.array([(p.x, p.y) for p in found[0].landmark], np.float32)[IBUG_FROM_FACEMESH]
    return source, name, person, (width, height), points * size - 0.5 - pad


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    with multiprocessing.Pool(args.workers) as pool:
        rows = list(pool.imap(mark, rows_of(args.data), chunksize=32))
    kept = [row for row in rows if row[4] is not None]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    columns = list(zip(*kept, strict=True))
    np.savez_compressed(
        args.out,
        source=np.array(columns[0]),
        name=np.array(columns[1]),
        person=np.array(columns[2]),
        size=np.array(columns[3], np.int32),
        landmarks=np.stack(columns[4]).astype(np.float32),
    )
    for source in sorted({row[0] for row in rows}):
        print(source, sum(r[0] == source for r in kept), "of", sum(r[0] == source for r in rows))


if __name__ == "__main__":
    main()
