"""Random numbers of a step that do not depend on how many processes share it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch

from training.loop.distributed import Share

CPU = torch.device("cpu")


class Draws(Protocol):
    """Random numbers for N samples."""

    common: torch.Generator
    """For what all samples share."""

    def __len__(self) -> int:
        """Return N."""

    def rand(self, *shape: int) -> torch.Tensor:
        """Return (N, *shape) uniform numbers in [0, 1)."""

    def randn(self, *shape: int) -> torch.Tensor:
        """Return (N, *shape) numbers from N(0, 1)."""

    def randint(self, high: int) -> torch.Tensor:
        """Return (N,) int64 from 0 to below `high`."""


class OneStream:
    """All numbers from one generator: for measures and tests, which nobody shares."""

    def __init__(self, generator: torch.Generator, count: int) -> None:
        self.common, self._count = generator, count

    def __len__(self) -> int:
        return self._count

    def rand(self, *shape: int) -> torch.Tensor:
        return torch.rand(self._count, *shape, generator=self.common)

    def randn(self, *shape: int) -> torch.Tensor:
        return torch.randn(self._count, *shape, generator=self.common)

    def randint(self, high: int) -> torch.Tensor:
        return torch.randint(0, high, (self._count,), generator=self.common)


class Streams:
    """The random numbers of one step, for the samples of one process.

    Each place of the whole batch has a stream of its own, named by seed, step and place; one more is common to all.

    Args:
        seed: of the training.
        step: steps done so far.
        share: which places are this process's.
        device: where the numbers are wanted.
    """

    def __init__(self, seed: int, step: int, share: Share, device: torch.device = CPU) -> None:
        self.seed, self.step, self.share, self.device = seed, step, share, device
        self.places = share.places
        self._streams = [_generator((seed, step, 1 + int(place))) for place in self.places]
        self.common = _generator((seed, step, 0))

    def __len__(self) -> int:
        return len(self._streams)

    def split(self, at: int) -> tuple[Streams, Streams]:
        """Return the streams of the places before `at` and those of the places from there on."""
        count = int((self.places < at).sum())
        parts = copy.copy(self), copy.copy(self)
        for part, kept in zip(parts, (slice(count), slice(count, None)), strict=True):
            part.places, part._streams = self.places[kept], self._streams[kept]
        return parts

    def rand(self, *shape: int) -> torch.Tensor:
        """Return (len(self), *shape) uniform numbers in [0, 1)."""
        return self._drawn(lambda generator: torch.rand(shape, generator=generator))

    def randn(self, *shape: int) -> torch.Tensor:
        """Return (len(self), *shape) numbers from N(0, 1)."""
        return self._drawn(lambda generator: torch.randn(shape, generator=generator))

    def randint(self, high: int) -> torch.Tensor:
        """Return (len(self),) int64 from 0 to below `high`."""
        return self._drawn(lambda generator: torch.randint(0, high, (), generator=generator))

    def rows(self, num_rows: int) -> torch.Tensor:
        """Return a row of the data for each sample, (len(self),) int64; see `Share.rows` for whose rows they are."""
        self.share.rows(num_rows)  # refuses data that are too few
        batch = self.share.batch
        places = torch.from_numpy(self.places)
        counts = (num_rows - 1 - places) // batch + 1
        return places + batch * (self.rand().double().cpu() * counts).long()

    def weighted_rows(self, weights: torch.Tensor) -> torch.Tensor:
        """Return rows as `rows` does, each as likely as its weight (N,) says among the rows of its place."""
        batch, rows = self.share.batch, []
        for place, generator in zip(self.places.tolist(), self._streams, strict=True):
            rows.append(place + batch * torch.multinomial(weights[place::batch], 1, generator=generator))
        return torch.cat(rows)

    def numpy(self) -> list[np.random.Generator]:
        """Return a NumPy generator for each sample."""
        return [np.random.default_rng((self.seed, self.step, 1 + int(place))) for place in self.places]

    def _drawn(self, draw: Callable[[torch.Generator], torch.Tensor]) -> torch.Tensor:
        if not self._streams:
            return draw(torch.Generator()).unsqueeze(0)[:0].to(self.device)
        return torch.stack([draw(generator) for generator in self._streams]).to(self.device)


def _generator(name: tuple[int, int, int]) -> torch.Generator:
    state = int(np.random.SeedSequence(name).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(state >> 1)
