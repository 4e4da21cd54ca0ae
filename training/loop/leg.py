"""One leg of a training: how long it is, how far the whole is, and when it is time to save."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from training.loop.distributed import Processes

MIXED = "bfloat16"
PRECISIONS = (MIXED, "float32")


def autocast(args: argparse.Namespace, device: torch.device) -> torch.autocast:
    """Return the context in which networks compute: mixed precision, unless float32 is asked for."""
    return torch.autocast(device.type, torch.bfloat16, enabled=args.precision == MIXED)


class Leg:
    """Counts a leg in steps or in minutes; the first process's clock holds for all.

    Args:
        args: of `add_arguments`.
        processes: who trains.
        done: what an earlier leg left (`step`, and `spent` in seconds), or None.

    Attributes:
        step: steps done, all legs together.
        spent: seconds of training, all legs together.
    """

    def __init__(self, args: argparse.Namespace, processes: Processes, done: dict[str, Any] | None = None) -> None:
        self._processes = processes
        self.step: int = 0 if done is None else done["step"]
        self.spent: float = 0.0 if done is None else done["spent"]
        self._steps, self._seconds = args.steps, 60 * args.minutes
        self._total_steps = args.total_steps or (None if args.steps is None else self.step + args.steps)
        self._total_seconds = 60 * args.total_minutes if args.total_minutes else self.spent + self._seconds
        self._save_seconds = 60 * args.save_minutes
        self._first_step, self._first_spent = self.step, self.spent
        self._start = self._saved = time.monotonic()

    def steps(self, save: Callable[[], None]) -> Iterator[float]:
        """Yield, before each step, which part of the whole training is done, in [0, 1].

        Between steps the first process calls `save` now and then, and at the end of the leg once more.
        """
        while True:
            elapsed = time.monotonic() - self._start
            if self._steps is None:
                elapsed = self._processes.agreed(elapsed)
            self.spent = self._first_spent + elapsed
            over = elapsed >= self._seconds if self._steps is None else self.step - self._first_step >= self._steps
            if over:
                break
            yield self.progress
            self.step += 1
            if self._processes.first and time.monotonic() - self._saved >= self._save_seconds:
                save()
                self._saved = time.monotonic()
        if self._processes.first:
            save()

    @property
    def progress(self) -> float:
        """Which part of the whole training is done, in [0, 1]."""
        if self._total_steps is not None:
            return min(1.0, self.step / max(1, self._total_steps))
        return min(1.0, self.spent / self._total_seconds)

    @property
    def done(self) -> dict[str, Any]:
        """What the next leg must be told."""
        return {"step": self.step, "spent": self.spent}


def add_arguments(
    parser: argparse.ArgumentParser,
    *,
    minutes: float,
    batch: int | None,
    lr: float,
    seed: int = 0,
    save_minutes: float = 5,
) -> None:
    """Add what every training asks for: its length, its batch, its learning rate, and where it runs."""
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=minutes, help="of this leg")
    length.add_argument("--steps", type=int, help="of this leg, instead of minutes")
    parser.add_argument("--total-minutes", type=float, help="of all legs together; default: to the end of this one")
    parser.add_argument("--total-steps", type=int, help="the same in steps")
    parser.add_argument("--save-minutes", type=float, default=save_minutes)
    parser.add_argument("--batch", type=int, default=batch, help="samples of a step, all processes together")
    parser.add_argument("--lr", type=float, default=lr, help="highest learning rate")
    parser.add_argument("--precision", choices=PRECISIONS, default=MIXED, help="of what the networks compute")
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto for CUDA where there is a GPU")
    parser.add_argument("--seed", type=int, default=seed)
