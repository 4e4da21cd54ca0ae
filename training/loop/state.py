"""Where a training stands, so that the next leg goes on from there, with as many processes as it likes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from training.loop.distributed import ALONE, Processes

FILE = "state.pt"


def save_state(
    out: Path, nets: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer], **done: Any
) -> None:
    """Write weights, optimizers and whatever is in `done` to the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    state = {name: net.state_dict() for name, net in nets.items()}
    state |= {f"{name}_optimizer": optimizer.state_dict() for name, optimizer in optimizers.items()}
    torch.save(state | done, out / "state.tmp")
    (out / "state.tmp").replace(out / FILE)


def load_state(
    out: Path,
    nets: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    processes: Processes = ALONE,
) -> dict[str, Any] | None:
    """Put back what `save_state` wrote to `out` and return `done`; None where there is no state.

    Only the first process needs the file: it hands it to the others.
    """
    found = processes.first and (out / FILE).exists()
    state = processes.told(torch.load(out / FILE, map_location="cpu", weights_only=True) if found else None)
    if state is None:
        return None
    for name, net in nets.items():
        net.load_state_dict(state.pop(name))
    for name, optimizer in optimizers.items():
        optimizer.load_state_dict(state.pop(f"{name}_optimizer"))
    return dict(state)


def log(out: Path, line: Mapping[str, Any]) -> None:
    """Print a line of numbers and add it to `log.jsonl` of the folder `out`."""
    text = json.dumps(line)
    with (out / "log.jsonl").open("a") as file:
        file.write(text + "\n")
    print(text, flush=True)
