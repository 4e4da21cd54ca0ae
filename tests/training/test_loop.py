"""Legs, streams and processes: a training is the same, however it is cut and shared."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.conftest import pack_drawn
from training.autoencoder import train as autoencoder
from training.data.crops import PackedCrops
from training.loop.distributed import ALONE, Share, unshared
from training.loop.leg import Leg, add_arguments
from training.loop.streams import Draws, OneStream, Streams

ROOT = Path(__file__).resolve().parents[2]


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser, minutes=9, batch=4, lr=1e-3)
    return parser.parse_args(words)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_shares_make_up_the_batch_and_the_data(count: int) -> None:
    shares = [Share(8, rank, count) for rank in range(count)]
    places = np.concatenate([share.places for share in shares])
    assert sorted(places) == list(range(8))
    rows = np.concatenate([share.rows(45) for share in shares])
    assert sorted(rows) == list(range(45))
    assert sum(share.weight for share in shares) == pytest.approx(count)


def test_weighted_means_of_uneven_shares_have_the_whole_batchs_mean() -> None:
    values, shares = torch.arange(8.0) ** 2, [Share(8, rank, 3) for rank in range(3)]
    means = [share.weight * values[share.places].mean() for share in shares]
    assert float(torch.stack(means).mean()) == pytest.approx(float(values.mean()))


def test_too_many_processes_and_too_few_samples_are_said() -> None:
    with pytest.raises(SystemExit, match="9 processes cannot share a batch of 8"):
        Share(8, 0, 9)
    with pytest.raises(SystemExit, match="5 samples, fewer than a batch of 8"):
        Share(8).rows(5)


@pytest.mark.parametrize(
    "draw",
    [
        lambda draws: draws.rand(3),
        lambda draws: draws.randn(2, 2),
        lambda draws: draws.randint(9),
        lambda draws: draws.rows(50),
        lambda draws: draws.weighted_rows(torch.linspace(0, 1, 50)),
        lambda draws: torch.tensor([rng.random() for rng in draws.numpy()]),
    ],
)
def test_a_sample_draws_the_same_whoever_has_it(draw: Any) -> None:
    whole, again, later = (draw(Streams(7, step, Share(6))) for step in (3, 3, 4))
    assert torch.equal(whole, again)
    assert not torch.equal(whole, later)
    assert len({tuple(np.atleast_1d(row).ravel().tolist()) for row in whole.numpy()}) > 2
    for rank in range(4):
        share = Share(6, rank, 4)
        assert torch.equal(draw(Streams(7, 3, share)), whole[share.places])


def test_rows_are_drawn_evenly_and_only_by_whom_they_belong_to() -> None:
    share = Share(4, 1, 2)
    drawn = torch.cat([Streams(0, step, share).rows(18) for step in range(400)])
    counts = torch.bincount(drawn, minlength=18)
    assert set(drawn.tolist()) == set(share.rows(18).tolist())
    assert counts[counts > 0].min() > 0.6 * counts.max()


def test_weights_decide_which_rows_are_drawn() -> None:
    weights = torch.zeros(12)
    weights[[4, 1, 2, 11]] = 1.0
    assert Streams(0, 0, Share(4)).weighted_rows(weights).tolist() == [4, 1, 2, 11]


def test_a_split_draws_on_and_does_not_repeat() -> None:
    streams = Streams(0, 0, Share(6, 1, 2))
    first, second = streams.split(4)
    assert (len(first), len(second)) == (2, 1)
    drawn = torch.cat([first.rand(), second.rand()])
    assert not (streams.rand() == drawn).any()
    assert torch.equal(drawn, Streams(0, 0, Share(6, 1, 2)).rand())
    nobody, all_ = streams.split(0)
    assert nobody.randn(2).shape == (0, 2)
    assert len(all_) == 3


@pytest.mark.parametrize("draws", [Streams(0, 0, Share(5)), OneStream(torch.Generator().manual_seed(0), 5)])
def test_both_sources_of_numbers_have_one_shape(draws: Draws) -> None:
    assert draws.rand(2, 3).shape == draws.randn(2, 3).shape == (5, 2, 3)
    assert draws.randint(4).shape == (5,)
    assert len(draws) == 5


def test_a_leg_counts_steps_and_knows_how_far_the_whole_is() -> None:
    leg, saved = Leg(parsed("--steps", "3", "--total-steps", "8"), ALONE, {"step": 2, "spent": 50.0}), list[int]()
    assert list(leg.steps(lambda: saved.append(leg.step))) == [2 / 8, 3 / 8, 4 / 8]
    assert (leg.step, saved) == (5, [5])
    assert 50 <= leg.done["spent"] < 200


def test_a_leg_counts_minutes_and_saves_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    words = "--minutes", "1", "--total-minutes", "4", "--save-minutes", "0.4"
    leg, saved, seen = Leg(parsed(*words), ALONE, {"step": 0, "spent": 60.0}), list[int](), list[float]()
    for progress in leg.steps(lambda: saved.append(leg.step)):
        seen.append(progress)
        clock[0] += 10
    assert seen == pytest.approx([(60 + 10 * n) / 240 for n in range(6)])
    assert leg.done == {"step": 6, "spent": 120.0}
    assert saved == [3, 6, 6]  # when due, and at the end


def test_only_the_first_process_saves() -> None:
    leg = Leg(parsed("--steps", "2", "--save-minutes", "0"), replace(ALONE, rank=1))
    assert len(list(leg.steps(lambda: pytest.fail("it saved")))) == 2


def test_crops_of_a_share_are_the_same_as_in_the_whole(packed: Path) -> None:
    share = Share(2, 1, 2)
    whole, part = (PackedCrops(packed, validation=False, share=s) for s in (None, share))
    assert (len(whole), len(part), part.count) == (4, 2, 4)
    rows, mirror = np.array([3, 1]), np.array([False, True])
    one, two = (crops.batch(rows, mirror, torch.device("cpu")) for crops in (whole, part))
    assert torch.equal(one.x, two.x)
    assert torch.equal(one.landmarks, two.landmarks)


def test_an_amount_is_at_least_the_least() -> None:
    assert float(unshared(torch.tensor(0.5), 4)) == 4.0
    assert float(unshared(torch.tensor(5.0), 4)) == 5.0


LOSS = '{"absolute": 0, "perceptual": 0, "landmark": 0.5}'
"""Without the absolute error, whose slope is a sign: where output and photo agree, rounding turns it."""
WORDS = ("conv", "--batch", "8", "--precision", "float32", "--ema", "10", "--loss", LOSS)


def run(packed: Path, out: Path, monkeypatch: pytest.MonkeyPatch, *length: str) -> dict[str, Any]:
    """Train in this process, as the command line does; return the state that is left."""
    words = ("train", *WORDS, "--packed", str(packed), "--out", str(out), *length)
    monkeypatch.setattr(sys, "argv", list(words))
    autoencoder.main()
    return torch.load(out / "state.pt", weights_only=True)


def run_shared(packed: Path, out: Path, processes: int, *length: str) -> dict[str, Any]:
    """Train under torchrun; return the state that is left."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    words = ["-m", "training.autoencoder.train", *WORDS, "--packed", str(packed), "--out", str(out), *length]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(launcher + words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return torch.load(out / "state.pt", weights_only=True)


