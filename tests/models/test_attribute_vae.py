"""The conditional VAE: shapes, determinism, the way to a checkpoint and back, and what its inputs do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from facemorph import checkpoint
from facemorph.models import AttributeVae, AttributeVaeConfig
from training.disentanglement import mutual_information_gap

CONFIG = AttributeVaeConfig(
    attributes=("smile", "age"), latent_channels=3, latent_size=8, compact_dim=6, latent_dim=5, widths=(4, 6, 8)
)


@pytest.fixture
def model() -> AttributeVae:
    torch.manual_seed(0)
    return AttributeVae(CONFIG).eval()


@pytest.fixture
def codes() -> torch.Tensor:
    return torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def test_decode_returns_codes(model: AttributeVae, codes: torch.Tensor) -> None:
    posterior = model.encode(codes)
    spatial, compact = model.decode(posterior.mode(), torch.zeros(4, 2))
    assert posterior.mode().shape == (4, 5)
    assert spatial.shape == codes.shape
    assert torch.allclose(compact.norm(dim=1), torch.ones(4))
    assert (posterior.kl() > 0).all()


def test_the_attributes_count(model: AttributeVae, codes: torch.Tensor) -> None:
    z = model.encode(codes).mode()
    plain, told = model.decode(z, torch.zeros(4, 2)), model.decode(z, torch.ones(4, 2))
    assert not torch.allclose(plain[0], told[0])
    assert not torch.allclose(plain[1], told[1])


def test_a_plain_autoencoder_has_no_divergence(codes: torch.Tensor) -> None:
    plain = AttributeVae(AttributeVaeConfig(**{**vars(CONFIG), "variational": False}))
    posterior = plain.encode(codes)
    assert torch.equal(posterior.sample(), posterior.mode())
    assert float(posterior.kl().sum().detach()) == 0


def test_every_parameter_gets_a_gradient(model: AttributeVae, codes: torch.Tensor) -> None:
    spatial, compact = model.decode(model.encode(codes).sample(), torch.ones(4, 2))
    ((spatial - codes).square().sum() + compact[:, 0].sum()).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_save_and_load(model: AttributeVae, codes: torch.Tensor, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "vae", model, CONFIG)
    loaded = AttributeVae.from_checkpoint(tmp_path / "vae")
    assert torch.allclose(loaded.encode(codes).mode(), model.encode(codes).mode(), atol=1e-2)


@pytest.mark.parametrize("wrong", [{"attributes": ()}, {"latent_size": 6}, {"latent_dim": 0}])
def test_sizes_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        AttributeVaeConfig(**{**vars(CONFIG), **wrong})  # type: ignore[arg-type]


def test_the_gap_is_large_where_one_dimension_knows_and_nil_where_two_do() -> None:
    generator = np.random.default_rng(0)
    labels = np.sign(generator.normal(size=(2000, 1)))
    noise = generator.normal(size=(2000, 3))
    assert mutual_information_gap(np.concatenate([labels + 0.1 * noise[:, :1], noise[:, 1:]], 1), labels) > 0.8
    assert mutual_information_gap(np.concatenate([labels + 0.1 * noise[:, :2], noise[:, 2:]], 1), labels) < 0.1
