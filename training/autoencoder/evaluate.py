"""Print the source's table (PSNR, SSIM, LPIPS) of every autoencoder in `checkpoints/`, on people it never saw.

    python -m training.autoencoder.evaluate --data ../shared/data --weights ../shared/weights

The photos are read from the data folder and aligned by our own aligner, nothing is taken from the training pack.
LPIPS is over AlexNet, which no model here was trained with.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from facemorph import checkpoint, images, morph
from facemorph.align import Aligner
from facemorph.errors import FaceMorphError
from facemorph.models import Autoencoder, FaceAutoencoder, load_autoencoder
from judges.perceptual import load_lpips
from judges.reconstruction import measure, psnr
from training.data.photos import PhotoFiles
from training.data.split import is_validation

SOURCES = ("london", "celeba", "lfw")


def validation_crops(data: Path, count: int, size: int) -> tuple[npt.NDArray[np.uint8], list[str]]:
    """Align one photo each of `count` people kept for validation, spread evenly over the sources.

    Returns:
        (N, size, size, 3) uint8 crops, and the names of the photos that the aligner could not use.
    """
    files, aligner = PhotoFiles(data), Aligner.load("builtin")
    one_each = {photo.person: photo for photo in reversed(files.list()) if is_validation(photo.person)}
    crops, failed = [], []
    for number, source in enumerate(SOURCES):
        photos = sorted((p for p in one_each.values() if p.source == source), key=lambda photo: photo.name)
        left = (count - len(crops) - len(failed)) // (len(SOURCES) - number)
        for index in np.linspace(0, len(photos) - 1, min(left, len(photos))).astype(int):
            try:
                content = files.read(source, photos[index].name)
                aligned = aligner.align(images.load_photo(Image.open(io.BytesIO(content))).pixels)
            except FaceMorphError:
                failed.append(f"{source}/{photos[index].name}")
                continue
            crops.append(images.to_uint8(morph.resize(images.to_tensor(aligned.image), size))[0])
    return np.stack(crops), failed


def reconstruct(
    model: Autoencoder, crops: npt.NDArray[np.uint8], *, compact_only: bool = False
) -> tuple[npt.NDArray[np.uint8], float]:
    """Return the reconstructions of (N, S, S, 3) crops in float32, and milliseconds per picture."""
    outputs = []
    start = time.perf_counter()
    for part in np.array_split(crops, max(1, len(crops) // 24)):
        with torch.inference_mode():
            z = model.encode(images.to_tensor(part).contiguous(memory_format=torch.channels_last)).mode()
            if compact_only and isinstance(model, FaceAutoencoder):
                z = model.without_spatial(z)
            outputs.append(images.to_uint8(model.decode(z)))
    return np.concatenate(outputs), 1000 * (time.perf_counter() - start) / len(crops)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="folder of AlexNet's weights; without it torchvision's")
    parser.add_argument("--checkpoint", type=Path, action="append", help="default: every autoencoder of the project")
    parser.add_argument("--count", type=int, default=200, help="photos, of one person each")
    args = parser.parse_args()
    folders = args.checkpoint or [
        folder
        for folder in sorted(checkpoint.CHECKPOINTS.iterdir())
        if checkpoint.read_model_name(folder).endswith("Autoencoder")
    ]
    perceptual = load_lpips("alex", args.weights)
    crops, failed = validation_crops(args.data, args.count, 128)
    print(f"{len(crops)} people never trained on; {len(failed)} photos not aligned: {', '.join(failed) or 'none'}\n")
    print("| Checkpoint | PSNR dB | lowest | under 30 dB | SSIM | LPIPS-Alex | PSNR compact alone | ms a picture |")
    print("|---|---|---|---|---|---|---|---|")
    for folder in folders:
        model = load_autoencoder(folder)
        reconstruct(model, crops[:8])
        outputs, milliseconds = reconstruct(model, crops)
        quality = measure(outputs, crops, perceptual)
        alone = "–"
        if isinstance(model, FaceAutoencoder):
            alone = f"{psnr(reconstruct(model, crops, compact_only=True)[0], crops).mean():.2f}"
        print(
            f"| {folder.name} | {quality.psnr.mean():.2f} | {quality.psnr.min():.2f} | {(quality.psnr < 30).sum()} "
            f"| {quality.ssim.mean():.4f} | {quality.lpips.mean():.4f} | {alone} | {milliseconds:.1f} |"
        )


if __name__ == "__main__":
    main()
