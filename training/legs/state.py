"""Where a training of several networks stands, so that the next leg goes on from there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

FILE = "state.pt"


def save_state(
    out: Path, nets: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer], **done: Any
) -> None:
    """Write weights, optimizers and whatever is in `done` to the folder `out`."""
    state = {name: net.state_dict() for name, net in nets.items()}
    state |= {f"{name}_optimizer": optimizer.state_dict() for name, optimizer in optimizers.items()}
    torch.save(state | done, out / "state.tmp")
    (out / "state.tmp").replace(out / FILE)


def load_state(
    out: Path, nets: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]
) -> dict[str, Any] | None:
    """Put back what `save_state` wrote to `out` and return `done`; None where there is no state."""
    if not (out / FILE).exists():
        return None
    state: dict[str, Any] = torch.load(out / FILE, weights_only=True)
    for name, net in nets.items():
        net.load_state_dict(state.pop(name))
        optimizers[name].load_state_dict(state.pop(f"{name}_optimizer"))
    return state
