"""Print the source's table (PSNR, SSIM, LPIPS) of every autoencoder in `checkpoints/`, on people it never saw.

    python -m training.evaluate --data ../shared/data --weights ../shared/weights

The photos are read from the data folder and aligned by our own aligner, nothing is taken from the training pack.
LPIPS is over AlexNet, which no model here was trained with. `python -m training.evaluate attributes` judges edits
instead (`training.evaluate_attributes`); `reconstruction` names this table, which is also what no word gives.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from skimage.metrics import structural_similarity
from torch import nn

from facemorph import checkpoint, images, morph
from facemorph.align import Aligner
from facemorph.errors import FaceMorphError
from facemorph.models import Autoencoder, FaceAutoencoder, load_autoencoder
from training import evaluate_attributes
from training.perceptual import load_lpips
from training.photos import PhotoFiles
from training.split import is_validation

SOURCES = ("london", "celeba", "lfw")


@dataclass(frozen=True)
class Quality:
    """Per-photo measures of reconstructions, each (N,) float64."""

    psnr: npt.NDArray[np.float64]
    ssim: npt.NDArray[np.float64]
    lpips: npt.NDArray[np.float64]


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


def psnr(output: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the peak signal-to-noise ratio of each of (N, H, W, 3) uint8 pictures, in dB."""
    error = (output.astype(np.float64) - target).reshape(len(output), -1)
    return 10 * np.log10(255**2 / np.maximum((error**2).mean(1), 1e-9))


def measure(output: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8], perceptual: nn.Module) -> Quality:
    """Compare (N, H, W, 3) uint8 pictures with their targets; SSIM as Wang et al. 2004 (Gaussian window, σ 1.5)."""
    ssim = [
        structural_similarity(
            a, b, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for a, b in zip(output, target, strict=True)
    ]
    with torch.inference_mode():
        distances = [
            perceptual(images.to_tensor(a), images.to_tensor(b), normalize=True).flatten()
            for a, b in zip(np.array_split(output, len(output)), np.array_split(target, len(target)), strict=True)
        ]
    return Quality(psnr(output, target), np.array(ssim), torch.cat(distances).double().numpy())


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


def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["attributes"]:
        parser = argparse.ArgumentParser("training.evaluate attributes", description=evaluate_attributes.__doc__)
        evaluate_attributes.add_arguments(parser)
        evaluate_attributes.run(parser.parse_args(words[1:]))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="folder of AlexNet's weights; without it torchvision's")
    parser.add_argument("--checkpoint", type=Path, action="append", help="default: every autoencoder of the project")
    parser.add_argument("--count", type=int, default=200, help="photos, of one person each")
    args = parser.parse_args(words[1:] if words[:1] == ["reconstruction"] else words)
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
