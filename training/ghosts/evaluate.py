"""Say how well the ghost detector judges people it never saw.

    python -m training.ghosts.evaluate --packed packed/crops.npz --checkpoint runs/ghost-detector/checkpoint

Without `--checkpoint` it is the one that comes with the project.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facemorph import checkpoint
from facemorph.models import load_autoencoder
from judges.ghosts import FOLDER, GhostDetector, GhostDetectorConfig, ghost_scores
from training.ghosts.pictures import (
    Faces,
    degrade,
    delaunay_batch,
    draw_alphas,
    draw_people,
    read_faces,
    reencode,
    thin_plate_batch,
)

HELD_OUT = 400


def auc(ghosts: npt.NDArray[np.float64], reals: npt.NDArray[np.float64]) -> float:
    """Return the chance that a ghost scores above a real face; ties count half."""
    return float(((ghosts[:, None] > reals).mean() + (ghosts[:, None] >= reals).mean()) / 2)


def judged(detector: GhostDetector, crops: Faces, count: int, *, degraded: bool) -> list[str]:
    """Return table rows: how the detector tells real from ghost, by the warp, on `count` pictures of either kind."""
    rows = []
    for name, make in (("thin-plate", thin_plate_batch), ("Delaunay", delaunay_batch)):
        rng = np.random.default_rng(1)
        kinds = [
            make(crops, *draw_people(crops, count, rng), ghost, draw_alphas(ghost, rng, count))
            for ghost in (False, True)
        ]
        if degraded:
            kinds = [np.stack([degrade(picture, rng) for picture in kind]) for kind in kinds]
        real, ghost = (ghost_scores(detector, kind) for kind in kinds)
        accuracy = ((real < 0.5).mean() + (ghost >= 0.5).mean()) / 2
        rows.append(
            f"| {name}{', degraded' if degraded else ''} | {auc(ghost, real):.3f} | {100 * accuracy:.1f} % "
            f"| {real.mean():.3f} | {ghost.mean():.3f} |"
        )
    return rows


def controls(detector: GhostDetector, faces: Faces, count: int) -> list[str]:
    """Return table rows: the mean score of real crops, unwarped, after what is no ghost but could be taken for one."""
    real = faces.images[np.linspace(0, len(faces) - 1, count).astype(int)]
    changed = {"as they are": real}
    for sigma in (1.0, 2.0):
        changed[f"blurred, σ {sigma:g} px"] = np.stack([cv2.GaussianBlur(x, (0, 0), sigma) for x in real])
    changed["at half the contrast"] = (real / 2 + 64).astype(np.uint8)
    for name in ("conv", "face"):
        model = load_autoencoder(checkpoint.CHECKPOINTS / f"{name}-autoencoder")
        changed[f"reconstructed by {name}-autoencoder"] = reencode(real, model)
    return [f"| {name} | {ghost_scores(detector, pictures).mean():.3f} |" for name, pictures in changed.items()]


def evaluate(folder: Path, packed: Path) -> None:
    """Print how well a checkpoint judges people it never saw."""
    detector = checkpoint.load_model(folder, GhostDetector, GhostDetectorConfig)
    crops = read_faces(packed, validation=True)
    print(f"\n{HELD_OUT} pictures of either kind, of {len(set(crops.person))} people it never saw\n")
    print("| Warp | AUC | Accuracy | Mean score, real | Mean score, ghost |\n|---|---|---|---|---|")
    for degraded in (False, True):
        print("\n".join(judged(detector, crops, HELD_OUT, degraded=degraded)), flush=True)
    print("\n| Real crops of theirs | Mean score |\n|---|---|")
    print("\n".join(controls(detector, crops, HELD_OUT)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, default=FOLDER)
    args = parser.parse_args()
    evaluate(args.checkpoint, args.packed)


if __name__ == "__main__":
    main()
