"""Draw the pictures of the README from the example faces.

    python -m training.make_figures --out assets

`morph.gif`, the moving example; `how-it-works.png`, the stages with what they really hold; `limits.png`, a pair that
goes badly.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from facemorph import AlignedFace, FaceMorpher, images
from facemorph.align.face import CROP_SIZE
from facemorph.checkpoint import CHECKPOINTS
from facemorph.models import Latent, load_autoencoder
from facemorph.morph import resize, warp

EXAMPLES = Path(__file__).resolve().parent.parent / "assets" / "examples"
SHOWN = ("1a", "1b")
HARD = ("2a", "2b")


def stages(a: AlignedFace, b: AlignedFace) -> list[tuple[str, np.ndarray, np.ndarray | None]]:
    """Return (title, upper picture, lower picture) of each stage at alpha 0.5; no lower one where both are joined."""
    model = load_autoencoder(CHECKPOINTS / "face-autoencoder")
    crops = [images.to_tensor(face.image) for face in (a, b)]
    points = [warp.control_points(face.landmarks, CROP_SIZE) for face in (a, b)]
    flows = warp.backward_flows((points[0] + points[1])[None] / 2, *points)
    warped = [warp.warp(resize(crop, 128), flow) for crop, flow in zip(crops, flows, strict=True)]
    with torch.inference_mode():
        codes = [model.encode(x).mode() for x in warped]
        spatial = [_pseudocolour(z) for z in codes]
        joined = FaceMorpher.from_checkpoint(aligner="builtin").frame(a, b, 0.5, 256)
    return [
        ("photo, aligned\n68 landmarks", a.image, b.image),
        ("warped to the\nlandmarks of this alpha", *(images.to_uint8(x)[0] for x in warped)),
        ("encoded: 16×16 code\n(first 3 components)", spatial[0], spatial[1]),
        ("codes blended, decoded,\ndetails added back", joined, None),
    ]


def _pseudocolour(z: Latent) -> np.ndarray:
    """Show the three strongest principal components of a spatial code as RGB."""
    code = z.spatial[0].flatten(1)
    centred = code - code.mean(1, keepdim=True)
    components = torch.linalg.svd(centred, full_matrices=False).Vh[:3].reshape(3, *z.spatial.shape[-2:])
    low, high = components.amin((1, 2), keepdim=True), components.amax((1, 2), keepdim=True)
    return ((components - low) / (high - low)).permute(1, 2, 0).numpy()


def draw_stages(a: AlignedFace, b: AlignedFace, path: Path) -> None:
    """Draw the stages from left to right."""
    figure = Figure(figsize=(11, 5.6), layout="constrained")
    columns = stages(a, b)
    grid = figure.add_gridspec(2, len(columns))
    for number, (title, upper, lower) in enumerate(columns):
        cells = [grid[:, number]] if lower is None else [grid[0, number], grid[1, number]]
        for row, (cell, picture) in enumerate(zip(cells, (upper, lower), strict=False)):
            axes = figure.add_subplot(cell)
            axes.imshow(picture)
            axes.set_axis_off()
            if row == 0:
                axes.set_title(title, fontsize=11)
            if number == 0:
                face = (a, b)[row]
                axes.scatter(face.landmarks[:, 0], face.landmarks[:, 1], s=3, color="#ffb000")
    FigureCanvasAgg(figure).print_png(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    morpher = FaceMorpher.from_checkpoint(aligner="builtin")
    a, b = (morpher.align(EXAMPLES / f"{name}.jpg") for name in SHOWN)
    morpher.morph(a, b, num_frames=24, size=256).save(args.out / "morph.gif")
    draw_stages(a, b, args.out / "how-it-works.png")
    hard = [morpher.align(EXAMPLES / f"{name}.jpg") for name in HARD]
    morpher.morph(*hard, num_frames=7, size=256).save(args.out / "limits.png")


if __name__ == "__main__":
    main()
