"""Kernel distance between the frames of morphs and real crops: how far they are from looking like photos of people.

Network: torchvision's AlexNet (ImageNet), which no model of this project was trained with. A picture of 128 × 128 px
gives the spatial means of the last four ReLU stages (192 + 384 + 256 + 256 numbers). These are projected on the 32
first principal directions of real crops and divided by the standard deviation of the real crops along each. On the
result, the squared maximum mean discrepancy with the kernel (x · y / 32 + 1)³ is estimated without bias (Gretton et al.
2012, Lemma 6; the kernel of Bińkowski et al. 2018, "KID"). This is no FID and no KID: the network is another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torchvision
from torch import nn

from facemorph import images

FRAME_SIZE = 128
STAGES = (4, 7, 9, 11)
"""Indices of the last four ReLU layers in AlexNet's features."""
DIRECTIONS = 32
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

Array = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]


def load_alexnet(weights: Path | None) -> nn.Sequential:
    """Return AlexNet's feature layers, frozen.

    Args:
        weights: a folder with `alexnet_features.pth`; None takes torchvision's, from the web where need be.
    """
    if weights is None:
        network = torchvision.models.alexnet(weights="IMAGENET1K_V1").features
    else:
        network = torchvision.models.alexnet(weights=None).features
        state = torch.load(weights / "alexnet_features.pth", weights_only=True)
        network.load_state_dict({name.removeprefix("features."): value for name, value in state.items()})
    for layer in network:
        if isinstance(layer, nn.ReLU):
            layer.inplace = False
    return network.eval().requires_grad_(False)


def features(network: nn.Sequential, pictures: Picture) -> Array:
    """Return the stage means of (N, S, S, 3) uint8 pictures, S from 63, (N, 1088) float64."""
    rows = []
    for part in np.array_split(pictures, max(1, len(pictures) // 32)):
        x = (images.to_tensor(part) - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
        means = []
        with torch.inference_mode():
            for index, layer in enumerate(network[: STAGES[-1] + 1]):
                x = layer(x)
                if index in STAGES:
                    means.append(x.mean((2, 3)))
        rows.append(torch.cat(means, 1).double().numpy())
    return np.concatenate(rows)


@dataclass(frozen=True)
class Reference:
    """Real crops, projected and whitened by themselves.

    Attributes:
        centre: (F,) mean of their features.
        directions: (F, 32) principal directions over the standard deviation along each.
        projected: (N, 32), the crops themselves.
        weights: (N,), sum 1: how much each counts, so that the sources are mixed as in the pairs.
    """

    centre: Array
    directions: Array
    projected: Array
    weights: Array

    def project(self, rows: Array) -> Array:
        """Project features (..., F) to (..., 32)."""
        return (rows - self.centre) @ self.directions


def fit_reference(rows: Array, weights: Array | None = None) -> Reference:
    """Return the reference that features (N, F) of real crops make; `weights` (N,) are positive, None for all equal."""
    share = np.full(len(rows), 1 / len(rows)) if weights is None else weights / weights.sum()
    centre = share @ rows
    _, values, basis = np.linalg.svd(np.sqrt(share)[:, None] * (rows - centre), full_matrices=False)
    directions = (basis[:DIRECTIONS] / values[:DIRECTIONS, None]).T
    return Reference(centre, directions, (rows - centre) @ directions, share)


def kernel(a: Array, b: Array) -> Array:
    """Return (x · y / 32 + 1)³ between all rows of (N, 32) and (M, 32), (N, M)."""
    return (a @ b.T / DIRECTIONS + 1) ** 3


def within(gram: Array, weights: Array) -> float:
    """Return the weighted mean of a kernel (N, N) over pairs of different rows."""
    product = weights[:, None] * weights[None]
    np.fill_diagonal(product, 0)
    total = product.sum()
    return float((product * gram).sum() / total) if total else float("nan")


def kernel_distance(a: Array, b: Array, weights_a: Array | None = None, weights_b: Array | None = None) -> float:
    """Return the unbiased squared maximum mean discrepancy of (N, 32) and (M, 32); about 0, or below, for one source.

    Args:
        a, b: projected features.
        weights_a, weights_b: how much each row counts. Whole numbers stand for rows that a bootstrap drew repeatedly: a
            row is never paired with its own copy.
    """
    w, v = (np.ones(len(x)) if y is None else y for x, y in ((a, weights_a), (b, weights_b)))
    across = float(w @ kernel(a, b) @ v / (w.sum() * v.sum()))
    return within(kernel(a, a), w) + within(kernel(b, b), v) - 2 * across


def distance_over_alphas(frames: Array, reference: Reference) -> Callable[[Array], float]:
    """Return the mean over alphas of the distance of the frames there to the reference, as a function of pairs' counts.

    Each alpha is measured alone, so that frames of one pair, which are alike, are not compared with each other.

    Args:
        frames: (P, A, 32) projected features of P pairs at A alphas.
        reference: real crops.

    Returns:
        A function of how often each pair counts, (P,): `kernel_distance`, the kernels computed once.
    """
    alphas = range(frames.shape[1])
    grams = np.stack([kernel(frames[:, i], frames[:, i]) for i in alphas])
    across = np.stack([kernel(frames[:, i], reference.projected) @ reference.weights for i in alphas])
    own = within(kernel(reference.projected, reference.projected), reference.weights)

    def distance(counts: Array) -> float:
        near = across @ counts / counts.sum()
        return float(np.mean([within(gram, counts) + own - 2 * x for gram, x in zip(grams, near, strict=True)]))

    return distance


def floor(reference: Reference, repeats: int = 50) -> float:
    """Return the mean distance of random halves of the reference: what no difference looks like."""
    rng = np.random.default_rng(0)
    values = []
    for _ in range(repeats):
        order = rng.permutation(len(reference.projected))
        one, two = np.array_split(order, 2)
        values.append(
            kernel_distance(
                reference.projected[one], reference.projected[two], reference.weights[one], reference.weights[two]
            )
        )
    return float(np.mean(values))
