"""Measure poses on people that the head was not fitted to, and print the table of its checkpoint's README.

    python -m training.head.evaluate --data ../shared/data --meshes packed/head-meshes.npz

Frontal portraits: the London Set's neutral faces, which look into the camera: their yaw should be 0. Mirrored twins:
the sum of a photo's yaw and of its mirror image's, each looked at afresh, should be 0. The teacher: the rotation of
mediapipe's mesh onto its own mean (Kabsch 1976), which stands upright in the head's frame; left out where the file of
`training.head.meshes` is missing. Twins and teacher: all validation people of CelebA and LFW. Degrees.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from facemorph.align import Aligner
from facemorph.head import Head, fit_head, load_head, own_head, rasterise
from facemorph.head.fit import angles
from facemorph.head.model import FOLDER
from training.data.photos import Photo, PhotoFiles
from training.data.split import is_validation
from training.head.points import central_face, decode
from training.head.surface import best_rotations, mean_mesh, upright

Array = npt.NDArray[np.float64]

TURNED = (0.0, 10.0, 20.0, 30.0, 90.0)
"""Degrees of yaw that the rows of the tables are divided by."""


def marked(photos: list[Photo], files: PhotoFiles, aligner: Aligner, *, mirrored: bool) -> list[Array | None]:
    """Return the landmarks of each photo or of its mirror image, None where no face was found."""
    found = []
    for photo in photos:
        pixels = decode(files.read(photo.source, photo.name))
        face = central_face(aligner, np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels)
        found.append(None if face is None else face.landmarks.astype(np.float64))
    return found


def poses(head: Head, landmarks: list[Array | None]) -> Array:
    """Return (N, 3) yaw, pitch and roll; NaN where there is no face, or no head explains it."""
    told = np.full((len(landmarks), 3), np.nan)
    for row, points in enumerate(landmarks):
        pose = None if points is None else fit_head(head, points).pose
        if pose is not None and pose.told:
            told[row] = pose.yaw, pose.pitch, pose.roll
    return told


def teacher_poses(path: Path, photos: list[Photo], head: Head) -> Array:
    """Return (N, 3) yaw, pitch and roll of the teacher's meshes; NaN where it found no face."""
    with np.load(path) as file:
        meshes, marks = file["meshes"].astype(np.float64), file["marks"]
        names, training = list(zip(file["source"], file["name"], strict=True)), ~file["validation"]
    mean = upright(mean_mesh(meshes[training]), marks, head.points.astype(np.float64))
    turned = best_rotations(mean - mean.mean(0), meshes - meshes.mean(1, keepdims=True)).transpose(0, 2, 1)
    rows = {name: row for name, row in zip(names, np.stack(angles(turned), 1), strict=True)}
    none = np.full(3, np.nan)
    return np.stack([rows.get((photo.source, photo.name), none) for photo in photos])


def spread(name: str, errors: Array) -> str:
    """Return a row of the table; `errors` in degrees, NaN where there is none."""
    errors = errors[np.isfinite(errors)]
    if not len(errors):
        return f"| {name} | 0 | – | – | – | – | – |"
    size = np.abs(errors)
    numbers = (errors.mean(), errors.std(), np.median(size), np.percentile(size, 90), size.max())
    return f"| {name} | {len(errors)} | " + " | ".join(f"{number:.1f}" for number in numbers) + " |"


def by_turn(name: str, errors: Array, turn: Array) -> list[str]:
    """Return rows for all photos and for parts of them by the size of their yaw `turn`."""
    rows = [spread(f"**{name}**", errors)]
    for low, high in pairwise(TURNED):
        chosen = (np.abs(turn) >= low) & (np.abs(turn) < high)
        rows.append(spread(f"{name}, turned by {low:.0f}–{high:.0f}°", errors[chosen]))
    return rows


def milliseconds(work: Callable[[], object], repeats: int = 30) -> float:
    """Return the median time of some work on the processor."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1000 * float(np.median(times))


def report_times(head: Head, landmarks: Array) -> None:
    """Print how long one face takes, and one map of 128 px."""
    fit = fit_head(head, landmarks)
    own = own_head(head, fit, landmarks)
    projected = fit.project(own.surface.reshape(-1, 3))
    projected[:, :2] -= fit.translation
    projected = projected * (0.27 * 128 / fit.scale) + (63.5, 61, 0)
    print(f"Pose {milliseconds(lambda: fit_head(head, landmarks)):.1f} ms,", end=" ")
    print(f"own head {milliseconds(lambda: own_head(head, fit, landmarks)):.1f} ms,", end=" ")
    print(f"raster of 128 px {milliseconds(lambda: rasterise(projected, head.triangles, (128, 128))):.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--meshes", type=Path, default=Path("packed/head-meshes.npz"))
    parser.add_argument("--head", type=Path, default=FOLDER, help="folder of the checkpoint")
    args = parser.parse_args()
    torch.set_num_threads(1)
    head, aligner, files = load_head(args.head), Aligner.load("builtin"), PhotoFiles(args.data)
    listed = [photo for photo in files.list() if is_validation(photo.person)]
    portraits = [photo for photo in listed if photo.source == "london" and "neutral" in photo.name]
    photos = [photo for photo in listed if photo.source in ("celeba", "lfw")]
    print(
        "| Yaw | Photos | Mean | Standard deviation | Median size | 90 % below | Worst |\n|---|---|---|---|---|---|---|"
    )
    frontal = poses(head, marked(portraits, files, aligner, mirrored=False))
    print(spread("**frontal portraits**", frontal[:, 0]), flush=True)
    landmarks = marked(photos, files, aligner, mirrored=False)
    plain, twin = poses(head, landmarks), poses(head, marked(photos, files, aligner, mirrored=True))
    print("\n".join(by_turn("mirrored twins", plain[:, 0] + twin[:, 0], plain[:, 0])), flush=True)
    if args.meshes.is_file():
        teacher = teacher_poses(args.meshes, photos, head)
        print("\n".join(by_turn("the teacher", plain[:, 0] - teacher[:, 0], teacher[:, 0])))
        both = np.isfinite(plain + teacher).all(1)
        for axis, name in enumerate(("Yaw", "Pitch", "Roll")):
            ours, theirs = plain[both, axis], teacher[both, axis]
            slope, correlation = np.polyfit(theirs, ours, 1)[0], np.corrcoef(ours, theirs)[0, 1]
            error = (ours - theirs).std()
            print(f"{name} on the teacher's: slope {slope:.2f}, correlation {correlation:.3f}, deviation {error:.1f}°")
    found = [points for points in landmarks if points is not None]
    print(f"A face in {len(found)} of {len(photos)} photos, its pose told in {np.isfinite(plain[:, 0]).sum()}.")
    report_times(head, found[0])


if __name__ == "__main__":
    main()
