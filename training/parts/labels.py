"""Pack the hand-labelled portraits: aligned, their sides put right, split by person, in one file.

    python -m training.parts.labels --data ../shared/data --weights ../shared/weights --out packed/parts.npz

The file holds, for each of N portraits: `image` (N, 320, 320, 3) uint8, `label` (N, 320, 320) uint8 (`CLASSES` of
`facemorph.models.parts_parser`; 255 outside the photo), `landmarks` (N, 68, 2) float32 in pixels of the canvas,
`validation` (N,) bool, `embedding` (N, 128) float32 of L2 norm 1, and `name`.

Convention: a canvas is the canonical crop of 256 px with a margin of an eighth of its side all around, so that crops
may be turned, shifted and shrunk without running out of photo.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from facemorph.align import AlignedFace
from facemorph.align.crop import crop_photo, invert_matrix, transform_points
from facemorph.errors import FaceMorphError
from facemorph.pipeline import FaceMorpher
from judges.identity import Embed, load_identity

CROP = 256
"""Side of the canonical crop inside a canvas, pixels."""
CANVAS = 320
"""Side of a canvas, pixels."""
IGNORE = 255
SIDES = ((4, 5), (6, 7), (8, 9))
"""Classes of the person's own left and right: eyes, brows, ears."""
SAME_PERSON = 0.45
"""Cosine from which two portraits may show one person."""
VALIDATION_PART = 0.12
LARGEST_GROUP = 8
"""Larger groups of look-alikes all go to training: they chain up strangers."""

Picture = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]


def canvas_from_photo(face: AlignedFace, crop: int = CROP, canvas: int = CANVAS) -> FloatArray:
    """Return the (2, 3) similarity from photo pixels to a canvas whose canonical crop has `crop` pixels."""
    scale = crop / face.image.shape[0]
    matrix = face.matrix.astype(np.float64) * scale
    matrix[:, 2] += (scale - 1) / 2 + (canvas - crop) / 2
    return matrix.astype(np.float32)


def warp_labels(label: Picture, matrix: FloatArray, side: int) -> Picture:
    """Warp a map of parts by nearest neighbour; outside the photo it is `IGNORE`."""
    return cv2.warpAffine(
        label, matrix, (side, side), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=IGNORE
    )


def put_sides_right(label: Picture) -> Picture:
    """Swap left and right parts of a map where they were named as the viewer sees them.

    An upright person's own left is on the viewer's right. In some maps eyes, brows and ears all say otherwise.
    """
    votes = [_centre(label, left) - _centre(label, right) for left, right in SIDES]
    if np.nansum(np.sign(votes)) >= 0:
        return label
    table = np.arange(256, dtype=np.uint8)
    for left, right in SIDES:
        table[left], table[right] = right, left
    return table[label]


def _centre(label: Picture, part: int) -> float:
    columns = np.nonzero(label == part)[1]
    return float(columns.mean()) if len(columns) else float("nan")


def align_all(data: Path, embed: Embed) -> Iterator[dict[str, Any]]:
    """Yield the canvas of each portrait on which the aligner finds a face."""
    morpher = FaceMorpher.from_checkpoint(aligner="builtin")
    with zipfile.ZipFile(data / "celebamask.zip") as archive:
        for name in sorted(n for n in archive.namelist() if n.startswith("images/") and n.endswith(".webp")):
            photo = np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB"))
            part = name.replace("images", "parts").replace("webp", "png")
            label = np.array(Image.open(io.BytesIO(archive.read(part))))
            try:
                face = morpher.align(photo)
            except FaceMorphError as error:
                print(f"{name} left out: {error}")
                continue
            matrix = canvas_from_photo(face)
            points = transform_points(invert_matrix(face.matrix), face.landmarks)
            yield {
                "name": Path(name).stem,
                "image": crop_photo(photo, matrix, CANVAS)[0],
                "label": warp_labels(put_sides_right(label), matrix, CANVAS),
                "landmarks": transform_points(matrix, points),
                "embedding": embed(photo, points).astype(np.float32),
            }


def groups_of(embedding: FloatArray, threshold: float = SAME_PERSON) -> npt.NDArray[np.int64]:
    """Return (N,) group numbers: portraits linked by pairs above `threshold` share one."""
    group = np.arange(len(embedding))
    for i, j in zip(*np.nonzero(np.triu(embedding @ embedding.T > threshold, 1)), strict=True):
        group[group == group[j]] = group[i]
    return np.unique(group, return_inverse=True)[1]


def choose_validation(embedding: FloatArray, seed: int = 0) -> npt.NDArray[np.bool_]:
    """Draw whole groups of look-alikes until `VALIDATION_PART` of the portraits are drawn."""
    group = groups_of(embedding)
    size = np.bincount(group)
    chosen = np.zeros(len(size), bool)
    for number in np.random.default_rng(seed).permutation(len(size)):
        if size[chosen].sum() >= VALIDATION_PART * len(group):
            break
        chosen[number] = size[number] <= LARGEST_GROUP
    return chosen[group]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True, help="folder of the identity network")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    embed = load_identity(args.weights)
    if embed is None:
        raise SystemExit(f"The split needs onnxruntime and the identity network in '{args.weights}'.")
    rows = list(align_all(args.data, embed))
    columns = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
    columns["validation"] = choose_validation(columns["embedding"])
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(args.out, **columns)
    sizes = np.bincount(groups_of(columns["embedding"]))
    print(f"{len(rows)} portraits, {columns['validation'].sum()} for validation; groups up to {np.sort(sizes)[-5:]}")


if __name__ == "__main__":
    main()
