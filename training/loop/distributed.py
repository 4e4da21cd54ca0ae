"""The processes that share a training: one, or as many as torchrun started, on one machine or on several.

Convention: batches are those of all processes together. Place p of a batch belongs to process p mod W, and is filled
from the rows p, p + B, p + 2B, … of the data, B being the batch. So a batch does not depend on W, a process needs only
its part of the data, and all rows are drawn about equally often.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Share:
    """What one process has of each batch and of the data.

    Attributes:
        batch: B, samples of all processes together.
        rank: which process this is.
        count: W, how many there are.
    """

    batch: int
    rank: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if self.batch < self.count:
            raise SystemExit(f"{self.count} processes cannot share a batch of {self.batch}. Ask for a larger --batch.")

    def __len__(self) -> int:
        return len(self.places)

    @property
    def places(self) -> npt.NDArray[np.intp]:
        """Places of the batch that are this process's."""
        return np.arange(self.rank, self.batch, self.count)

    @property
    def weight(self) -> float:
        """What to multiply a mean over this process's samples by.

        `DistributedDataParallel` takes the mean over processes; so weighted, that is the mean over the whole batch,
        even where some processes have a sample more than others.
        """
        return self.count * len(self) / self.batch

    def rows(self, num_rows: int) -> npt.NDArray[np.intp]:
        """Return which of all rows of the data this process may draw, increasing."""
        if num_rows < self.batch:
            raise SystemExit(
                f"There are {num_rows} samples, fewer than a batch of {self.batch}. Ask for a smaller --batch."
            )
        rows = np.arange(num_rows)
        return rows[rows % self.batch % self.count == self.rank]


@contextmanager
def resting(net: nn.Module) -> Iterator[None]:
    """Let a network judge without learning: no gradients reach its weights, and processes share none."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)


Summed = Callable[[torch.Tensor], torch.Tensor]
"""See `Processes.summed`."""


def alone(amount: torch.Tensor) -> torch.Tensor:
    """Return what all have where there is nobody else."""
    return amount


class Evened(Protocol):
    """See `Processes.evening`."""

    def __call__(self, amount: torch.Tensor, least: float = 0.0) -> torch.Tensor:
        """Return this process's even part of the amount of all."""


def unshared(amount: torch.Tensor, least: float = 0.0) -> torch.Tensor:
    """Return what is even where nobody shares: the amount itself, at least `least`, without a gradient."""
    return amount.detach().clamp(min=least)


@dataclass(frozen=True)
class Processes:
    """This process among those that train together.

    Attributes:
        rank: its number; the first, 0, writes all files.
        count: how many there are.
        local_rank: its number on its machine.
        device: where it computes.
    """

    rank: int
    count: int
    local_rank: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process speaks for all."""
        return self.rank == 0

    def share(self, batch: int) -> Share:
        """Return this process's share of batches."""
        return Share(batch, self.rank, self.count)

    def shared(self, objective: nn.Module, *, unused: bool = False) -> nn.Module:
        """Return a module whose gradients are means over the processes.

        Args:
            objective: a module whose `forward` returns the loss.
            unused: whether some steps leave parameters without a gradient.
        """
        if self.count == 1:
            return objective
        return DistributedDataParallel(objective, find_unused_parameters=unused)

    def evening(self, share: Share) -> Evened:
        """Return a function that gives this process its even part of an amount that all processes have together.

        Losses that are divided by an amount (of visible pixels, of faces) divide by this, so that a rich process does
        not count its samples for less than a poor one. It has no gradient, and the whole is at least `least`.
        """

        def evened(amount: torch.Tensor, least: float = 0.0) -> torch.Tensor:
            return unshared(self.summed(amount), least) * (len(share) / share.batch)

        return evened

    def summed(self, amount: torch.Tensor) -> torch.Tensor:
        """Return an amount summed over all processes, with the gradient of this process's own part.

        A loss of such sums is that of the whole batch; times `count` it has its gradient, once
        `DistributedDataParallel` has taken the mean over processes.
        """
        if self.count == 1:
            return amount
        total = amount.detach().clone()
        dist.all_reduce(total)
        return amount + (total - amount.detach())

    def agreed(self, number: float) -> float:
        """Return what the first process thinks the number is."""
        if self.count == 1:
            return number
        value = torch.tensor([number], dtype=torch.float64)
        dist.broadcast(value, 0)
        return float(value)

    def told(self, message: Any) -> Any:
        """Return what the first process hands over; what the others hand over is dropped."""
        if self.count == 1:
            return message
        messages = [message if self.first else None]
        dist.broadcast_object_list(messages, 0)
        return messages[0]

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Let the first process of each machine go ahead: it makes the files that the others then find."""
        if self.count > 1 and self.local_rank > 0:
            dist.barrier()
        yield
        if self.count > 1 and self.local_rank == 0:
            dist.barrier()


ALONE = Processes(0, 1, 0, torch.device("cpu"))


@contextmanager
def joined(device: str) -> Iterator[Processes]:
    """Join the processes that torchrun started; without torchrun there is one.

    Args:
        device: "cpu", "cuda", or "auto" for CUDA where there is a GPU; each process of a machine takes its own GPU.
    """
    kind = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes(0, 1, 0, torch.device(kind))
        return
    local_rank = int(os.environ["LOCAL_RANK"])
    on_gpu = torch.device(kind).type == "cuda"
    if on_gpu:
        torch.cuda.set_device(local_rank)
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo")  # what is counted stays on the processor
    try:
        placed = torch.device("cuda", local_rank) if on_gpu else torch.device(kind)
        yield Processes(dist.get_rank(), dist.get_world_size(), local_rank, placed)
    finally:
        dist.destroy_process_group()
