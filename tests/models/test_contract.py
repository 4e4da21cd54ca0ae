"""One contract of tests that every autoencoder passes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from facemorph import checkpoint
from facemorph.errors import CheckpointMismatchError
from facemorph.models import (
    Autoencoder,
    ConvAutoencoder,
    ConvAutoencoderConfig,
    FaceAutoencoder,
    Latent,
    load_autoencoder,
)
from tests.fakes import TINY_FACE

TINY_CONV = ConvAutoencoderConfig(image_size=32, width=8, latent_channels=8)
FAMILIES: list[tuple[type[Any], Any]] = [(FaceAutoencoder, TINY_FACE), (ConvAutoencoder, TINY_CONV)]
OTHER_VALUES = {
    "image_size": 64,
    "patch_size": 2,
    "widths": (12, 8),
    "encoder_depths": (2, 1),
    "decoder_depths": (1, 2),
    "latent_channels": 6,
    "compact_width": 10,
    "compact_dim": 20,
    "width": 12,
}


@pytest.fixture(params=FAMILIES, ids=lambda pair: pair[0].__name__)
def family(request: pytest.FixtureRequest) -> tuple[type[Any], Any]:
    pair: tuple[type[Any], Any] = request.param
    return pair


@pytest.fixture
def model(family: tuple[type[Any], Any]) -> Autoencoder:
    torch.manual_seed(0)
    built: Autoencoder = family[0](family[1])
    for parameter in built.parameters():  # zero-initialised layers hide what lies before them
        torch.nn.init.normal_(parameter, std=0.1)
    return built


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def test_decode_returns_what_encode_took(model: Autoencoder, x: torch.Tensor) -> None:
    assert model.decode(model.encode(x).mode()).shape == x.shape


def test_mode_is_deterministic_and_independent_of_the_batch(model: Autoencoder, x: torch.Tensor) -> None:
    together, alone = model.encode(x).mode(), model.encode(x[1:2]).mode()
    torch.testing.assert_close(together.spatial[1:2], alone.spatial, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(model.decode(together)[1:2], model.decode(alone), atol=1e-5, rtol=1e-4)


def test_sample_follows_its_generator(model: Autoencoder, x: torch.Tensor) -> None:
    posterior = model.encode(x)
    first, again = (posterior.sample(torch.Generator().manual_seed(5)) for _ in range(2))
    other = posterior.sample(torch.Generator().manual_seed(6))
    assert torch.equal(first.spatial, again.spatial)
    assert torch.equal(first.spatial, other.spatial) == (posterior.spatial.logvar is None)


def test_compact_code_has_unit_length(model: Autoencoder, x: torch.Tensor) -> None:
    for z in (model.encode(x).mode(), model.encode(x).sample()):
        if z.compact is None:
            assert isinstance(model, ConvAutoencoder)
        else:
            torch.testing.assert_close(z.compact.norm(dim=1), torch.ones(len(x)))


def test_kl_is_what_torch_computes(model: Autoencoder, x: torch.Tensor) -> None:
    posterior = model.encode(x)
    expected = torch.zeros(len(x))
    for code in (posterior.spatial, posterior.compact):
        if code is not None and code.logvar is not None:
            normal = torch.distributions.Normal(code.mean, torch.exp(0.5 * code.logvar))
            unit = torch.distributions.Normal(0.0, 1.0)
            expected = expected + torch.distributions.kl_divergence(normal, unit).flatten(1).sum(1)
    torch.testing.assert_close(posterior.kl(), expected, rtol=1e-4, atol=1e-4)


def test_every_parameter_gets_a_gradient(model: Autoencoder, x: torch.Tensor) -> None:
    posterior = model.encode(x)
    loss = (model.decode(posterior.sample()) - x).abs().mean() + 1e-3 * posterior.kl().mean()
    loss.backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


def test_loss_falls_on_one_batch(family: tuple[type[Any], Any], x: torch.Tensor) -> None:
    torch.manual_seed(0)
    model = family[0](family[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    target = torch.nn.functional.interpolate(x[:, :, :4, :4], size=(32, 32), mode="bilinear")
    losses = []
    for _ in range(40):
        loss = (model.decode(model.encode(target).mode()) - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_save_and_load_give_the_same_output(model: Autoencoder, x: torch.Tensor, tmp_path: Path) -> None:
    model.half().float()  # weights are stored as float16
    checkpoint.save(tmp_path, model, model.config)
    loaded = load_autoencoder(tmp_path)
    assert type(loaded) is type(model)
    assert loaded.config == model.config
    torch.testing.assert_close(
        loaded.decode(loaded.encode(x).mode()), model.decode(model.encode(x).mode()), atol=1e-5, rtol=1e-4
    )


def test_every_config_field_changes_the_model(family: tuple[type[Any], Any]) -> None:
    def shapes(config: Any) -> list[tuple[str, torch.Size]]:
        model = family[0](config)
        x = torch.zeros(1, 3, config.image_size, config.image_size)
        return [(n, p.shape) for n, p in model.named_parameters()] + [
            ("out", model.decode(model.encode(x).mode()).shape)
        ]

    config = family[1]
    before = shapes(config)
    for field in dataclasses.fields(config):
        assert shapes(dataclasses.replace(config, **{field.name: OTHER_VALUES[field.name]})) != before, field.name


@pytest.mark.parametrize("size", [0, 30, 33])
def test_image_size_that_does_not_divide_is_refused(family: tuple[type[Any], Any], size: int) -> None:
    with pytest.raises(ValueError, match=f"image_size {size} must be a multiple"):
        dataclasses.replace(family[1], image_size=size)


def test_dropping_the_spatial_code_keeps_the_compact_one(x: torch.Tensor) -> None:
    model = FaceAutoencoder(TINY_FACE)
    z = model.encode(x).mode()
    alone = model.without_spatial(z)
    assert alone.compact is z.compact
    assert not alone.spatial.any()


def test_face_decoder_needs_the_compact_code() -> None:
    with pytest.raises(ValueError, match="needs the compact code"):
        FaceAutoencoder(TINY_FACE).decode(Latent(torch.zeros(1, 4, 4, 4)))


def test_a_checkpoint_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"format_version": 1, "model": "Toaster"}')
    with pytest.raises(CheckpointMismatchError, match="holds a Toaster, not an autoencoder"):
        load_autoencoder(tmp_path)
