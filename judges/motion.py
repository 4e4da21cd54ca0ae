"""Motion: how much changes from frame to frame of an animation, to a network's eye.

Network: LPIPS (Zhang et al. 2018) over AlexNet, version 0.1, at the frames' own size; never trained with here.
"""

from __future__ import annotations

from dataclasses import dataclass

import lpips
import numpy as np
import numpy.typing as npt
import torch

from facemorph import images

NUM_FRAMES = 24
Array = npt.NDArray[np.float64]


def steps(frames: npt.NDArray[np.uint8], perceptual: lpips.LPIPS) -> Array:
    """Return LPIPS between neighbours of (T, S, S, 3) uint8 frames, (T - 1,).

    The same numbers as `perceptual(x, y)`, but the features of each frame are computed once.
    """
    before: list[torch.Tensor] | None = None
    changes = []
    with torch.inference_mode():
        for frame in frames:
            x = perceptual.scaling_layer(2 * images.to_tensor(frame) - 1)
            now = [lpips.normalize_tensor(stage) for stage in perceptual.net.forward(x)]
            if before is not None:
                change = [lin((p - q).square()).mean() for lin, p, q in zip(perceptual.lins, before, now, strict=True)]
                changes.append(float(torch.stack(change).sum()))
            before = now
    return np.array(changes)


@dataclass(frozen=True)
class Motion:
    """How evenly one animation moves.

    Attributes:
        length: sum of all steps ("PPL" in the literature on morphs); a short way is no merit, a dissolve has the
            shortest.
        spread: standard deviation of a step over the mean.
        peak: the largest step over the mean.
    """

    length: float
    spread: float
    peak: float


def motion(changes: Array) -> Motion:
    """Sum up steps (T - 1,)."""
    mean = float(changes.mean())
    if mean == 0:
        return Motion(0.0, 0.0, 1.0)
    return Motion(float(changes.sum()), float(changes.std()) / mean, float(changes.max()) / mean)
