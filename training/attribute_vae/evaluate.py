"""Compare the conditional autoencoders of `training.attribute_vae.train`, on validation people, and draw a traversal.

    python -m training.attribute_vae.evaluate --packed packed/crops.npz --runs runs/attribute-vae \
        --traversal assets/traversal.png

What the table's columns say:
- PSNR: of the decoded picture against the picture decoded from the code that went in.
- KL: nats, mean over people. Prior gap: nats per dimension between a Gaussian fitted to draws of z and N(0, 1).
- D, C, R²: disentanglement and completeness (Eastwood & Williams 2018, lasso) of what z should still tell: pose, width
  and light (`FACTORS`), and how well the same lasso foretells them.
- D, C of attributes: the same for the attributes, which z should not tell.
- Read: mean AUC of logistic regression, on z and its squares, that reads the attributes; 0.5 means kept out.
- Obeyed: how far a decoded code moves between an attribute told as -1 and as 1, in the eyes of a linear reader of
  codes, in parts of how far real faces without and with it lie apart; mean over attributes.
Readers and lassos are fitted on training people.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

from facemorph import images
from facemorph.models import AttributeVae, FaceAutoencoder, Latent
from facemorph.pipeline import DEFAULT_CHECKPOINT
from training.attributes.label import NAMES, auc, fit_logistic
from training.codes.rows import coded_rows, load_attributes
from training.data.crops import decode_crop

MODELS = {"AE": "ae", "VAE, β = 1": "beta-1", "β = 4": "beta-4", "β = 10": "beta-10"}
FACTORS = ("turn", "nod", "jaw width", "face light", "backdrop light", "warmth", "light from one side")
FITTED_ON, MEASURED_ON = 4000, 400
CODE_AXES = 256
LASSO, LASSO_STEPS = 0.03, 500
REACH = tuple(np.linspace(-2.5, 2.5, 7))
DIRECTIONS, CELL, MARGIN = 6, 96, 112
TOLD: tuple[dict[str, float], ...] = (
    {"smile": -1.0, "open_mouth": -1.0},
    {"smile": 1.0, "open_mouth": 1.0},
    {"glasses": 1.0},
    {"gender": -1.0, "lipstick": 1.0, "beard": -1.0},
    {"gender": 1.0, "lipstick": -1.0, "beard": 1.0, "makeup": -1.0},
    {"age": -0.4},
    {"age": 0.8, "grey_hair": 1.0},
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """People of one side of the split.

    Attributes:
        spatial: (N, C, h, w) codes.
        compact: (N, D) unit vectors.
        attributes: (N, K) in [-1, 1].
        factors: (N, len(FACTORS)).
    """

    spatial: torch.Tensor
    compact: torch.Tensor
    attributes: torch.Tensor
    factors: torch.Tensor


def picture_factors(x: Floats, landmarks: Floats) -> Floats:
    """Return `FACTORS` of (N, 128, 128, 3) pictures in [0, 1] with (N, 68, 2) landmarks."""
    light = x.mean(-1)
    face, left, right = light[:, 44:96, 36:92], light[:, 44:96, 36:64], light[:, 44:96, 64:92]
    ear, other_ear, nose, chin = (landmarks[:, k] for k in (0, 16, 30, 8))
    eyes = landmarks[:, 36:48].mean(1)
    width = other_ear[:, 0] - ear[:, 0]
    columns = (
        (2 * nose[:, 0] - ear[:, 0] - other_ear[:, 0]) / width,
        (nose[:, 1] - eyes[:, 1]) / (chin[:, 1] - eyes[:, 1]),
        width,
        face.mean((1, 2)),
        np.concatenate([light[:, :48, :16], light[:, :48, -16:]], 2).mean((1, 2)),
        (x[:, 44:96, 36:92, 0] - x[:, 44:96, 36:92, 2]).mean((1, 2)),
        left.mean((1, 2)) - right.mean((1, 2)),
    )
    return np.stack(columns, 1)


def load_side(args: argparse.Namespace, *, validation: bool) -> Side:
    """Return the people of one side of the split, those for training thinned out."""
    packed, rows = np.load(args.packed), coded_rows(args.packed, validation=validation)
    name = "codes-validation.pt" if validation else "codes-training.pt"
    stored = torch.load(args.codes / name, weights_only=True, mmap=True)
    step = max(1, len(rows) // FITTED_ON)
    rows, content, offset = rows[::step], packed["content"], packed["offset"]
    pictures = np.stack([decode_crop(content[offset[i] : offset[i + 1]]) for i in rows]).astype(np.float32) / 255
    return Side(
        stored["spatial"][0][::step].float(),
        F.normalize(stored["compact"][0][::step].float(), dim=1),
        load_attributes(args.attributes or args.packed.parent / "attributes.npz", rows),
        torch.from_numpy(picture_factors(pictures, packed["landmarks"][rows].astype(np.float32))).float(),
    )


def fit_lasso(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the (D, M) lasso weights of standardised (N, M) on (N, D), by FISTA (Beck & Teboulle 2009)."""
    gram, target = z.T @ z / len(z), z.T @ y / len(z)
    step = 1 / torch.linalg.eigvalsh(gram)[-1]
    weights = ahead = torch.zeros_like(target)
    pace = 1.0
    for _ in range(LASSO_STEPS):
        moved = F.softshrink(ahead - step * (gram @ ahead - target), float(LASSO * step))
        faster = (1 + (1 + 4 * pace * pace) ** 0.5) / 2
        ahead, weights, pace = moved + (pace - 1) / faster * (moved - weights), moved, faster
    return weights


