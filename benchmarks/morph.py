"""Measure morphs on pairs of people that no model was trained on: exact ends, even motion.

    python -m benchmarks.morph --data ../shared/data --weights ../shared/weights

Ends: PSNR of the first and last frame against the aligned photo, the lower of both. Steps: LPIPS over AlexNet between
neighbouring frames; spread is its standard deviation over its mean, peak its largest over its mean.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import nn

from facemorph import AlignedFace, FaceMorpher, images, morph
from facemorph.errors import FaceMorphError
from training.evaluate import psnr
from training.perceptual import load_lpips
from training.photos import PhotoFiles
from training.split import is_validation

NUM_FRAMES = 24
SOURCES = ("london", "celeba", "lfw")


def validation_pairs(
    data: Path, morpher: FaceMorpher, count: int, seed: int = 0
) -> list[tuple[AlignedFace, AlignedFace]]:
    """Align `count` pairs of different people kept for validation, each pair from one source."""
    files = PhotoFiles(data)
    rng = np.random.default_rng(seed)
    pairs = []
    for number in range(count):
        source = SOURCES[number % len(SOURCES)]
        photos = [photo for photo in files.list() if photo.source == source and is_validation(photo.person)]
        people = rng.permutation(sorted({photo.person for photo in photos}))
        faces: list[AlignedFace] = []
        for person in people:
            photo = next(photo for photo in photos if photo.person == person)
            try:
                faces.append(morpher.align(Image.open(io.BytesIO(files.read(source, photo.name)))))
            except FaceMorphError:
                continue
            if len(faces) == 2:
                break
        pairs.append((faces[0], faces[1]))
    return pairs


def steps(frames: npt.NDArray[np.uint8], perceptual: nn.Module) -> npt.NDArray[np.float64]:
    """Return LPIPS between neighbours of (T, S, S, 3) frames, (T - 1,)."""
    x = images.to_tensor(frames)
    with torch.inference_mode():
        changes = [perceptual(x[i : i + 1], x[i + 1 : i + 2], normalize=True).flatten() for i in range(len(x) - 1)]
    return torch.cat(changes).double().numpy()


def lower_end(result: npt.NDArray[np.uint8], pair: tuple[AlignedFace, AlignedFace]) -> float:
    """Return the PSNR in dB of the worse of both ends against the aligned photos."""
    size = result.shape[1]
    photos = [images.to_uint8(morph.resize(images.to_tensor(face.image), size))[0] for face in pair]
    return float(psnr(result[[0, -1]], np.stack(photos)).min())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="folder of AlexNet's weights; without it torchvision's")
    parser.add_argument("--pairs", type=int, default=12)
    args = parser.parse_args()
    morpher = FaceMorpher.from_checkpoint(aligner="builtin")
    perceptual = load_lpips("alex", args.weights)
    pairs = validation_pairs(args.data, morpher, args.pairs)
    print(f"{len(pairs)} pairs, {NUM_FRAMES} frames\n")
    print("| size | ends, lowest dB | spread, mean | worst | peak, mean | worst |\n|---|---|---|---|---|---|")
    for size in (256, 512):
        ends, spread, peak = [], [], []
        for pair in pairs:
            frames = morpher.morph(*pair, num_frames=NUM_FRAMES, size=size).frames
            ends.append(lower_end(frames, pair))
            change = steps(frames, perceptual)
            spread.append(change.std() / change.mean())
            peak.append(change.max() / change.mean())
        print(
            f"| {size} | {min(ends):.1f} | {np.mean(spread):.3f} | {max(spread):.3f} "
            f"| {np.mean(peak):.2f} | {max(peak):.2f} |"
        )


if __name__ == "__main__":
    main()
