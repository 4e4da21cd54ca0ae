"""The people of the benchmark: pairs to morph, and everybody else as the reference of what photos look like."""

from __future__ import annotations

import hashlib
import io
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from facemorph import AlignedFace, FaceMorpher
from facemorph.checkpoint import CHECKPOINTS
from facemorph.errors import FaceMorphError
from judges.crops import Picture, shrink
from training.data.photos import Photo, PhotoFiles
from training.data.split import is_validation

TURNS = {"validation": ("celeba", "lfw", "celeba", "lfw", "london"), "training": ("celeba", "lfw")}
"""Which source each pair is drawn from, in turn; both people of a pair come from one source."""
MOST_PER_SOURCE = 240
"""Reference crops of one source at most."""
CACHE = Path("runs/benchmark")


@dataclass(frozen=True)
class Person:
    """One person's photo, aligned."""

    photo: Photo
    face: AlignedFace


Pair = tuple[Person, Person]


class People:
    """One photo of each person of one side of the split, in a fixed random order for each source.

    Args:
        data: the folder of photos.
        split: "validation" (nothing was trained on them) or "training" (to develop without looking at the former).
    """

    def __init__(self, data: Path, split: str, morpher: FaceMorpher) -> None:
        self.split, self._files, self._morpher = split, PhotoFiles(data), morpher
        self.photos = [photo for photo in self._files.list() if is_validation(photo.person) == (split == "validation")]
        one_each = {photo.person: photo for photo in reversed(self.photos)}
        rng = np.random.default_rng(0)
        self._order = {}
        for source in dict.fromkeys(TURNS[split]):
            own = sorted((p for p in one_each.values() if p.source == source), key=lambda photo: photo.person)
            self._order[source] = [own[i] for i in rng.permutation(len(own))]

    def named(self, name: str) -> Person:
        """Return the person of the photo `source/file`."""
        photo = next((p for p in self.photos if f"{p.source}/{p.name}" == name), None)
        if photo is None:
            raise SystemExit(f"{name} is no photo of the {self.split} people. Check benchmarks/hard_pairs.py.")
        return Person(photo, self.align(photo))

    def align(self, photo: Photo) -> AlignedFace:
        return self._morpher.align(Image.open(io.BytesIO(self._files.read(photo.source, photo.name))))

    def pairs(self, count: int) -> list[Pair]:
        """Return `count` pairs of different people; photos that cannot be aligned are passed over."""
        waiting = {source: iter(order) for source, order in self._order.items()}
        turns = TURNS[self.split]
        sources = [turns[i % len(turns)] for i in range(count)]
        return [(self._next(waiting[source]), self._next(waiting[source])) for source in sources]

    def _next(self, waiting: Iterator[Photo]) -> Person:
        for photo in waiting:
            try:
                return Person(photo, self.align(photo))
            except FaceMorphError:
                continue
        raise SystemExit("There are not enough people for so many pairs. Ask for fewer with --pairs.")

    def reference(self, pairs: list[Pair]) -> tuple[Picture, npt.NDArray[np.float64]]:
        """Return crops of the people who are in no pair, and how much each counts.

        A frame near its own parents would otherwise be near the reference for a wrong reason.

        Returns:
            (N, 128, 128, 3) uint8; (N,) weights of sum 1 that mix the sources as `pairs` do.
        """
        taken = {person.photo.person for pair in pairs for person in pair}
        share = Counter(pair[0].photo.source for pair in pairs)
        crops, weights = [], []
        for source in self._order:
            photos, part = self._crops(source)
            kept = [photo.person not in taken for photo in photos]
            crops.append(part[kept])
            weights.append(np.full(sum(kept), share[source] / len(pairs) / sum(kept)))
        return np.concatenate(crops), np.concatenate(weights)

    def _crops(self, source: str) -> tuple[list[Photo], Picture]:
        """Return the last people of the order, since pairs are drawn from its start; their crops are kept in a file."""
        photos = self._order[source][-MOST_PER_SOURCE:]
        names = "\n".join(photo.name for photo in photos)
        path = CACHE / f"{source}-{hashlib.sha256((names + _aligner_version()).encode()).hexdigest()[:16]}.npz"
        if not path.is_file():
            print(f"aligning {len(photos)} photos of {source} …", file=sys.stderr, flush=True)
            rows = [(index, crop) for index, photo in enumerate(photos) if (crop := self._small(photo)) is not None]
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, index=[index for index, _ in rows], crops=np.stack([crop for _, crop in rows]))
        with np.load(path) as file:
            return [photos[index] for index in file["index"]], file["crops"]

    def _small(self, photo: Photo) -> Picture | None:
        try:
            return shrink(self.align(photo).image, 128)
        except FaceMorphError:
            return None


def _aligner_version() -> str:
    files = [CHECKPOINTS / name / "model.safetensors" for name in ("aligner-detector", "aligner-landmarks")]
    return "".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
