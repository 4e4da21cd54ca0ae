"""The average of a network's weights over its training, which is what a checkpoint holds."""

from __future__ import annotations

import torch
from torch import nn

EMA_EVERY = 4


class Ema:
    """Exponential moving average of a model's weights, over about `horizon` steps once it has run that long."""

    def __init__(self, model: nn.Module, horizon: float) -> None:
        self.horizon, self.count = horizon, 0
        self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.count += 1
        part = max(EMA_EVERY / self.horizon, 1 / (1 + self.count))
        own, new = list(self.weights.values()), [value.detach() for value in model.state_dict().values()]
        torch._foreach_lerp_(own, new, part)
