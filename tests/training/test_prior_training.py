"""Codes, starts, loss and loop of the prior's training, on a few random codes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from facemorph import checkpoint
from facemorph.models import FaceAutoencoder, LatentPrior, LatentPriorConfig
from tests.drawn import draw_face
from tests.fakes import TINY_FACE, tiny_autoencoder
from training.codes import encode as prior_codes
from training.codes.encode import Codes
from training.loop.distributed import ALONE
from training.loop.leg import add_arguments
from training.loop.streams import OneStream
from training.prior import evaluate as evaluate_prior
from training.prior import losses, starts
from training.prior import sample as sample_faces
from training.prior import train as train_prior

TINY = LatentPriorConfig(
    latent_channels=4,
    latent_size=4,
    width=16,
    depth=1,
    heads=2,
    compact_dim=16,
    compact_tokens=2,
    compact_rank=3,
    attributes=("smile", "age"),
)
ATTRIBUTES = torch.linspace(-1, 1, 20).reshape(10, 2)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def codes() -> Codes:
    spatial = torch.randn(2, 2, 10, 4, 4, 4, generator=generator(1)).half()
    compact = F.normalize(torch.randn(2, 2, 10, 16, generator=generator(2)), dim=-1).half()
    return Codes(spatial[0], compact[0], spatial[1], compact[1])


@pytest.fixture
def prior(codes: Codes) -> LatentPrior:
    torch.manual_seed(0)
    model = LatentPrior(TINY)
    model.fit(codes.spatial[0], codes.compact[0], codes.partner_spatial[0])
    return model


def drawn_crops() -> SimpleNamespace:
    """Three different faces as the packed crops come, the last one of a source that is left out."""
    drawn = [draw_face((128, 128), centre=(64.0, y), eye_distance=34) for y in (52.0, 60.0, 64.0)]
    pixels = np.stack([np.asarray(Image.fromarray(photo).resize((32, 32))) for photo, _ in drawn])
    landmarks = np.stack([points for _, points in drawn]) / 4
    return SimpleNamespace(
        images=pixels, landmarks=landmarks.astype(np.float32), source=np.array(["lfw", "celeba", "utkface"])
    )


def test_crops_are_encoded_beside_their_mirror_image_and_a_partner() -> None:
    model, crops = tiny_autoencoder(), drawn_crops()
    codes = prior_codes.encode_crops(crops, model, seed=1)  # type: ignore[arg-type]
    assert len(codes) == 2
    assert codes.partner_spatial.shape == codes.spatial.shape == (2, 2, 4, 4, 4)
    x = torch.from_numpy(crops.images[:2]).permute(0, 3, 1, 2).float() / 255
    for side, picture in enumerate((x, x.flip(-1))):
        z = model.encode(picture).mode()
        torch.testing.assert_close(codes.spatial[side].float(), z.spatial, atol=0.02, rtol=0.02)
        torch.testing.assert_close(codes.compact[side].float(), z.compact, atol=0.02, rtol=0.02)


def test_a_partner_is_warped_to_the_landmarks() -> None:
    crops = drawn_crops()
    rows = np.array([0, 1])
    warped = prior_codes._warped(crops, rows[::-1].copy(), rows)  # type: ignore[arg-type]
    own = prior_codes._pictures(crops, rows)  # type: ignore[arg-type]
    before, after = ((own - other).abs().mean() for other in (own.flip(0), warped))
    assert after < 0.6 * before


def test_codes_are_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codes: Codes) -> None:
    calls = []
    monkeypatch.setattr(prior_codes, "PackedCrops", lambda path, validation: path)
    monkeypatch.setattr(prior_codes, "encode_crops", lambda *given: calls.append(given) or codes)
    path = tmp_path / "new" / "codes.pt"
    for _ in range(2):
        loaded = prior_codes.load_codes(path, tmp_path, tiny_autoencoder(), validation=False)
        assert all(torch.equal(getattr(loaded, name), value) for name, value in vars(codes).items())
    assert len(calls) == 1


def test_maps_lie_between_0_and_1_and_reach_both() -> None:
    maps = torch.cat([starts.smooth_maps(16, OneStream(generator(seed), 16)) for seed in range(8)])
    assert maps.shape == (128, 1, 16, 16)
    assert maps.min() == 0
    assert maps.max() == 1
    assert 0.2 < maps.mean() < 0.8


def test_blends_differ_from_their_goal_where_they_are_at_fault(prior: LatentPrior, codes: Codes) -> None:
    start = starts.from_blends(prior, codes, ATTRIBUTES, torch.arange(10), OneStream(generator(), 10))
    assert start.attributes.isnan().all()
    wrong = (start.blend - start.clean).norm(dim=1, keepdim=True)
    untouched = start.fault == 0
    assert untouched.any()
    assert wrong[untouched].max() < 1e-5
    assert wrong[start.fault > 0.1].min() > 1e-3
    assert start.fault.max() <= 1
    calm = start.time.amax((1, 2, 3)) == 0
    assert 0 < calm.sum() < 10
    assert (start.time <= 0.8 * start.fault).all()


def test_flow_matching_starts_from_the_code_itself(prior: LatentPrior, codes: Codes) -> None:
    start = starts.from_noise(prior, codes, ATTRIBUTES, torch.arange(10), OneStream(generator(), 10))
    said = start.attributes.isfinite()
    assert torch.equal(start.attributes[said], ATTRIBUTES[said])
    assert 0 < said.sum() < said.numel()
    assert (~said).all(1).any()
    assert torch.equal(start.clean, start.blend)
    spatial, compact = codes.spatial.flatten(0, 1).float(), codes.compact.flatten(0, 1).float()
    for told, known in ((True, compact), (False, None)):
        rows = start.told[:, 0] == told
        own = prior.to_working(spatial, known)
        assert torch.cdist(start.clean[rows].flatten(1), own.flatten(1)).amin(1).lt(0.01).all()
    assert 0 < start.told.sum() < 10
    varied = start.time.flatten(1).std(1) > 1e-4
    assert 0 < varied.sum() < 10


@pytest.mark.parametrize("start_of", [starts.from_noise, starts.from_blends])
def test_the_loss_is_zero_for_the_network_that_finds_the_goal(
    prior: LatentPrior, codes: Codes, start_of: starts.Starter
) -> None:
    start = start_of(prior, codes, ATTRIBUTES, torch.arange(10), OneStream(generator(), 10))

    @torch.no_grad()
    @torch.autocast("cpu", enabled=False)
    def answer(
        u: torch.Tensor, time: torch.Tensor, fault: torch.Tensor, compact: torch.Tensor, _: torch.Tensor
    ) -> torch.Tensor:
        """Return the output from which `LatentPrior.clean` makes the goal, found by solving for it."""
        bare = prior.clean(u, time, compact, fault)  # an untrained network's output is 0
        prior.to_patches.bias.fill_(1.0)
        slope = prior.clean(u, time, compact, fault) - bare
        prior.to_patches.bias.zero_()
        return torch.where(slope > 1e-6, (start.clean - bare) / slope, 0.0)

    def silent(u: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(u)

    found, left = (losses.loss_of(prior, net, start, OneStream(generator(3), 10)).mean() for net in (answer, silent))  # type: ignore
    assert found < 0.02 * left


def test_flow_losses_of_a_silent_network_on_gaussian_codes_are_known() -> None:
    model = LatentPrior(TINY)
    spatial = torch.randn(2, 400, 4, 4, 4, generator=generator(4)).half()
    compact = F.normalize(torch.randn(2, 400, 16, generator=generator(5)), dim=-1).half()
    found = losses.flow_losses(model, Codes(spatial, compact, spatial, compact), told=True)
    for t, value in found.items():  # variance of noise - u given (1 - t) u + t noise, both N(0, 1)
        assert value == pytest.approx(1 / ((1 - float(t)) ** 2 + float(t) ** 2), rel=0.05)


def test_training_lowers_the_loss_and_resumes(tmp_path: Path, codes: Codes, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(vars(codes), tmp_path / "codes-training.pt")
    torch.save(vars(codes), tmp_path / "codes-validation.pt")
    checkpoint.save(tmp_path / "autoencoder", tiny_autoencoder(), TINY_FACE)
    monkeypatch.setattr(train_prior, "LatentPriorConfig", lambda **sizes: TINY)
    monkeypatch.setattr(train_prior, "coded_rows", lambda packed, validation: np.arange(10))
    monkeypatch.setattr(train_prior, "load_attributes", lambda path, rows: ATTRIBUTES)
    parser = argparse.ArgumentParser()
    add_arguments(parser, minutes=9, batch=8, lr=3e-3)
    args = parser.parse_args(["--steps", "40", "--total-steps", "80"])
    vars(args).update(
        packed=tmp_path / "none.npz",
        attributes=tmp_path / "none.npz",
        start=None,
        blends=4,
        out=tmp_path,
        autoencoder=tmp_path / "autoencoder",
        width=16,
        depth=1,
        heads=2,
        ema=50.0,
        compile=False,
    )
    for _ in range(2):
        train_prior.train(args, ALONE)
    first, second = (json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines())
    assert (first["step"], second["step"]) == (40, 80)
    assert second["minutes"] >= first["minutes"]
    assert sum(second["flow"].values()) < sum(first["flow"].values())
    loaded = LatentPrior.from_checkpoint(tmp_path / "checkpoint")
    assert loaded.config == TINY
    assert loaded.compact_codes.axes.any()
    torch.testing.assert_close(loaded.compact_codes.attribute_mean, ATTRIBUTES.mean(0), atol=1e-3, rtol=0)
    args.start, args.out, args.steps = tmp_path / "checkpoint", tmp_path / "again", 0
    args.out.mkdir()
    for name in ("training", "validation"):
        torch.save(vars(codes), args.out / f"codes-{name}.pt")
    train_prior.train(args, ALONE)
    begun = LatentPrior.from_checkpoint(args.out / "checkpoint")
    torch.testing.assert_close(begun.from_compact.weight, loaded.from_compact.weight)


def test_faces_of_nobody_follow_their_seed(prior: LatentPrior, codes: Codes) -> None:
    autoencoder = FaceAutoencoder(TINY_FACE).eval()
    first, again, other = (
        sample_faces.sample_faces(prior, autoencoder, generator(seed), count=3, num_steps=2) for seed in (1, 1, 2)
    )
    assert first.shape == (3, 32, 32, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert sample_faces.sheet(first).size == (64, 64)


def test_faces_of_nobody_follow_what_they_are_told(prior: LatentPrior, codes: Codes) -> None:
    """The untrained network ignores attributes; the compact codes that are drawn do not."""
    scores = prior.compact_codes.scores(codes.compact[0])
    prior.compact_codes.fit_attributes(codes.compact[0], scores[:, :2] / 4)
    autoencoder = FaceAutoencoder(TINY_FACE).eval()
    plain, told, again = (
        sample_faces.sample_faces(prior, autoencoder, generator(1), count=2, num_steps=2, told=told)
        for told in (None, {"smile": 1.0}, {"smile": 1.0})
    )
    assert np.array_equal(told, again)
    assert not np.array_equal(plain, told)


def test_the_judge_tells_apart_what_was_told(prior: LatentPrior, monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(*_: object, count: int, told: dict[str, float], **settings: int) -> np.ndarray:
        (value,) = told.values()
        return np.full((count, 8, 8, 3), 200 if value > 0 and "smile" in told else 50, np.uint8)

    monkeypatch.setattr(evaluate_prior, "sample_faces", drawn)
    found = evaluate_prior.obeyed(
        prior,
        FaceAutoencoder(TINY_FACE),
        lambda pictures, points: (
            pictures.mean((1, 2, 3)).double().numpy()[:, None].repeat(2, 1)
            + 1e-6 * np.random.default_rng(0).random((len(points), 2))
        ),
        torch.zeros(68, 2),
    )
    assert found["smile"] == 1
    assert abs(found["age"] - 0.5) < 0.1