def disentanglement_and_completeness(importance: Floats) -> tuple[float, float]:
    """Return both scores, in [0, 1], of (D, M) importances of dimensions for factors (Eastwood & Williams 2018).

    Dimensions count as much as they are important, factors all the same.
    """

    def one_minus_entropy(parts: Floats) -> Floats:
        share = parts / parts.sum(1, keepdims=True).clip(1e-12)
        return 1 + (share * np.log(share.clip(1e-12))).sum(1) / np.log(parts.shape[1])

    weight = importance.sum(1) / importance.sum()
    told = importance.sum(0) > 0
    return (
        float((weight * one_minus_entropy(importance)).sum()),
        float(one_minus_entropy(importance.T)[told].mean()),
    )


def prior_gap(z: torch.Tensor) -> float:
    """Return KL(Gaussian fitted to (N, D) draws || N(0, 1)), in nats per dimension."""
    covariance, mean = torch.cov(z.double().T), z.double().mean(0)
    whole = covariance.trace() + mean.square().sum() - len(mean) - torch.logdet(covariance)
    return float(whole / 2 / len(mean))


def standardised(known: torch.Tensor, held: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both with the means and deviations of the first taken out."""
    mean, std = known.mean(0), known.std(0).clamp_min(1e-6)
    return (known - mean) / std, (held - mean) / std


def mean_auc(known: torch.Tensor, held: torch.Tensor, attributes: torch.Tensor, truth: torch.Tensor) -> float:
    """Return the mean AUC, on held rows, of logistic regression of each attribute's sign."""
    aucs = []
    for column in range(attributes.shape[1]):
        weight, bias = fit_logistic(known, attributes[:, column] > 0)
        aucs.append(auc((held @ weight + bias).numpy(), (truth[:, column] > 0).numpy()))
    return float(np.nanmean(aucs))


def code_readers(known: Side) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (E, K) directions of logistic regression of attributes on codes, and how far both groups lie apart."""
    flat = known.spatial.flatten(1)
    _, _, axes = torch.svd_lowrank(flat - flat.mean(0), q=CODE_AXES)
    scores = flat @ axes
    spread, directions, apart = scores.std(0), [], []
    for column in known.attributes.T:
        weight, _ = fit_logistic((scores - scores.mean(0)) / spread, column > 0)
        directions.append(axes @ (weight / spread))
        real = flat @ directions[-1]
        apart.append(real[column > 0].mean() - real[column <= 0].mean())
    return torch.stack(directions, 1), torch.stack(apart)


def obeyed(model: AttributeVae, held: Side, readers: tuple[torch.Tensor, torch.Tensor]) -> float:
    """Return how far decoded codes follow what is told, in parts of how far real faces lie apart."""
    z, (directions, apart), parts = model.encode(held.spatial).mode(), readers, []
    for column in range(len(NAMES)):
        less, more = held.attributes.clone(), held.attributes.clone()
        less[:, column], more[:, column] = -1, 1
        moved = (model.decode(z, more)[0] - model.decode(z, less)[0]).flatten(1).mean(0)
        parts.append(float(moved @ directions[:, column] / apart[column]))
    return float(np.mean(parts))


def row(
    model: AttributeVae, decoder: FaceAutoencoder, known: Side, held: Side, readers: tuple[torch.Tensor, torch.Tensor]
) -> str:
    """Return the table's row of one model."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        fitted, posterior = model.encode(known.spatial), model.encode(held.spatial)
        few = slice(0, MEASURED_ON)
        pictures = decoder.decode(Latent(*(x[few] for x in model.decode(posterior.mode(), held.attributes))))
        target = decoder.decode(Latent(held.spatial[few], held.compact[few]))
        told = obeyed(model, held, readers)
    psnr = -10 * (pictures.clamp(0, 1) - target.clamp(0, 1)).square().flatten(1).mean(1).log10()
    z, z_held = standardised(fitted.mode(), posterior.mode())
    scores = []
    for name in ("factors", "attributes"):
        y, y_held = standardised(getattr(known, name), getattr(held, name))
        weights = fit_lasso(z, y)
        scores += list(disentanglement_and_completeness(weights.abs().double().numpy()))
        if name == "factors":
            scores.append(float((1 - (y_held - z_held @ weights).square().mean(0) / y_held.var(0)).mean()))
    squared = standardised(torch.cat([z, z.square()], 1), torch.cat([z_held, z_held.square()], 1))
    read = mean_auc(*squared, known.attributes, held.attributes)
    kl = f"{float(posterior.kl().mean()):.0f}" if model.config.variational else "–"
    dci = " | ".join(f"{score:.2f}" for score in scores)
    return f"{psnr.mean():.2f} | {kl} | {prior_gap(fitted.sample(generator)):.2f} | {dci} | {read:.2f} | {told:.2f}"


def strongest(model: AttributeVae, known: Side) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the dimensions of z with the highest KL, and each one's KL in nats."""
    posterior = model.encode(known.spatial)
    if posterior.logvar is None:
        raise ValueError("a plain autoencoder has no KL")
    terms = 0.5 * (posterior.mean.square() + posterior.logvar.exp() - 1 - posterior.logvar).mean(0)
    return terms.argsort(descending=True)[:DIRECTIONS], terms


def traversal(model: AttributeVae, decoder: FaceAutoencoder, known: Side) -> Image.Image:
    """Draw the strongest directions of z in rows, then faces drawn from N(0, 1), told different attributes."""
    generator, count = torch.Generator().manual_seed(1), len(REACH)
    with torch.no_grad():
        dimensions, terms = strongest(model, known)
        rows = []
        for dimension in dimensions.tolist():
            latents = torch.zeros(count, model.config.latent_dim)
            latents[:, dimension] = torch.tensor(REACH)
            label = f"z {dimension}\n{terms[dimension]:.1f} nats"
            rows.append((label, latents, known.attributes.mean(0).expand(count, -1)))
        drawn = torch.randn(count, model.config.latent_dim, generator=generator)
        own = known.attributes[torch.randperm(len(known.attributes), generator=generator)[:count]]
        rows.append(("drawn from\nN(0, 1)", drawn, own))
        for changed in TOLD:
            told = own.clone()
            for name, value in changed.items():
                told[:, NAMES.index(name)] = value
            rows.append(("\n".join(f"{name} {value:+g}" for name, value in changed.items()), drawn, told))
        cells = [decoder.decode(Latent(*model.decode(z, told))).clamp(0, 1) for _, z, told in rows]
    return sheet([label for label, *_ in rows], cells)


def sheet(labels: list[str], cells: list[torch.Tensor]) -> Image.Image:
    """Lay out rows of pictures, each behind its label."""
    drawing = Image.new("RGB", (MARGIN + CELL * len(cells[0]), CELL * len(cells)), "white")
    pen, font = ImageDraw.Draw(drawing), ImageFont.load_default(size=13)
    for index, (label, pictures) in enumerate(zip(labels, cells, strict=True)):
        pen.multiline_text((6, CELL * (index + 0.5)), label, "black", font, anchor="lm")
        for column, picture in enumerate(images.to_uint8(pictures)):
            small = Image.fromarray(picture).resize((CELL, CELL), Image.Resampling.LANCZOS)
            drawing.paste(small, (MARGIN + CELL * column, CELL * index))
    return drawing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--attributes", type=Path, help="default: attributes.npz beside the pack")
    parser.add_argument("--codes", type=Path, default=Path("runs/prior"), help="folder of training.prior.train's codes")
    parser.add_argument("--runs", type=Path, required=True, help=f"folder of {', '.join(MODELS.values())}")
    parser.add_argument("--traversal", type=Path, help="picture to draw")
    parser.add_argument("--draw", choices=list(MODELS.values())[1:], default="beta-4", help="whose picture")
    args = parser.parse_args()
    torch.manual_seed(0)
    decoder = FaceAutoencoder.from_checkpoint(DEFAULT_CHECKPOINT)
    known, held = load_side(args, validation=False), load_side(args, validation=True)
    if args.traversal is not None:
        drawn = AttributeVae.from_checkpoint(args.runs / args.draw / "checkpoint")
        traversal(drawn, decoder, known).save(args.traversal)
    readers = code_readers(known)
    print(f"{len(held.spatial)} crops of validation people; fitted on {len(known.spatial)} of training people\n")
    print("| Model | PSNR dB | KL | Prior gap | D | C | R² | D of attributes | C of attributes | Read | Obeyed |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, folder in MODELS.items():
        if (args.runs / folder / "checkpoint").exists():
            model = AttributeVae.from_checkpoint(args.runs / folder / "checkpoint")
            print(f"| {name} | {row(model, decoder, known, held, readers)} |", flush=True)


if __name__ == "__main__":
    main()
