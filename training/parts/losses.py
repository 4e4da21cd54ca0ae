"""What the parser is trained on: cross-entropy, dearer where hair ends, and overlap of the parts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from facemorph.models.parts_parser import CLASSES
from training.loop.distributed import Summed, alone
from training.parts.portraits import HAIR

FACE = slice(1, 10)
"""Skin, nose, glasses, eyes, brows, ears: what hair lies next to on a head."""
COMMON = 0.1
"""Part of a picture from which a class is common: rarer ones weigh more in the cross-entropy."""
FREQUENCY = (
    0.287, 0.255, 0.021, 0.003, 0.002, 0.002, 0.004, 0.004, 0.005, 0.004, 0.003, 0.004, 0.007, 0.311, 0.011, 0.002,
    0.0001, 0.041, 0.034,
)  # fmt: skip
"""Part of the places of the hand-drawn maps that each class holds."""
NEAR = 5
"""Side of the window, places of the logits, in which two classes are neighbours."""


@dataclass(frozen=True)
class Target:
    """What the logits (B, 19, m, m) should say.

    Attributes:
        parts: (B, 19, m, m) float32, which part of each place a class holds; 0 altogether where nothing is known.
        hull: (B, 1, m, m) float32 in [0, 1], the face up to the hairline.
    """

    parts: torch.Tensor
    hull: torch.Tensor


def make_target(label: torch.Tensor, hull: torch.Tensor, stride: int) -> Target:
    """Reduce (B, s, s) uint8 labels (255: unknown) and hulls to places of `stride` pixels, s / stride of them."""
    count = len(CLASSES)
    cells = F.pixel_unshuffle(label.unsqueeze(1).clamp_max(count), stride).long()
    shares = torch.zeros(len(label), count + 1, *cells.shape[2:], device=label.device)
    for cell in cells.split(1, 1):
        shares.scatter_add_(1, cell, torch.full(cell.shape, 1 / stride**2, device=label.device))
    return Target(shares[:, :count], F.avg_pool2d(hull.unsqueeze(1).float(), stride))


def near(share: torch.Tensor) -> torch.Tensor:
    """Return the largest share within a window around each place of (B, 1, m, m)."""
    return F.max_pool2d(share, NEAR, 1, NEAR // 2)


def entropy(logits: torch.Tensor, target: Target, summed: Summed = alone) -> torch.Tensor:
    """Return the mean cross-entropy; a place counts up to threefold and more where hair ends on a face."""
    weight = (COMMON / torch.tensor(FREQUENCY, device=logits.device)).pow(0.3).clamp(0.8, 3.0).reshape(1, -1, 1, 1)
    parts = target.parts
    edge = near(parts[:, HAIR : HAIR + 1]) * (2 * near(parts[:, FACE].sum(1, keepdim=True)) + near(parts[:, :1]))
    loss = -(logits.log_softmax(1) * parts * weight).sum(1, keepdim=True) * (1 + edge)
    total = ((parts * weight).sum(1, keepdim=True) * (1 + edge)).sum()
    return summed(loss.sum()) / summed(total).clamp_min(1)


def dice(p: torch.Tensor, truth: torch.Tensor, summed: Summed = alone, smooth: float = 20.0) -> torch.Tensor:
    """Return (C,) one minus the overlap (Milletari et al. 2016) of each channel of (B, C, m, m) over the batch."""
    both, each = summed((p * truth).sum((0, 2, 3))), summed((p + truth).sum((0, 2, 3)))
    return 1 - (2 * both + smooth) / (each + smooth)


def loss_of(logits: torch.Tensor, target: Target, summed: Summed = alone) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the loss of (B, 19, m, m) float32 logits, and its terms to be logged.

    `summed` adds up what all processes have (`Processes.summed`).
    """
    known = target.parts.sum(1, keepdim=True)
    p = logits.softmax(1) * known
    hair, hair_truth = p[:, HAIR : HAIR + 1], target.parts[:, HAIR : HAIR + 1]
    terms = {
        "entropy": entropy(logits, target, summed),
        "dice": dice(p, target.parts, summed).mean(),
        "hair": dice(hair, hair_truth, summed).sum(),
        "on_face": dice(hair * target.hull, hair_truth * target.hull, summed).sum(),
        "person": dice(p[:, 1:].sum(1, keepdim=True), target.parts[:, 1:].sum(1, keepdim=True), summed).sum(),
    }
    total = terms["entropy"] + 0.5 * terms["dice"] + 0.5 * (terms["hair"] + terms["on_face"] + terms["person"])
    return total, {name: float(term.detach()) for name, term in terms.items()}
