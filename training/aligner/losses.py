"""What the detector and the landmark network are trained on."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from facemorph.align.detector import DetectorOutput
from facemorph.align.landmarks import LandmarkOutput
from training.loop.distributed import Evened, unshared

Batch = dict[str, torch.Tensor]


def detector_loss(output: DetectorOutput, batch: Batch, evened: Evened = unshared) -> dict[str, torch.Tensor]:
    """Penalty-reduced focal loss of the heat (Zhou et al. 2019, equation 1) and L1 of the poses (smooth in roll)."""
    heat, p = batch["heat"], output.logits.sigmoid()
    positive = (heat == 1).float()
    log_p, log_q = F.logsigmoid(output.logits), F.logsigmoid(-output.logits)
    found = -((1 - p) ** 2 * log_p * positive).sum()
    silent = -((1 - heat) ** 4 * p**2 * log_q * (1 - positive) * batch["known"]).sum()
    scale = batch["poses"][:, 2:3].exp() * 3  # of the pose, in cells: 24 pixels are 3
    difference = (output.poses - batch["poses"]).abs()
    place = difference[:, :2].sum(1, keepdim=True) / scale
    turn = F.smooth_l1_loss(output.poses[:, 3:], batch["poses"][:, 3:], reduction="none", beta=0.5)
    turn = turn.sum(1, keepdim=True)
    weight = batch["weight"] / evened(batch["weight"].sum(), 1)
    return {
        "heat": (found + silent) / evened(positive.sum(), 4),
        "place": 2 * (place * weight).sum(),
        "scale": 2 * (difference[:, 2:3] * weight).sum(),
        "roll": 4 * (turn * weight).sum(),
    }


def landmark_loss(
    output: LandmarkOutput, batch: Batch, window_size: int, evened: Evened = unshared
) -> dict[str, torch.Tensor]:
    """L1 of the points in units of the mean face, inner points counting more, and cross-entropy of the face score."""
    weights = torch.ones(68, device=output.landmarks.device)
    weights[:17], weights[27:] = 0.5, 1.5
    distance = (output.landmarks - batch["landmarks"]).abs().sum(2) * weights
    points = (distance.mean(1) * batch["face"]).sum() / evened(batch["face"].sum(), 1)
    return {
        "points": points * 3.2 / window_size,
        "face": 0.6 * F.binary_cross_entropy_with_logits(output.logits, batch["face"]),
    }
