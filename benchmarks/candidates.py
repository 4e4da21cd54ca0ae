"""Photos that a pair may be chosen from, and what is known of each: from drawn maps, attributes and landmarks.

Nothing here looks at a morph, nor does any network of the morph: only the aligner, whose landmarks tell yaw and mouth.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.measures.yaw import yaw
from facemorph import FaceMorpher
from facemorph.align.crop import invert_matrix, transform_points
from facemorph.errors import FaceMorphError
from facemorph.models.parts_parser import CLASSES
from judges.identity import Embed
from training.data.photos import PORTRAITS, PhotoFiles
from training.data.split import is_validation
from training.parts.labels import groups_of
from training.parts.portraits import GLASSES, HAT, hair_on_face, read_portraits, seen
from training.parts.pseudo import read_attributes

MOST_PHOTOS = 900
"""Photos of CelebA that are aligned for one split at most."""
HAIR_ACROSS, HAIR_FREE = 0.12, 0.012
"""Part of the face under hair from which it lies across, and up to which the face is free."""
SEEN, TEETH = 0.01, 0.004
"""Part of a portrait from which a hat or glasses are there, and the inside of a mouth."""
INNER_MOUTH = CLASSES.index("inner_mouth")
OPEN, CLOSED = 0.16, 0.03
"""Gap between the lips over the width of the mouth."""


@dataclass(frozen=True)
class Candidate:
    """One photo.

    Attributes:
        name: `source/file`.
        person: whose it is; portraits that may show one person share one.
        yaw: degrees (`benchmarks.measures.yaw`).
        traits: of "hair across", "hair free", "hat", "glasses", "beard", "bare" (none of these three), "open mouth"
            (teeth may be seen), "closed mouth".
        embedding: (128,) of L2 norm 1 (`judges.identity`).
    """

    name: str
    person: str
    yaw: float
    traits: frozenset[str]
    embedding: npt.NDArray[np.float64]

    @property
    def source(self) -> str:
        return self.name.split("/")[0]


def named(**traits: bool) -> frozenset[str]:
    """Return the names of the traits that hold; an underscore stands for a blank."""
    return frozenset(name.replace("_", " ") for name, holds in traits.items() if holds)


def mouth_gap(landmarks: npt.NDArray[np.float32]) -> float:
    """Return the gap between the inner lips of (68, 2) landmarks over the width of the mouth."""
    gap, width = landmarks[66] - landmarks[62], landmarks[54] - landmarks[48]
    return float(np.linalg.norm(gap) / np.linalg.norm(width))


def portraits(labels: Path, split: str) -> Iterator[Candidate]:
    """Yield the portraits of one side of the split from the file that `training.parts.labels` writes."""
    with np.load(labels) as packed:
        rows = packed["validation"] == (split == "validation")
        group, embedding, names = groups_of(packed["embedding"])[rows], packed["embedding"][rows], packed["name"][rows]
    own = read_portraits(labels, rows)
    hair, hat, glasses, teeth = hair_on_face(own), seen(own, HAT), seen(own, GLASSES), seen(own, INNER_MOUTH)
    for i, points in enumerate(own.landmarks):
        gap, wears_hat, wears_glasses = mouth_gap(points), hat[i] > SEEN, glasses[i] > SEEN
        traits = named(
            hair_across=hair[i] > HAIR_ACROSS,
            hair_free=hair[i] < HAIR_FREE,
            hat=wears_hat,
            glasses=wears_glasses,
            bare=not wears_hat and not wears_glasses,  # of beards a map says nothing
            open_mouth=gap > OPEN and teeth[i] > TEETH,
            closed_mouth=gap < CLOSED,
        )
        person = f"{PORTRAITS}/group {group[i]}"
        yield Candidate(f"{PORTRAITS}/{names[i]}.webp", person, yaw(points), traits, embedding[i].astype(np.float64))


def celeba(data: Path, split: str, morpher: FaceMorpher, embed: Embed) -> Iterator[Candidate]:
    """Yield photos of CelebA of one side of the split, those with attributes first; the others have yaw only."""
    files, attributes = PhotoFiles(data), read_attributes(data)
    photos = [p for p in files.list() if p.source == "celeba" and is_validation(p.person) == (split == "validation")]
    order = np.random.default_rng(0).permutation(len(photos))
    photos = sorted((photos[i] for i in order), key=lambda photo: photo.name not in attributes)[:MOST_PHOTOS]
    print(f"aligning {len(photos)} photos of celeba …", file=sys.stderr, flush=True)
    for photo in photos:
        pixels = np.asarray(Image.open(io.BytesIO(files.read(photo.source, photo.name))).convert("RGB"))
        try:
            face = morpher.align(pixels)
        except FaceMorphError:
            continue
        row = {name: value == "1" for name, value in attributes.get(photo.name, {}).items()}
        traits = attribute_traits(row, mouth_gap(face.landmarks)) if row else frozenset()
        embedding = embed(pixels, transform_points(invert_matrix(face.matrix), face.landmarks))
        yield Candidate(f"celeba/{photo.name}", photo.person, yaw(face.landmarks), traits, embedding)


def attribute_traits(row: dict[str, bool], gap: float) -> frozenset[str]:
    """Return the traits of a photo of CelebA by its attributes and the gap between its lips."""
    beard = not row["No_Beard"] and not row["5_o_Clock_Shadow"]
    return named(
        hair_across=row["Bangs"],
        hair_free=not row["Bangs"],
        hat=row["Wearing_Hat"],
        glasses=row["Eyeglasses"],
        beard=beard,
        bare=row["No_Beard"] and not row["Wearing_Hat"] and not row["Eyeglasses"],
        open_mouth=row["Mouth_Slightly_Open"] and gap > OPEN,
        closed_mouth=not row["Mouth_Slightly_Open"] and gap < CLOSED,
    )
