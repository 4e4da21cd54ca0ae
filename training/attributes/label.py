"""Label every packed crop with the attributes of `facemorph.attributes`, and say whose label each is.

    python -m training.attributes.label --data ../shared/data --weights ../shared/weights \
        --packed packed/crops.npz --out packed/attributes.npz

CelebA's labels (photos up to 020000) and UTKFace's age and gender are taken as they are. The rest are pseudo-labels of
a classifier of our own: logistic and ridge regression on features of SqueezeNet, fitted on labelled training people
and measured on labelled validation people, which the command prints. Rows are those of the pack.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from facemorph.attributes import ATTRIBUTES
from judges.perceptual import load_lpips
from training.data.crops import decode_crop

NAMES = tuple(ATTRIBUTES)
CELEBA = {
    "gender": "Male",
    "smile": "Smiling",
    "open_mouth": "Mouth_Slightly_Open",
    "glasses": "Eyeglasses",
    "beard": "No_Beard",
    "bangs": "Bangs",
    "blond_hair": "Blond_Hair",
    "black_hair": "Black_Hair",
    "grey_hair": "Gray_Hair",
    "pale_skin": "Pale_Skin",
    "lipstick": "Wearing_Lipstick",
    "makeup": "Heavy_Makeup",
    "bushy_brows": "Bushy_Eyebrows",
    "chubby": "Chubby",
    "receding_hair": "Receding_Hairline",
    "hat": "Wearing_Hat",
}
OPPOSITE = ("No_Beard",)
UNKNOWN, FROM_CELEBA, FROM_UTKFACE, PSEUDO = range(4)
OLDEST = 80.0
"""Years at which the age is 1; birth is -1."""
LAYERS, CELLS, AXES = (2, 4, 6), 4, 1500
"""Stages of SqueezeNet, side of the grid that each is pooled to, principal axes that are kept."""
AT_ONCE = 64

Floats = npt.NDArray[np.float32]


def own_labels(packed: dict[str, np.ndarray], data: Path) -> tuple[Floats, npt.NDArray[np.uint8]]:
    """Return the labels that come with the photos, (N, K) in [-1, 1], and whose they are; 0 where there is none."""
    with (data / "celeba_attributes.csv").open() as file:
        celeba = {row["file"]: row for row in csv.DictReader(file)}
    values = np.zeros((len(packed["name"]), len(NAMES)), np.float32)
    origin = np.zeros(values.shape, np.uint8)
    for row, (source, name) in enumerate(zip(packed["source"], packed["name"], strict=True)):
        if source == "celeba" and name in celeba:
            for attribute, word in CELEBA.items():
                sign = -1 if word in OPPOSITE else 1
                values[row, NAMES.index(attribute)] = sign * (2 * int(celeba[name][word]) - 1)
                origin[row, NAMES.index(attribute)] = FROM_CELEBA
        elif source == "utkface":
            age, gender = (int(word) for word in name.split("_")[:2])
            values[row, NAMES.index("age")] = min(age / OLDEST, 1.0) * 2 - 1
            values[row, NAMES.index("gender")] = 1 - 2 * gender
            origin[row, [NAMES.index("age"), NAMES.index("gender")]] = FROM_UTKFACE
    return values, origin


def features(packed: dict[str, np.ndarray], weights: Path | None) -> torch.Tensor:
    """Return SqueezeNet's features of all crops, (N, D) float16."""
    network = load_lpips("squeeze", weights)
    content, offset = packed["content"], packed["offset"]
    rows = []
    for start in range(0, len(offset) - 1, AT_ONCE):
        crops = [
            decode_crop(content[offset[i] : offset[i + 1]]) for i in range(start, min(start + AT_ONCE, len(offset) - 1))
        ]
        x = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.inference_mode():
            stages = network.net(network.scaling_layer(x.contiguous(memory_format=torch.channels_last)))
        rows.append(torch.cat([F.adaptive_avg_pool2d(stages[k], CELLS).flatten(1) for k in LAYERS], 1).half())
    return torch.cat(rows)


def principal_scores(x: torch.Tensor, axes: int) -> torch.Tensor:
    """Return the scores of (N, D) features along their principal axes, of unit variance, (N, axes)."""
    centred = (x.float() - x.float().mean(0)) / x.float().std(0).clamp_min(1e-3)
    _, strengths, basis = torch.svd_lowrank(centred, q=axes, niter=2)
    return centred @ basis / strengths * len(x) ** 0.5


def fit_logistic(x: torch.Tensor, positive: torch.Tensor, penalty: float = 3e-3) -> tuple[torch.Tensor, torch.Tensor]:
    """Fit logistic regression of (N,) bools on (N, D) scores; weights (D,) and bias."""
    weight, bias = torch.zeros(x.shape[1], requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(x @ weight + bias, positive.float())
        loss = loss + penalty * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weight.detach(), bias.detach()


def fit_ridge(x: torch.Tensor, y: torch.Tensor, penalty: float = 0.1) -> tuple[torch.Tensor, torch.Tensor]:
    """Fit ridge regression of (N,) values on (N, D) scores; weights (D,) and bias."""
    mean = y.mean()
    system = x.T @ x + penalty * len(x) * torch.eye(x.shape[1])
    return torch.linalg.solve(system, x.T @ (y - mean)), mean


def auc(score: npt.ArrayLike, positive: npt.ArrayLike) -> float:
    """Return the area under the ROC curve of (N,) scores for (N,) bools; nan with one class only."""
    score, positive = np.asarray(score), np.asarray(positive, bool)
    order = np.argsort(np.argsort(score, kind="stable"), kind="stable") + 1.0
    yes, no = positive.sum(), (~positive).sum()
    return float("nan") if not yes or not no else float((order[positive].sum() - yes * (yes + 1) / 2) / (yes * no))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="folder of SqueezeNet's weights; without it torchvision's")
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    packed = dict(np.load(args.packed))
    values, origin = own_labels(packed, args.data)
    scores = principal_scores(features(packed, args.weights), AXES)
    validation = packed["validation"]
    print("| Attribute | labelled for training | on validation people |")
    print("|---|---|---|")
    for column, name in enumerate(NAMES):
        known = origin[:, column] > 0
        train, test = np.flatnonzero(known & ~validation), np.flatnonzero(known & validation)
        truth = torch.from_numpy(values[:, column])
        if name == "age":
            weight, bias = fit_ridge(scores[train], truth[train])
            guess = (scores @ weight + bias).clamp(-1, 1)
            error = (guess[test] - truth[test]).abs().mean() * OLDEST / 2
            measure = f"error {error:.1f} years ({len(test)})"
        else:
            weight, bias = fit_logistic(scores[train], truth[train] > 0)
            guess = 2 * torch.sigmoid(scores @ weight + bias) - 1
            measure = f"AUC {auc(guess[test], truth[test] > 0):.3f} ({len(test)})"
        print(f"| {name} | {len(train)} | {measure} |", flush=True)
        values[:, column] = np.where(known, values[:, column], guess.numpy())
        origin[:, column] = np.where(known, origin[:, column], PSEUDO)
    np.savez_compressed(args.out, names=np.array(NAMES), values=values.astype(np.float16), origin=origin)


if __name__ == "__main__":
    main()
