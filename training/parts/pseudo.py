"""Align photos without labels, and label them with a trained parser: training-side people only.

    python -m training.parts.pseudo collect --data DATA --weights WEIGHTS --labels packed/parts.npz \
        --out packed/parts-photos.npz
    python -m training.parts.pseudo label --data DATA --photos packed/parts-photos.npz \
        --checkpoint runs/parts/checkpoint --out packed/parts-pseudo.npz

`collect` leaves out the project's validation people and whoever may be one of the validation portraits. The file of
`label` has the form of that of `labels`, at another size; places of which the parser is unsure are `IGNORE`.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image

from facemorph.align.crop import crop_photo, invert_matrix, transform_points
from facemorph.errors import FaceMorphError
from facemorph.models.parts_parser import MIRRORED, PartsParser
from facemorph.pipeline import FaceMorpher
from judges.identity import load_identity
from training.data.photos import Photo, PhotoFiles
from training.data.split import is_validation
from training.parts.labels import IGNORE, SAME_PERSON, Picture, canvas_from_photo
from training.parts.portraits import HAIR, HAT, SKIN

CROP, CANVAS = 192, 240
PER_PERSON = {"celeba": 6, "lfw": 1}
RARE = ("Wearing_Hat", "Bald", "Eyeglasses", "Bangs", "Receding_Hairline")
"""Attributes of CelebA whose photos are taken first."""
LIKE_SKIN = 40.0
"""Distance in OpenCV's Lab below which a hat, or a bald head, has the colour of the face."""


def read_attributes(data: Path) -> dict[str, dict[str, str]]:
    """Return CelebA's attributes, "0" or "1" by name, of the photos that have them."""
    with (data / "celeba_attributes.csv").open() as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def choose_photos(data: Path, files: PhotoFiles) -> list[Photo]:
    """Return photos of training people, no more of one than `PER_PERSON`, the rare attributes first."""
    rare = {name for name, row in read_attributes(data).items() if any(row[key] == "1" for key in RARE)}
    photos = [p for p in files.list() if p.source in PER_PERSON and not is_validation(p.person)]
    count: Counter[str] = Counter()
    chosen = []
    for photo in sorted(photos, key=lambda p: p.name not in rare):
        count[photo.person] += 1
        if count[photo.person] <= PER_PERSON[photo.source]:
            chosen.append(photo)
    return chosen


def collect(data: Path, weights: Path, labels: Path, out: Path, limit: int) -> None:
    """Write the canvases of photos on which the aligner finds a face that is no validation portrait's."""
    embed = load_identity(weights)
    if embed is None:
        raise SystemExit(f"The split needs onnxruntime and the identity network in '{weights}'.")
    with np.load(labels) as packed:
        kept_out = packed["embedding"][packed["validation"]]
    files, morpher = PhotoFiles(data), FaceMorpher.from_checkpoint(aligner="builtin")
    rows: list[dict[str, Any]] = []
    for photo in choose_photos(data, files)[:limit]:
        pixels = np.asarray(Image.open(io.BytesIO(files.read(photo.source, photo.name))).convert("RGB"))
        try:
            face = morpher.align(pixels)
        except FaceMorphError:
            continue
        points = transform_points(invert_matrix(face.matrix), face.landmarks)
        if (kept_out @ embed(pixels, points)).max() > SAME_PERSON:
            continue
        matrix = canvas_from_photo(face, CROP, CANVAS)
        image, inside = crop_photo(pixels, matrix, CANVAS)
        rows.append(
            {"name": photo.name, "image": image, "inside": inside, "landmarks": transform_points(matrix, points)}
        )
    np.savez(out, **{key: np.stack([row[key] for row in rows]) for key in rows[0]})
    print(f"{len(rows)} photos")


@torch.inference_mode()
def probabilities(model: PartsParser, x: torch.Tensor) -> torch.Tensor:
    """Return the classes' probabilities, averaged with those of the mirrored picture; as `PartsParser.parts`."""
    mirrored = model.parts(x.flip(-1)).flip(-1)[:, list(MIRRORED)]
    return (model.parts(x) + mirrored) / 2


def label_photos(model: PartsParser, image: Picture, inside: npt.NDArray[np.bool_], sure: float) -> Picture:
    """Return (N, CANVAS, CANVAS) labels of as large canvases; `IGNORE` below the probability `sure` and outside."""
    margin, size = (CANVAS - CROP) // 2, model.config.image_size
    label = np.full(image.shape[:3], IGNORE, np.uint8)
    for start in range(0, len(image), 16):
        crops = image[start : start + 16, margin:-margin, margin:-margin]
        x = torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2).float() / 255
        x = F.interpolate(x, size=(size, size), mode="bilinear", antialias=True)
        p = probabilities(model, x.contiguous(memory_format=torch.channels_last))
        best, part = F.interpolate(p, size=(CROP, CROP), mode="bilinear").max(1)
        part = part.masked_fill(best < sure, IGNORE).to(torch.uint8)
        label[start : start + 16, margin:-margin, margin:-margin] = part.numpy()
    label[~inside] = IGNORE
    return label


def correct_heads(label: Picture, image: Picture, known: dict[str, str] | None) -> Picture:
    """Return a map without the hats that are none, and without the hair of the bald.

    Bald heads look like hats, or are given a cap of hair, by a parser that saw few of them.

    Args:
        label: (c, c) uint8.
        image: (c, c, 3) uint8 RGB.
        known: CelebA's attributes of the photo, "0" or "1" by name; None where there are none.
    """
    hat, skin = label == HAT, label == SKIN
    if not skin.any():
        return label
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    skin_colour = np.median(lab[skin], 0)
    if known is not None and known["Bald"] == "1":
        alike = np.linalg.norm(lab - skin_colour, axis=2) < LIKE_SKIN
        doubtful = (label == HAIR) | (hat & (known["Wearing_Hat"] != "1"))
        return np.where(doubtful, np.where(alike, SKIN, IGNORE), label).astype(np.uint8)
    if not hat.any() or (known is not None and known["Wearing_Hat"] == "1"):
        return label
    no_hat = known is not None or np.linalg.norm(np.median(lab[hat], 0) - skin_colour) < LIKE_SKIN
    return np.where(hat, IGNORE, label).astype(np.uint8) if no_hat else label


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    steps = parser.add_subparsers(dest="step", required=True)
    first, second = steps.add_parser("collect"), steps.add_parser("label")
    for name in ("--data", "--weights", "--labels", "--out"):
        first.add_argument(name, type=Path, required=True)
    first.add_argument("--limit", type=int, default=5000)
    for name in ("--data", "--photos", "--checkpoint", "--out"):
        second.add_argument(name, type=Path, required=True)
    second.add_argument("--sure", type=float, default=0.6)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.step == "collect":
        collect(args.data, args.weights, args.labels, args.out, args.limit)
        return
    photos, model = dict(np.load(args.photos)), PartsParser.from_checkpoint(args.checkpoint)
    label, known = label_photos(model, photos["image"], photos["inside"], args.sure), read_attributes(args.data)
    for index, name in enumerate(photos["name"]):
        label[index] = correct_heads(label[index], photos["image"][index], known.get(name))
    np.savez(args.out, image=photos["image"], label=label, landmarks=photos["landmarks"], name=photos["name"])
    print(f"{len(label)} photos, {np.mean(label == IGNORE):.3f} of their places unsure or outside")


if __name__ == "__main__":
    main()
