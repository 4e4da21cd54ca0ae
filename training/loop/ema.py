"""The average of a network's weights over its training, which is what a checkpoint holds."""

from __future__ import annotations

from typing import Any

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
        """Take in the weights as they are now; to be called every `EMA_EVERY` steps."""
        self.count += 1
        part = max(EMA_EVERY / self.horizon, 1 / (1 + self.count))
        own, new = list(self.weights.values()), [value.detach() for value in model.state_dict().values()]
        torch._foreach_lerp_(own, new, part)

    def state(self) -> dict[str, Any]:
        """Return what `restore` takes, for `save_state`."""
        return {"ema": self.weights, "ema_count": self.count}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned, on the device of the model."""
        for name, value in self.weights.items():
            value.copy_(state["ema"][name])
        self.count = state["ema_count"]
