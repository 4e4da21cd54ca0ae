"""Reconstruction: how near a picture comes to the one it stands for (the source's PSNR, SSIM and LPIPS)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from skimage.metrics import structural_similarity
from torch import nn

from facemorph import images


@dataclass(frozen=True)
class Quality:
    """Per-photo measures of reconstructions, each (N,) float64."""

    psnr: npt.NDArray[np.float64]
    ssim: npt.NDArray[np.float64]
    lpips: npt.NDArray[np.float64]


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