def differences(one: dict[str, Any], two: dict[str, Any]) -> dict[str, float]:
    """Return the largest differences of weights, of averaged weights, and of the gradients' running means."""
    moments = [
        torch.cat([part["exp_avg"].flatten() for part in state["optimizer_optimizer"]["state"].values()])
        for state in (one, two)
    ]
    found = {"gradients": float((moments[0] - moments[1]).abs().max())}
    for kind in ("model", "ema"):
        pairs = [(one[kind][name], two[kind][name]) for name in one[kind]]
        found[kind] = max(float((a - b).abs().max()) for a, b in pairs)
    return found


def test_two_processes_train_what_one_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten steps of one process with the whole batch and of two that share it; then both go on as one."""
    packed = pack_drawn(tmp_path / "crops.npz", 11)
    length = "--steps", "10", "--total-steps", "14"
    alone = run(packed, tmp_path / "alone", monkeypatch, *length)
    shared = run_shared(packed, tmp_path / "shared", 2, *length)
    assert alone["step"] == shared["step"] == 10
    assert max(differences(alone, shared).values()) < 1e-5
    moved = (alone["model"]["decoder.0.weight"] - alone["ema"]["decoder.0.weight"]).abs().max()
    assert moved > 1e-5  # what is compared has moved
    more = "--steps", "2", "--total-steps", "14"
    one, two = (run(packed, tmp_path / name, monkeypatch, *more) for name in ("alone", "shared"))
    assert one["step"] == two["step"] == 12
    assert max(differences(one, two).values()) < 1e-5
    lines = [json.loads(line) for line in (tmp_path / "shared" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 12]
