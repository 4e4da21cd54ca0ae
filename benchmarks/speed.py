"""Time each stage and the whole job, photos → GIF, beside OpenCV's warp-and-dissolve, in one run.

    python -m benchmarks.speed [photo_a photo_b]

Times are the best of five after one warm-up, with torch's own choice of threads. Memory is the peak of this process,
interpreter and libraries included.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import torch

from facemorph import AlignedFace, FaceMorpher
from facemorph.align.face import CROP_SIZE
from facemorph.settings import Quality
from judges.rivals import delaunay

EXAMPLES = Path(__file__).resolve().parent.parent / "assets" / "examples"
NUM_FRAMES = 24
REPEATS = 5

Result = TypeVar("Result")


def best(job: Callable[[], Result]) -> tuple[float, Result]:
    """Return the seconds of the fastest of `REPEATS` runs after one warm-up, and the last result."""
    result = job()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = job()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def seconds_to_load() -> float:
    """Return the seconds from `import facemorph` to a loaded morpher, in a fresh interpreter."""
    code = (
        "import time; start = time.perf_counter(); from facemorph import FaceMorpher; "
        "FaceMorpher.from_checkpoint(); print(time.perf_counter() - start)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True) for _ in range(2)]
    return min(float(run.stdout) for run in runs)


def opencv_seconds(faces: list[AlignedFace], size: int) -> float:
    """Return the seconds of OpenCV's warp-and-dissolve over the same crops and landmarks, GIF left out."""
    a, b = (cv2.resize(face.image, (size, size), interpolation=cv2.INTER_AREA) for face in faces)
    points_a, points_b = ((face.landmarks + 0.5) * (size / CROP_SIZE) - 0.5 for face in faces)
    alphas = np.linspace(0, 1, NUM_FRAMES, dtype=np.float32)
    return best(lambda: delaunay.morph(a, b, points_a, points_b, alphas))[0]


def measure(morpher: FaceMorpher, photos: list[Path], size: int, gif: Path) -> dict[str, str]:
    """Time the stages and the whole job at one size."""

    def align() -> list[AlignedFace]:
        return [morpher.align(photo) for photo in photos]

    def whole(quality: Quality) -> None:
        morpher.morph(*align(), num_frames=NUM_FRAMES, size=size, quality=quality).save(gif)

    align_seconds, faces = best(align)
    fast_seconds, _ = best(lambda: morpher.morph(*faces, num_frames=NUM_FRAMES, size=size, quality="fast"))
    best_seconds, result = best(lambda: morpher.morph(*faces, num_frames=NUM_FRAMES, size=size, quality="best"))
    gif_seconds, _ = best(lambda: result.save(gif))
    whole_fast, _ = best(lambda: whole("fast"))
    whole_best, _ = best(lambda: whole("best"))
    peer_seconds = opencv_seconds(faces, size)
    return {
        "read and align two photos": f"{align_seconds:.2f}",
        f"morph, {NUM_FRAMES} frames, fast": f"{fast_seconds:.2f}",
        f"morph, {NUM_FRAMES} frames, best": f"{best_seconds:.2f}",
        "write the GIF (ping-pong)": f"{gif_seconds:.2f}",
        "**whole job, photos → GIF, fast**": f"**{whole_fast:.2f}**",
        "**whole job, photos → GIF, best**": f"**{whole_best:.2f}**",
        "OpenCV's warp-and-dissolve, frames only": f"{peer_seconds:.2f}",
        "our best frames : OpenCV's": f"{best_seconds / peer_seconds:.1f} : 1",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="*", type=Path, help="two photos; default: the first two examples")
    args = parser.parse_args()
    photos = args.photos or sorted(EXAMPLES.glob("*.jpg"))[:2]
    if len(photos) != 2:
        parser.error("two photos are needed")
    print(f"{os.cpu_count()} cores, torch {torch.__version__} on {torch.get_num_threads()} threads\n")
    print(f"import to loaded morpher: {seconds_to_load():.1f} s\n")
    morpher = FaceMorpher.from_checkpoint(aligner="builtin")
    with tempfile.TemporaryDirectory() as folder:
        columns = [measure(morpher, photos, size, Path(folder) / "morph.gif") for size in (256, 512)]
    print("| seconds | 256 px | 512 px |\n|---|---|---|")
    for name in columns[0]:
        print(f"| {name} | {' | '.join(column[name] for column in columns)} |")
    print(f"\npeak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
