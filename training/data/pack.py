"""Pack the aligned crops of all labelled photos into one file that travels.

    python -m training.data.pack --data ../shared/data --labels packed/labels.npz --out packed/crops.npz

The crops are those of the app (`facemorph.align.crop`), from the teacher's landmarks, at 128 px, as WebP.
"""

from __future__ import annotations

import argparse
import io
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from facemorph.align.crop import crop_from_photo_matrix, crop_photo, transform_points
from training.data.photos import PhotoFiles
from training.data.split import is_validation

CROP_SIZE = 128


def pack_one(job: tuple[bytes, np.ndarray, int]) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Return (WebP file, (68, 2) landmarks in crop pixels, (2, 3) crop_from_photo)."""
    content, landmarks, quality = job
    photo = np.array(Image.open(io.BytesIO(content)).convert("RGB"))
    matrix = crop_from_photo_matrix(landmarks, CROP_SIZE)
    crop, _ = crop_photo(photo, matrix, CROP_SIZE)
    buffer = io.BytesIO()
    Image.fromarray(crop).save(buffer, "WEBP", quality=quality, method=4)
    return buffer.getvalue(), transform_points(matrix, landmarks), matrix


def one_thread() -> None:
    """Keep torch from fighting over cores inside a worker."""
    import torch

    torch.set_num_threads(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quality", type=int, default=90, help="of WebP; 65 packs all photos under 55 MB")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    labels = dict(np.load(args.labels))
    photos = PhotoFiles(args.data)
    jobs = (
        (photos.read(source, name), landmarks, args.quality)
        for source, name, landmarks in zip(labels["source"], labels["name"], labels["landmarks"], strict=True)
    )
    with ProcessPoolExecutor(args.workers, initializer=one_thread) as pool:
        rows = list(pool.map(pack_one, jobs, chunksize=64))
    files = [row[0] for row in rows]
    np.savez(
        args.out,
        source=labels["source"],
        name=labels["name"],
        person=labels["person"],
        size=labels["size"],
        validation=np.array([is_validation(person) for person in labels["person"]]),
        landmarks=np.stack([row[1] for row in rows]).astype(np.float16),
        matrix=np.stack([row[2] for row in rows]).astype(np.float32),
        content=np.frombuffer(b"".join(files), np.uint8),
        offset=np.cumsum([0] + [len(file) for file in files]),
    )
    print(f"{len(files)} crops, {args.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
