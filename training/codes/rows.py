"""The attributes and landmarks of the crops whose codes `training.codes.encode` keeps, row by row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from facemorph.models import AttributeEditor
from training.attributes.label import NAMES
from training.codes.encode import SOURCES

CROP_SIZE = 128


def coded_rows(packed: Path, *, validation: bool) -> npt.NDArray[np.intp]:
    """Return which crops of the pack the codes of one side of the split are of, in their order."""
    pack = np.load(packed)
    return np.flatnonzero(np.isin(pack["source"], SOURCES) & (pack["validation"] == validation))


def load_attributes(attributes: Path, rows: npt.NDArray[np.intp]) -> torch.Tensor:
    """Return the attributes of crops, (N, K) float32 in [-1, 1], in the order of `NAMES`."""
    labels = np.load(attributes)
    if tuple(labels["names"]) != NAMES:
        raise SystemExit(f"'{attributes}' holds other attributes. Run training.attributes.label again.")
    return torch.from_numpy(labels["values"][rows].astype(np.float32))


def load_points(packed: Path, rows: npt.NDArray[np.intp]) -> torch.Tensor:
    """Return the landmarks of crops, (N, 68, 2) float32, parts of the side."""
    return (torch.from_numpy(np.load(packed)["landmarks"][rows].astype(np.float32)) + 0.5) / CROP_SIZE


def read_present(editor: AttributeEditor, spatial: torch.Tensor, compact: torch.Tensor) -> torch.Tensor:
    """Return how far N faces have each attribute as the editor reads it, (N, K), of codes in any precision."""
    device, parts = editor.reading.device, zip(spatial.split(1024), compact.split(1024), strict=True)
    with torch.no_grad():
        return torch.cat([editor.present(s.float().to(device), c.float().to(device)).cpu() for s, c in parts])
