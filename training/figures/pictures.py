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
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from facemorph import AlignedFace, FaceMorpher, images
from facemorph.morph import compose, join, positions, resize

EXAMPLES = Path(__file__).resolve().parent.parent / "assets" / "examples"
SIZE = 256
SHOWN = ("1a", "1b")
HARD = ("2a", "2b")
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


def stages(morpher: FaceMorpher, a: AlignedFace, b: AlignedFace) -> list[tuple[str, np.ndarray, np.ndarray | None]]:
    """Return (title, upper picture, lower picture) of each stage at alpha 0.5; no lower one where both are joined."""
    with torch.inference_mode():
        ends = [morpher.prepare(face, SIZE) for face in (a, b)]
        whole, weight, _ = pictures(*ends, positions(torch.tensor([0.5])), SIZE)
        codes = [morpher.networks.encode(resize(x, morpher.networks.image_size))[0] for x in whole]
    kinds = [images.to_uint8(end.regions.membership[:, [2, 1, 0]])[0] for end in ends]
    owner = weight[0, 0].numpy()
    return [
        ("photo, aligned\n68 landmarks", a.image, b.image),
        ("hair, skin and clothes,\nbackground", kinds[0], kinds[1]),
        ("warped, one colour,\none background", *(images.to_uint8(x)[0] for x in whole)),
        ("encoded: 16×16 code\n(first 3 components)", _pseudocolour(codes[0]), _pseudocolour(codes[1])),
        ("who owns a place,\nfrom dark (A) to light (B)", owner, None),
        ("codes mixed, repaired, decoded,\ndetails added back", morpher.frame(a, b, 0.5, SIZE), None),
    ]


def _pseudocolour(spatial: torch.Tensor) -> np.ndarray:
    """Show the three strongest principal components of a spatial code as RGB."""
    code = spatial[0].flatten(1)
    centred = code - code.mean(1, keepdim=True)
    components = torch.linalg.svd(centred, full_matrices=False).Vh[:3].reshape(3, *spatial.shape[-2:])
    low, high = components.amin((1, 2), keepdim=True), components.amax((1, 2), keepdim=True)
    return ((components - low) / (high - low)).permute(1, 2, 0).numpy()


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
    morpher.morph(*hard, num_frames=7, size=256).save(args.out / "limits.png")


if __name__ == "__main__":
    main()
