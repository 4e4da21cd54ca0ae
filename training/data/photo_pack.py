"""Decode the labelled photos once, into one memory-mapped file that the aligner's training reads.

    python -m training.data.photo_pack --data ../shared/data --labels packed/labels.npz --out packed/photos

writes `photos.bin` (the pixels of all photos, one after the other) and `photos.npz` (their index) to the folder.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

ARCHIVES = {"celeba": "celeba.zip", "lfw": "lfw.zip", "utkface": "utkface_train.zip"}


@dataclass(frozen=True)
class PhotoPack:
    """Decoded photos with the teacher's landmarks.

    Attributes:
        pixels: all photos, flat uint8, memory-mapped.
        offsets: (N,) where each photo starts in `pixels`.
        sizes: (N, 2) int, width and height.
        sources: (N,) str, "celeba", "lfw" or "utkface".
        people: (N,) str, as `training.data.split` wants them.
        landmarks: (N, 68, 2) float32 in photo pixels, iBUG order.
    """

    pixels: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int32]
    sources: npt.NDArray[np.str_]
    people: npt.NDArray[np.str_]
    landmarks: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.offsets)

    def photo(self, index: int) -> npt.NDArray[np.uint8]:
        """Return photo `index` as (H, W, 3) uint8 RGB, a view of the file."""
        width, height = self.sizes[index]
        start = self.offsets[index]
        return self.pixels[start : start + width * height * 3].reshape(height, width, 3)


def read_pack(folder: Path) -> PhotoPack:
    """Open a folder that `main` wrote."""
    index = np.load(folder / "photos.npz")
    pixels = np.memmap(folder / "photos.bin", dtype=np.uint8, mode="r")
    return PhotoPack(pixels, *(index[k] for k in ("offsets", "sizes", "sources", "people", "landmarks")))


def main() -> None:
    """Write the pack."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--labels", type=Path, default=Path("packed/labels.npz"))
    parser.add_argument("--out", type=Path, default=Path("packed/photos"))
    args = parser.parse_args()
    labels = np.load(args.labels)
    args.out.mkdir(parents=True, exist_ok=True)
    rows = [i for i, source in enumerate(labels["source"]) if source in ARCHIVES]
    archives = {source: zipfile.ZipFile(args.data / name) for source, name in ARCHIVES.items()}
    offsets, offset = [], 0
    with (args.out / "photos.bin").open("wb") as file:
        names = labels["name"]
        for row in rows:
            content = archives[str(labels["source"][row])].read(str(names[row]))
            pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
            file.write(pixels.tobytes())
            offsets.append(offset)
            offset += pixels.size
    np.savez(
        args.out / "photos.npz",
        offsets=np.array(offsets, np.int64),
        sizes=labels["size"][rows],
        sources=labels["source"][rows],
        people=labels["person"][rows],
        landmarks=labels["landmarks"][rows],
    )
    print(f"{len(rows)} photos, {offset / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
