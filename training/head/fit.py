"""Fit the mean head and write its checkpoint: 68 points by structure from motion, the rest after the teacher's meshes.

    python -m training.head.fit --points packed/head-points.npz --meshes packed/head-meshes.npz --out runs/head

No photo and no mesh of a validation person is used.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from facemorph import checkpoint
from facemorph.head.model import HeadConfig, HeadModel
from training.data.split import is_validation
from training.head.motion import structure_from_motion
from training.head.surface import dense_surface, mean_mesh, pulled_to, upright


def training_meshes(path: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the (N, V, 3) meshes of training people, and which of their vertices are the 68 points."""
    with np.load(path) as file:
        return file["meshes"][~file["validation"]].astype(np.float64), file["marks"]


def build(points: npt.NDArray[np.float64], meshes: Path, config: HeadConfig) -> HeadModel:
    """Return the model of (68, 3) points and the file of `training.head.meshes`."""
    model = HeadModel(config)
    shapes, marks = training_meshes(meshes)
    mesh = pulled_to(upright(mean_mesh(shapes), marks, points), marks, points)
    surface, front = dense_surface(mesh, config.rows, config.columns)
    for name, values in (("points", points), ("surface", surface), ("front", front)):
        getattr(model, name).copy_(torch.from_numpy(values))
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=Path, default=Path("packed/head-points.npz"))
    parser.add_argument("--meshes", type=Path, default=Path("packed/head-meshes.npz"))
    parser.add_argument("--out", type=Path, default=Path("runs/head"))
    parser.add_argument("--rounds", type=int, default=20)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with np.load(args.points) as file:
        landmarks, people = file["landmarks"].astype(np.float64), file["person"]
    if any(is_validation(str(person)) for person in people):
        raise SystemExit(f"'{args.points}' holds people kept for validation. Make it again.")
    points, poses = structure_from_motion(landmarks, args.rounds)
    config = HeadConfig()
    checkpoint.save(args.out / "checkpoint", build(points, args.meshes, config), config)
    print(f"{len(landmarks)} photos, median distance from the head {np.median(poses.rest):.4f} eye distances.")


if __name__ == "__main__":
    main()
