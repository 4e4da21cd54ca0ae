"""Draw the pictures of the README from the example faces.

    python -m training.figures.pictures --out assets

`morph.gif`, the moving example; `how-it-works.png`, the stages with what they really hold; `edits.jpg`, what attributes
change; `limits.png`, a pair that goes badly.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from facemorph import AlignedFace, FaceMorpher, images
from facemorph.models.parts_parser import CLASSES
from facemorph.morph import compose, join, positions
from facemorph.result import Morph

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"
SIZE = 256
SHOWN = ("1a", "1b")
HARD = ("2a", "2b")
CHANGING = slice(8, 22, 2)
"""Frames of 24 in which most changes."""
EDITED = ("1a", "3a")
EDITS: tuple[tuple[str, dict[str, float]], ...] = (
    ("photo", {}),
    ("older", {"age": 0.8}),
    ("younger", {"age": -0.8}),
    ("masculine", {"gender": 0.8}),
    ("feminine", {"gender": -0.8}),
    ("a smile", {"smile": 0.8}),
    ("glasses", {"glasses": 0.8}),
    ("a beard", {"beard": 0.8}),
    ("bushy brows", {"bushy_brows": 0.8}),
    ("bangs", {"bangs": 0.8}),
    ("lipstick", {"lipstick": 0.8}),
    ("blond hair", {"blond_hair": 0.8}),
)
"""Titles and strengths."""
GREY = torch.tensor(0.5)
COLOURS = (255 * colormaps["tab20"](np.linspace(0, 1, len(CLASSES)))[:, :3]).astype(np.uint8)
"""One for each part."""


def stages(morpher: FaceMorpher, a: AlignedFace, b: AlignedFace) -> list[tuple[str, np.ndarray, np.ndarray | None]]:
    """Return (title, upper picture, lower picture) of each stage at alpha 0.5; no lower one where both are joined."""
    with torch.inference_mode():
        ends = [morpher.prepare(face, SIZE) for face in (a, b)]
        owner = compose(join(*ends), positions(torch.tensor([0.5]))).owner[0, 0].numpy()
    parts = [COLOURS[morpher.parts(face, SIZE)] for face in (a, b)]
    bodies = [images.to_uint8(end.layers.body[:, :3])[0] for end in ends]
    hairs = [images.to_uint8(torch.lerp(GREY, end.layers.hair[:, :3], end.layers.hair[:, 3:]))[0] for end in ends]
    return [
        ("photo, aligned\n68 landmarks", a.image, b.image),
        ("19 parts", parts[0], parts[1]),
        ("the body, whole under\nwhat covers it", bodies[0], bodies[1]),
        ("hair, free of what\nlies behind", hairs[0], hairs[1]),
        ("who owns the body,\nfrom dark (A) to light (B)", owner, None),
        ("composed and repaired", morpher.frame(a, b, 0.5, SIZE), None),
    ]


def draw_stages(morpher: FaceMorpher, a: AlignedFace, b: AlignedFace, path: Path) -> None:
    """Draw the stages from left to right."""
    figure = Figure(figsize=(15, 5.4), layout="constrained")
    columns = stages(morpher, a, b)
    grid = figure.add_gridspec(2, len(columns))
    for number, (title, upper, lower) in enumerate(columns):
        cells = [grid[:, number]] if lower is None else [grid[0, number], grid[1, number]]
        for row, (cell, picture) in enumerate(zip(cells, (upper, lower), strict=False)):
            axes = figure.add_subplot(cell)
            axes.imshow(picture, cmap="gray", vmin=0, vmax=1)  # the map only: the rest is RGB
            axes.set_axis_off()
            if row == 0:
                axes.set_title(title, fontsize=11)
            if number == 0:
                face = (a, b)[row]
                axes.scatter(face.landmarks[:, 0], face.landmarks[:, 1], s=3, color="#ffb000")
    FigureCanvasAgg(figure).print_png(path)


def draw_edits(morpher: FaceMorpher, faces: list[AlignedFace], path: Path) -> None:
    """Draw a block of two rows for each face."""
    columns = len(EDITS) // 2
    figure = Figure(figsize=(2 * columns, 4.4 * len(faces)), layout="constrained")
    axes = figure.subplots(2 * len(faces), columns).reshape(len(faces), len(EDITS))
    for face, row in zip(faces, axes, strict=True):
        for cell, (title, strengths) in zip(row, EDITS, strict=True):
            cell.imshow(morpher.edit(face, strengths, SIZE))
            cell.set_title(title, fontsize=11)
            cell.set_axis_off()
    FigureCanvasAgg(figure).print_jpg(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    morpher = FaceMorpher.from_checkpoint(aligner="builtin")
    a, b = (morpher.align(EXAMPLES / f"{name}.jpg") for name in SHOWN)
    morpher.morph(a, b, num_frames=24, size=256).save(args.out / "morph.gif")
    draw_stages(morpher, a, b, args.out / "how-it-works.png")
    draw_edits(morpher, [morpher.align(EXAMPLES / f"{name}.jpg") for name in EDITED], args.out / "edits.jpg")
    hard = [morpher.align(EXAMPLES / f"{name}.jpg") for name in HARD]
    whole = morpher.morph(*hard, num_frames=24, size=256)
    Morph(whole.frames[CHANGING], whole.alphas[CHANGING], ()).save(args.out / "limits.png")


if __name__ == "__main__":
    main()
