"""The people of the benchmark: pairs to morph, and everybody else as the reference of what photos look like.

`People` are drawn by chance; `EyePeople` are the hard pairs that `benchmarks.choose_pairs` has chosen.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from facemorph import AlignedFace, FaceMorpher
from facemorph.checkpoint import CHECKPOINTS
from facemorph.errors import FaceMorphError
from judges.crops import Picture, shrink
from training.data.photos import PORTRAITS, Photo, PhotoFiles
from training.data.split import is_validation

TURNS = {"validation": ("celeba", "lfw", "celeba", "lfw", "london"), "training": ("celeba", "lfw")}
"""Which source each pair is drawn from, in turn; both people of a pair come from one source."""
MOST_PER_SOURCE = 240
"""Reference crops of one source at most."""
CACHE = Path("runs/benchmark")
PAIRS_FILE = Path(__file__).with_name("eye_pairs.json")
SPLITS = ("validation", "training")


@dataclass(frozen=True)
class Person:
    """One person's photo, aligned."""

    photo: Photo
    face: AlignedFace


Pair = tuple[Person, Person]
Weights = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EyePair:
    """A pair of `PAIRS_FILE`.

    Attributes:
        number: its place in the file, from 1.
        a, b: photos as `source/file`.
        kind: what is hard about it.
        yaw_difference: of both heads, degrees.
    """

    number: int
    a: str
    b: str
    kind: str
    yaw_difference: float


def read_pairs(split: str) -> list[EyePair]:
    """Return all pairs of `PAIRS_FILE` on one side of the split."""
    return [EyePair(number, **row) for number, row in enumerate(json.loads(PAIRS_FILE.read_text())[split], 1)]


class People:
    """One photo of each person of one side of the split, in a fixed random order for each source.

    Args:
        data: the folder of photos.
        split: "validation" (nothing was trained on them) or "training" (to develop without looking at the former).
    """

    def __init__(self, data: Path, split: str, morpher: FaceMorpher) -> None:
        self.split, self._files, self._morpher = split, PhotoFiles(data), morpher
        self.photos = [photo for photo in self._files.list() if is_validation(photo.person) == (split == "validation")]
        rng = np.random.default_rng(0)
        self._order = {source: one_each(self.photos, source, rng) for source in dict.fromkeys(TURNS[split])}

    def named(self, name: str) -> Person:
        """Return the person of the photo `source/file`."""
        photo = next((p for p in self.photos if f"{p.source}/{p.name}" == name), None)
        if photo is None:
            raise SystemExit(f"{name} is no photo of the {self.split} people. Check benchmarks/hard_pairs.py.")
        return Person(photo, self.align(photo))

    def align(self, photo: Photo) -> AlignedFace:
        return align(photo, self._files, self._morpher)

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

    def reference(self, pairs: list[Pair], size: int) -> tuple[Picture, Weights]:
        """Return crops of the people who are in no pair, and how much each counts.

        A frame near its own parents would otherwise be near the reference for a wrong reason.

        Returns:
            (N, size, size, 3) uint8; (N,) weights of sum 1 that mix the sources as `pairs` do.
        """
        taken = {person.photo.person for pair in pairs for person in pair}
        share = Counter(pair[0].photo.source for pair in pairs)
        crops, weights = [], []
        for source in self._order:
            # The last of the order, since pairs are drawn from its start.
            photos, part = read_crops(self._order[source][-MOST_PER_SOURCE:], size, self.align)
            kept = [photo.person not in taken for photo in photos]
            crops.append(part[kept])
            weights.append(np.full(sum(kept), share[source] / len(pairs) / sum(kept)))
        return np.concatenate(crops), np.concatenate(weights)


class EyePeople:
    """The people of `PAIRS_FILE` on one side of the split."""

    def __init__(self, data: Path, split: str, morpher: FaceMorpher) -> None:
        self.rows, self._files, self._morpher = read_pairs(split), PhotoFiles(data), morpher
        self._photos = {f"{p.source}/{p.name}": p for p in [*self._files.list(), *self._files.portraits()]}

    def align(self, photo: Photo) -> AlignedFace:
        return align(photo, self._files, self._morpher)

    def pair(self, row: EyePair) -> Pair:
        """Align both photos of a pair."""
        a, b = (self._photos[name] for name in (row.a, row.b))
        return Person(a, self.align(a)), Person(b, self.align(b))

    def reference(self, size: int) -> tuple[Picture, Weights]:
        """Return crops of people of both sides of the split who are in none of the pairs, as `People.reference` does.

        CelebA and the portraits count half each, as they do in the pairs. Of portraits nobody knows for certain whether
        two show one person.
        """
        names = [name for split in SPLITS for row in read_pairs(split) for name in (row.a, row.b)]
        taken = {self._photos[name].person for name in names}
        photos = [photo for photo in self._photos.values() if photo.person not in taken]
        rng, crops, weights = np.random.default_rng(0), [], []
        for source in ("celeba", PORTRAITS):
            _, part = read_crops(one_each(photos, source, rng)[:MOST_PER_SOURCE], size, self.align)
            crops.append(part)
            weights.append(np.full(len(part), 0.5 / len(part)))
        return np.concatenate(crops), np.concatenate(weights)


def align(photo: Photo, files: PhotoFiles, morpher: FaceMorpher) -> AlignedFace:
    """Align the face of a photo."""
    return morpher.align(Image.open(io.BytesIO(files.read(photo.source, photo.name))))


def one_each(photos: list[Photo], source: str, rng: np.random.Generator) -> list[Photo]:
    """Return the first photo of each person of a source, in a random order."""
    first = {photo.person: photo for photo in reversed(photos) if photo.source == source}
    own = sorted(first.values(), key=lambda photo: photo.person)
    return [own[i] for i in rng.permutation(len(own))]


def read_crops(photos: list[Photo], size: int, align: Callable[[Photo], AlignedFace]) -> tuple[list[Photo], Picture]:
    """Return the photos of one source that can be aligned and their crops, (N, size, size, 3), kept in a file."""
    source, names = photos[0].source, "\n".join(photo.name for photo in photos)
    digest = hashlib.sha256((names + _aligner_version()).encode()).hexdigest()[:16]
    path = CACHE / f"{source}-{size}-{digest}.npz"
    if not path.is_file():
        print(f"aligning {len(photos)} photos of {source} …", file=sys.stderr, flush=True)
        crops = {}
        for index, photo in enumerate(photos):
            with suppress(FaceMorphError):
                crops[index] = shrink(align(photo).image, size)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, index=list(crops), crops=np.stack(list(crops.values())))
    with np.load(path) as file:
        return [photos[index] for index in file["index"]], file["crops"]


def _aligner_version() -> str:
    files = [CHECKPOINTS / name / "model.safetensors" for name in ("aligner-detector", "aligner-landmarks")]
    return "".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
