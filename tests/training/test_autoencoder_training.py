"""Data, losses and the loop of the autoencoders' training, on a handful of drawn faces."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from facemorph.models import ConvAutoencoder, ConvAutoencoderConfig, FaceAutoencoder, load_autoencoder
from tests.fakes import TINY_FACE
from tests.training.conftest import pack_drawn
from training.autoencoder import train
from training.autoencoder.losses import AutoencoderLoss, LossWeights, kl_terms, pixel_errors
from training.data.crops import Batch, PackedCrops
from training.data.split import VALIDATION_PART, is_validation
from training.loop.distributed import ALONE, Evened, Share
from training.loop.ema import EMA_EVERY, Ema
from training.loop.leg import add_arguments
from training.loop.streams import Streams


class Half(nn.Module):
    """A perceptual network whose answer is known."""

    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return output.mean() * 0 + 0.5


class SquaredError(nn.Module):
    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return (output - target).square().mean()


def batch_of(packed: Path, mirror: bool = False) -> Batch:
    crops = PackedCrops(packed, validation=False)
    return crops.batch(np.arange(4), np.full(4, mirror), torch.device("cpu"))


def test_split_is_by_person_and_keeps_london_out() -> None:
    assert is_validation("london/001")
    people = [f"celeba/{number}" for number in range(4000)]
    part = np.mean([is_validation(person) for person in people])
    assert abs(part - VALIDATION_PART) < 0.01


def test_both_sides_of_the_split_are_read_apart(packed: Path) -> None:
    training, validation = (PackedCrops(packed, validation=side) for side in (False, True))
    assert list(training.person) == ["p0", "p1", "p2", "p3"]
    assert list(validation.person) == ["p4", "p5"]
    assert len(PackedCrops(packed, validation=False, limit=2)) == 2


def test_what_lies_outside_the_photo_is_masked(packed: Path) -> None:
    inside = batch_of(packed).inside
    assert inside[0, 0, :, :30].max() == 0
    assert inside[0, 0, 64, 64] == 1
    assert inside[1].mean() > inside[0].mean()


def test_mirroring_turns_pixels_mask_and_landmarks_together(packed: Path) -> None:
    plain, mirrored = batch_of(packed), batch_of(packed, mirror=True)
    assert torch.equal(mirrored.x, plain.x.flip(-1))
    assert torch.equal(mirrored.inside, plain.inside.flip(-1))
    assert torch.allclose(mirrored.landmarks[:, 36, 0], 127 - plain.landmarks[:, 45, 0], atol=0.1)
    assert (mirrored.landmarks[:, 36, 0] < mirrored.landmarks[:, 45, 0]).all()


def test_errors_outside_the_photo_cost_nothing(packed: Path) -> None:
    batch = batch_of(packed)
    absolute, squared = pixel_errors(batch.x + 1 - batch.inside, batch)
    assert max(float(absolute), float(squared)) < 1e-6
    absolute, squared = pixel_errors(batch.x + 0.1, batch)
    assert float(absolute) == pytest.approx(0.1, rel=1e-4)
    assert float(squared) == pytest.approx(0.01, rel=1e-3)


def test_total_is_the_weighted_sum_of_its_terms(packed: Path) -> None:
    torch.manual_seed(0)
    model = FaceAutoencoder(TINY_FACE)
    plain = batch_of(packed)
    batch = Batch(plain.x[..., ::4, ::4], plain.inside[..., ::4, ::4], plain.landmarks / 4)
    weights = LossWeights(landmark=2.0, kl_warmup=10)
    loss = AutoencoderLoss(weights, Half(), lambda x: x.mean((2, 3)))
    total, terms = loss(model, batch, step=5, streams=Streams(0, 5, Share(4)))
    expected = sum(getattr(weights, name) * value for name, value in terms.items())
    assert set(terms) == {"absolute", "squared", "perceptual", "landmark", "compact", "beta_spatial", "beta_compact"}
    assert total.item() == pytest.approx(expected, rel=1e-4)
    full = kl_terms(model.encode(batch.x), batch.x[0].numel())
    assert terms["beta_spatial"] == pytest.approx(0.5 * full[0].item(), rel=1e-4)  # step 5 of a warm-up of 10
    assert terms["beta_compact"] == pytest.approx(0.5 * full[1].item(), rel=1e-4)


def test_two_shares_make_up_the_gradient_of_the_whole_batch(tmp_path: Path) -> None:
    """With what each process would see of the other: amounts that are divided by are those of both."""
    torch.manual_seed(0)
    model, crops = FaceAutoencoder(TINY_FACE), PackedCrops(pack_drawn(tmp_path / "crops.npz", 10), validation=False)
    amounts: list[torch.Tensor] = []

    def gradient(share: Share, evened: Evened) -> torch.Tensor:
        streams = Streams(0, 5, share)
        plain = crops.batch(streams.rows(8).numpy(), (streams.rand() < 0.5).numpy(), torch.device("cpu"))
        batch = Batch(plain.x[..., ::4, ::4], plain.inside[..., ::4, ::4], plain.landmarks / 4)
        loss = AutoencoderLoss(LossWeights(landmark=1.0), SquaredError(), lambda x: x.mean((2, 3)), evened)
        model.zero_grad()
        (share.weight * loss(model, batch, step=5, streams=streams)[0]).backward()
        return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])

    def noted(amount: torch.Tensor, least: float = 0.0) -> torch.Tensor:
        amounts.append(amount.detach())
        return amounts[-1]

    whole = gradient(Share(8), noted)
    halves = []
    for rank in range(2):
        known = iter(amounts)
        halves.append(gradient(Share(8, rank, 2), lambda amount, least=0.0, known=known: next(known) / 2))
    torch.testing.assert_close((halves[0] + halves[1]) / 2, whole, atol=1e-6, rtol=1e-4)
    assert not torch.allclose(halves[0], whole, atol=1e-3)


def test_a_plain_autoencoder_has_no_divergence(packed: Path) -> None:
    model = ConvAutoencoder(ConvAutoencoderConfig())
    _, terms = AutoencoderLoss(LossWeights(perceptual=0), Half())(
        model, batch_of(packed), step=9999, streams=Streams(0, 9999, Share(4))
    )
    assert terms["beta_spatial"] == terms["beta_compact"] == 0
    assert "compact" not in terms


def arguments(packed: Path, out: Path, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser, minutes=9, batch=2, lr=1e-3)
    args = parser.parse_args(words)
    settings = {"family": "conv", "weights": None, "landmarks": None, "ema": 10.0, "limit": None}
    vars(args).update(settings, packed=packed, out=out, loss='{"perceptual": 0}')
    return args


def test_training_resumes_and_leaves_a_checkpoint(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "training_network", lambda weights: Half())
    for _ in range(2):
        train.train(arguments(packed, tmp_path, "--steps", "30", "--total-steps", "400"), ALONE)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert (log[0]["step"], log[1]["step"]) == (30, 60)
    assert log[1]["minutes"] >= log[0]["minutes"]
    assert log[1]["absolute"] < log[0]["absolute"]
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["step"] == log[1]["step"]
    model = load_autoencoder(tmp_path / "checkpoint")
    weight = model.state_dict()["encoder.0.weight"]
    torch.testing.assert_close(weight, state["ema"]["encoder.0.weight"], atol=2e-3, rtol=2e-3)
    assert not torch.equal(state["ema"]["encoder.0.weight"], state["model"]["encoder.0.weight"])


def test_ema_follows_with_its_horizon() -> None:
    model = nn.Linear(1, 1)
    nn.init.constant_(model.weight, 0.0)
    ema = Ema(model, horizon=10 * EMA_EVERY)
    nn.init.constant_(model.weight, 1.0)
    values = []
    for _ in range(40):
        ema.update(model)
        values.append(ema.weights["weight"].item())
    assert values == sorted(values)
    assert values[-1] > 0.97
