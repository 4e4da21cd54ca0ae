"""The processes that measure pairs, one pair at a time in each."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from benchmarks.measures.middle import Middle
from benchmarks.measures.verdict import Floor, Judges, Verdict, judge, judge_half, judge_photos, judge_quickly
from benchmarks.people import Pair
from facemorph import FaceMorpher
from judges.rivals.ways import Way, all_ways

Result = TypeVar("Result")
Job = Callable[[Pair, list[str]], tuple[Floor, dict[str, Result]]]
"""What a worker does with a pair and the names of ways."""


@dataclass(frozen=True)
class Bench:
    """What a process needs to measure: loaded once in each."""

    judges: Judges
    ways: dict[str, Way]
    motion_size: int
    quick: bool


_bench: list[Bench] = []


def start_worker(weights: Path | None, motion_size: int, quick: bool) -> None:
    """Load the networks in a worker, one thread each."""
    torch.set_num_threads(1)
    morpher = FaceMorpher.from_checkpoint(aligner="builtin")
    _bench.append(Bench(Judges.load(weights, morpher), all_ways(morpher), motion_size, quick))


def measure_pair(pair: Pair, names: list[str]) -> tuple[Floor, dict[str, Verdict]]:
    """Measure one pair in a worker."""
    bench, (a, b) = _bench[0], (person.face for person in pair)
    if bench.quick:
        verdicts = {name: judge_quickly(bench.ways[name], a, b, bench.judges) for name in names}
    else:
        verdicts = {name: judge(bench.ways[name], a, b, bench.judges, bench.motion_size) for name in names}
    return judge_photos(a, b, bench.judges), verdicts


def measure_middle(pair: Pair, names: list[str]) -> tuple[Floor, dict[str, Middle]]:
    """Measure the middle of one pair in a worker."""
    bench, (a, b) = _bench[0], (person.face for person in pair)
    return judge_photos(a, b, bench.judges), {name: judge_half(bench.ways[name], a, b, bench.judges) for name in names}


class Workers:
    """As many processes as there are cores for us; a context that ends them."""

    def __init__(self, weights: Path | None, motion_size: int, quick: bool) -> None:
        count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(count, context, start_worker, (weights, motion_size, quick))

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def measure(
        self, job: Job[Result], pairs: list[Pair], names: list[str]
    ) -> tuple[list[Floor], dict[str, list[Result]]]:
        """Measure all pairs: the photos, and for each way what `job` returns of it."""
        started, floors = time.monotonic(), []
        results: dict[str, list[Result]] = {name: [] for name in names}
        for number, (floor, own) in enumerate(self._pool.map(job, pairs, [names] * len(pairs)), 1):
            floors.append(floor)
            for name in names:
                results[name].append(own[name])
            print(f"pair {number} of {len(pairs)}, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        return floors, results
