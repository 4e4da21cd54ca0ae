"""Compare the conditional autoencoders of `training.train_attribute_vae`, on validation people, and draw a traversal.

    python -m training.disentanglement --packed packed/crops.npz --attributes packed/attributes.npz \
        --codes runs/prior/codes-training.pt --held runs/prior/codes-validation.pt --runs runs/attribute-vae \
        --traversal assets/traversal.png

MIG: mutual information gap (Chen et al. 2018), mean over attributes, between binned dimensions of z and the attribute's
sign. Read: mean AUC of logistic regression that reads the attributes from z; 0.5 means that they were kept out. PSNR:
of the decoded picture against the decoded code that went in.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image

from facemorph import images
from facemorph.models import AttributeVae, FaceAutoencoder, Latent
from facemorph.pipeline import DEFAULT_CHECKPOINT
from training.label_attributes import NAMES, auc, fit_logistic
from training.prior_codes import SOURCES

BINS = 20
FITTED_ON, MEASURED_ON = 4000, 400
REACH = (-3.0, -1.5, 0.0, 1.5, 3.0)
DIRECTIONS, SAMPLES = 5, 5


def mutual_information(z: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the mutual information, in nats, of each column of (N, D) with (N,) bools, over bins of equal count."""
    result = np.zeros(z.shape[1])
    for column in range(z.shape[1]):
        edges = np.quantile(z[:, column], np.linspace(0, 1, BINS + 1)[1:-1])
        joint = np.zeros((BINS, 2))
        np.add.at(joint, (np.searchsorted(edges, z[:, column]), positive.astype(int)), 1 / len(z))
        apart = joint.sum(1, keepdims=True) * joint.sum(0)
        seen = joint > 0
        result[column] = (joint[seen] * np.log(joint[seen] / apart[seen])).sum()
    return result


def mutual_information_gap(z: npt.NDArray[np.float64], attributes: npt.NDArray[np.float64]) -> float:
    """Return the mean gap between the two most informative dimensions, in parts of each attribute's entropy."""
    gaps = []
    for column in attributes.T:
        positive = column > 0
        part = positive.mean()
        if 0 < part < 1:
            best = np.sort(mutual_information(z, positive))[::-1]
            gaps.append((best[0] - best[1]) / -(part * np.log(part) + (1 - part) * np.log(1 - part)))
    return float(np.mean(gaps))


def labelled(args: argparse.Namespace, *, validation: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return spatial codes, compact codes and attributes of one side of the split."""
    packed, labels = np.load(args.packed), np.load(args.attributes)
    rows = np.flatnonzero(np.isin(packed["source"], SOURCES) & (packed["validation"] == validation))
    stored = torch.load(args.held if validation else args.codes, weights_only=True, mmap=True)
    values = torch.from_numpy(labels["values"][rows].astype(np.float32))
    step = max(1, len(rows) // FITTED_ON)
    return stored["spatial"][0][::step].float(), stored["compact"][0][::step].float(), values[::step]


def row(
    model: AttributeVae, decoder: FaceAutoencoder, known: tuple[torch.Tensor, ...], held: tuple[torch.Tensor, ...]
) -> str:
    """Return the table's row of one model."""
    with torch.inference_mode():
        fitted = model.encode(known[0]).mode()
        posterior = model.encode(held[0])
        z = posterior.mode()
        spatial, compact = model.decode(z, held[2])
        few = slice(0, MEASURED_ON)
        pictures = decoder.decode(Latent(spatial[few], compact[few])).clamp(0, 1)
        target = decoder.decode(Latent(held[0][few], F.normalize(held[1][few], dim=1))).clamp(0, 1)
    psnr = float((-10 * (pictures - target).square().flatten(1).mean(1).log10()).mean())
    mean, std = fitted.mean(0), fitted.std(0).clamp_min(1e-6)
    read = []
    for column in range(len(NAMES)):
        weight, bias = fit_logistic((fitted - mean) / std, known[2][:, column] > 0)
        read.append(auc(((z - mean) / std @ weight + bias).numpy(), (held[2][:, column] > 0).numpy()))
    gap = mutual_information_gap(fitted.double().numpy(), known[2].double().numpy())
    kl = f"{float(posterior.kl().mean()):.0f}" if model.config.variational else "–"
    return f"{psnr:.2f} | {kl} | {gap:.4f} | {np.nanmean(read):.3f}"


def traversal(model: AttributeVae, decoder: FaceAutoencoder, held: tuple[torch.Tensor, ...]) -> Image.Image:
    """Draw the strongest directions of z in rows, then samples without and with a smile and glasses."""
    generator = torch.Generator().manual_seed(1)
    attributes = held[2].mean(0, keepdim=True)
    with torch.inference_mode():
        z = model.encode(held[0]).mode()
        strongest = z.var(0).argsort(descending=True)[:DIRECTIONS]
        rows = []
        for dimension in strongest.tolist():
            latents = torch.zeros(len(REACH), z.shape[1])
            latents[:, dimension] = torch.tensor(REACH)
            rows.append((latents, attributes.expand(len(REACH), -1)))
        drawn = torch.randn(SAMPLES, z.shape[1], generator=generator)
        for changed in ({}, {"smile": 1.0}, {"gender": -1.0, "smile": 1.0}, {"gender": 1.0, "beard": 1.0}):
            told = attributes.repeat(SAMPLES, 1)
            for name, value in changed.items():
                told[:, NAMES.index(name)] = value
            rows.append((drawn, told))
        pictures = [decoder.decode(Latent(*model.decode(*each))).clamp(0, 1) for each in rows]
    return Image.fromarray(np.concatenate([np.concatenate(list(images.to_uint8(x)), 1) for x in pictures], 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--attributes", type=Path, required=True)
    parser.add_argument("--codes", type=Path, required=True)
    parser.add_argument("--held", type=Path, required=True, help="codes-validation.pt of training.train_prior")
    parser.add_argument("--runs", type=Path, required=True, help="folder of beta0, beta1, beta4, beta10")
    parser.add_argument("--traversal", type=Path, help="picture to draw, of the model with β 4")
    args = parser.parse_args()
    decoder = FaceAutoencoder.from_checkpoint(DEFAULT_CHECKPOINT)
    known, held = labelled(args, validation=False), labelled(args, validation=True)
    print(f"{len(held[0])} crops of validation people; fitted on {len(known[0])}\n")
    print("| Model | PSNR dB | KL nats | MIG | attributes read from z, AUC |\n|---|---|---|---|---|")
    for name, beta in (("AE", "beta0"), ("VAE, β = 1", "beta1"), ("β = 4", "beta4"), ("β = 10", "beta10")):
        model = AttributeVae.from_checkpoint(args.runs / beta / "checkpoint")
        print(f"| {name} | {row(model, decoder, known, held)} |", flush=True)
        if args.traversal is not None and beta == "beta4":
            traversal(model, decoder, held).save(args.traversal)


if __name__ == "__main__":
    main()
