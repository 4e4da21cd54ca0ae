"""How fast a network learns at each step of its training."""

from __future__ import annotations

import math


def warm_then_cosine(step: int, progress: float, warm_steps: int) -> float:
    """Return the part of the highest learning rate: a linear rise, and a cosine (Loshchilov & Hutter 2017) to 1 %.

    Args:
        step: steps done so far.
        progress: part of the whole training that is done, in [0, 1].
        warm_steps: how many steps the rise takes.
    """
    return min(1.0, (step + 1) / warm_steps) * max(0.01, 0.5 * (1 + math.cos(math.pi * progress)))
