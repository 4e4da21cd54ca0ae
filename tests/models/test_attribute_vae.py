"""The conditional VAE: the autoencoders' contract on codes instead of pictures, its closed form, and its measures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from facemorph import checkpoint
from facemorph.attributes import ATTRIBUTES
from facemorph.models import AttributeVae, AttributeVaeConfig, LatentPrior
from training.attribute_vae import train as train_attribute_vae
from training.attribute_vae.evaluate import (
    LASSO,
    disentanglement_and_completeness,
    fit_lasso,
    picture_factors,
    prior_gap,
)
from training.loop.state import load_state, save_state
from training.loop.streams import OneStream

CONFIG = AttributeVaeConfig(
    attributes=("smile", "age"), latent_channels=3, latent_size=8, compact_dim=6, latent_dim=5, widths=(4, 6)
)
PLAIN = dataclasses.replace(CONFIG, variational=False)
OTHER_VALUES = {
    "attributes": ("smile", "age", "hat"),
    "latent_channels": 4,
    "latent_size": 12,
    "compact_dim": 7,
    "latent_dim": 6,
    "widths": (6, 4),
    "variational": False,
}


def randomised(config: AttributeVaeConfig) -> AttributeVae:
    """Return a model without the zeros that hide what lies before them."""
    torch.manual_seed(0)
    model = AttributeVae(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    model.basis.copy_(torch.eye(3) + 0.1 * torch.randn(3, 3))
    model.mean.normal_()
    return model


@pytest.fixture(params=[CONFIG, PLAIN], ids=["variational", "plain"])
def model(request: pytest.FixtureRequest) -> AttributeVae:
    return randomised(request.param)


@pytest.fixture
def codes() -> torch.Tensor:
    return torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def attributes() -> torch.Tensor:
    return torch.rand(4, 2, generator=torch.Generator().manual_seed(2)) * 2 - 1


def test_decode_returns_both_codes(model: AttributeVae, codes: torch.Tensor, attributes: torch.Tensor) -> None:
    z = model.encode(codes).mode()
    spatial, compact = model.decode(z, attributes)
    assert z.shape == (4, 5)
    assert spatial.shape == codes.shape
    assert compact.shape == (4, 6)
    torch.testing.assert_close(compact.norm(dim=1), torch.ones(4))


def test_mode_is_deterministic_and_independent_of_the_batch(
    model: AttributeVae, codes: torch.Tensor, attributes: torch.Tensor
) -> None:
    together, alone = model.encode(codes).mode(), model.encode(codes[1:2]).mode()
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-4)
    for many, one in zip(model.decode(together, attributes), model.decode(alone, attributes[1:2]), strict=True):
        torch.testing.assert_close(many[1:2], one, atol=1e-5, rtol=1e-4)


def test_sample_follows_its_generator(model: AttributeVae, codes: torch.Tensor) -> None:
    posterior = model.encode(codes)
    first, again = (posterior.sample(torch.Generator().manual_seed(5)) for _ in range(2))
    other = posterior.sample(torch.Generator().manual_seed(6))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (not model.config.variational)


def test_kl_is_what_torch_computes(codes: torch.Tensor) -> None:
    posterior = randomised(CONFIG).encode(codes)
    assert posterior.logvar is not None
    normal = torch.distributions.Normal(posterior.mean, torch.exp(0.5 * posterior.logvar))
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(posterior.kl(), expected, rtol=1e-4, atol=1e-4)
    assert not randomised(PLAIN).encode(codes).kl().any()


def test_every_parameter_gets_a_gradient(model: AttributeVae, codes: torch.Tensor, attributes: torch.Tensor) -> None:
    posterior = model.encode(codes)
    spatial, compact = model.decode(posterior.sample(), attributes)
    ((spatial - codes).square().mean() + compact[:, 0].mean() + 1e-3 * posterior.kl().mean()).backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


def test_loss_falls_on_one_batch(codes: torch.Tensor, attributes: torch.Tensor) -> None:
    torch.manual_seed(0)
    model = AttributeVae(CONFIG)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        loss = (model.decode(model.encode(codes).mode(), attributes)[0] - codes).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_save_and_load_give_the_same_output(
    model: AttributeVae, codes: torch.Tensor, attributes: torch.Tensor, tmp_path: Path
) -> None:
    model.half().float()  # weights are stored as float16
    checkpoint.save(tmp_path, model, model.config)
    loaded = AttributeVae.from_checkpoint(tmp_path)
    assert loaded.config == model.config
    for one, other in zip(
        loaded.decode(loaded.encode(codes).mode(), attributes),
        model.decode(model.encode(codes).mode(), attributes),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_every_config_field_changes_the_model() -> None:
    def shapes(config: AttributeVaeConfig) -> list[tuple[str, torch.Size]]:
        return [(name, p.shape) for name, p in AttributeVae(config).named_parameters()]

    before = shapes(CONFIG)
    for field in dataclasses.fields(CONFIG):
        assert shapes(dataclasses.replace(CONFIG, **{field.name: OTHER_VALUES[field.name]})) != before, field.name


@pytest.mark.parametrize("wrong", [{"attributes": ()}, {"latent_size": 6}, {"latent_dim": 0}, {"widths": (4, 0)}])
def test_sizes_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        dataclasses.replace(CONFIG, **wrong)  # type: ignore[arg-type]


def test_the_attributes_count(model: AttributeVae, codes: torch.Tensor) -> None:
    z = model.encode(codes).mode()
    plain, told = model.decode(z, torch.zeros(4, 2)), model.decode(z, torch.ones(4, 2))
    assert not torch.allclose(plain[0], told[0])
    assert not torch.allclose(plain[1], told[1])


def test_working_coordinates_invert(model: AttributeVae, codes: torch.Tensor) -> None:
    torch.testing.assert_close(model.from_working(model.to_working(codes)), codes, atol=1e-4, rtol=1e-4)


def drawn_codes(strength: float = 2.0) -> tuple[torch.Tensor, ...]:
    """Return codes of a linear world: 5 hidden numbers, 2 attributes of that strength, little noise."""
    generator = torch.Generator().manual_seed(3)
    hidden, signs = torch.randn(400, 5, generator=generator), torch.randn(400, 2, generator=generator).sign()
    strengths = torch.tensor([5.0, 4.0, 3.0, 2.5, 2.0, strength, strength])
    world = torch.randn(7, 192, generator=generator) * strengths[:, None]
    codes = torch.cat([hidden, signs], 1) @ world + 0.1 * torch.randn(400, 192, generator=generator)
    compact = torch.nn.functional.normalize(hidden[:, :1] * torch.ones(1, 6) + torch.arange(6.0), dim=1)
    return codes.unflatten(1, (3, 8, 8)), compact, signs


@pytest.mark.parametrize("config", [CONFIG, PLAIN], ids=["variational", "plain"])
def test_fit_finds_a_linear_world_and_erases_the_attributes(config: AttributeVaeConfig) -> None:
    spatial, compact, signs = drawn_codes()
    model = AttributeVae(config)
    basis = torch.diag(torch.tensor([1.0, 2.0, 0.5]))
    model.fit(spatial, compact, signs, torch.ones(3), basis, beta=1.0)
    posterior = model.encode(spatial)
    z = posterior.mode().detach()
    decoded, named, wrong = (x.detach() for x in (*model.decode(z, signs), model.decode(z, -signs)[0]))
    rest = (decoded - spatial).square().mean() / spatial.var()
    assert float(rest) < 0.01
    assert float((named * compact).sum(1).mean()) > 0.95
    assert float(np.abs(np.corrcoef(z.T, signs.T)[:5, 5:]).max()) < 1e-3
    assert float((wrong - spatial).square().mean()) > 20 * float((decoded - spatial).square().mean())


def test_fit_sets_the_noise_of_a_linear_vae() -> None:
    spatial, compact, signs = drawn_codes()
    model = AttributeVae(CONFIG)
    model.fit(spatial, compact, signs, torch.zeros(3), torch.eye(3), beta=50.0)
    posterior = model.encode(spatial)
    assert posterior.logvar is not None
    whole = posterior.mean.var(0) + posterior.logvar.exp().mean(0)
    assert float(posterior.logvar.detach().max()) > -4
    torch.testing.assert_close(whole, torch.ones(5), atol=0.02, rtol=0)  # the aggregate posterior is N(0, 1)


def test_fit_leaves_the_global_generator_alone() -> None:
    model = AttributeVae(PLAIN)
    before = torch.get_rng_state()
    model.fit(*drawn_codes(), torch.zeros(3), torch.eye(3), 1.0)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_shipped_model_knows_all_attributes_and_shares_the_priors_coordinates() -> None:
    model = AttributeVae.from_checkpoint(checkpoint.CHECKPOINTS / "attribute-vae")
    prior = LatentPrior.from_checkpoint(checkpoint.CHECKPOINTS / "latent-prior")
    assert model.config.attributes == tuple(ATTRIBUTES)
    assert torch.equal(model.mean, prior.mean)
    assert torch.equal(model.basis, prior.basis)


def nets_and_optimizers() -> tuple[dict[str, torch.nn.Module], dict[str, torch.optim.Optimizer]]:
    torch.manual_seed(0)
    nets = {"model": AttributeVae(CONFIG), "reader": torch.nn.Linear(CONFIG.latent_dim, 2)}
    return nets, {name: torch.optim.Adam(net.parameters(), lr=1e-2) for name, net in nets.items()}


def told_by_z(adversary: float) -> float:
    """Return what part of the attributes' variance z tells, after a short training with one label in five wrong."""
    spatial, compact, signs = drawn_codes(strength=6.0)
    generator, rates = torch.Generator().manual_seed(0), torch.full((2,), 0.5)
    labels = signs * (torch.rand(signs.shape, generator=generator) - 0.2).sign()
    nets, optimizers = nets_and_optimizers()
    game = train_attribute_vae.Game.of(nets, optimizers)
    batch = spatial[::2], compact[::2], labels[::2]
    for _ in range(100):
        game.step(batch, rates, (1.0, adversary), OneStream(generator, len(batch[0])))
    with torch.no_grad():
        z = nets["model"].encode(spatial).mode()
    design = torch.cat([z, torch.ones(len(z), 1)], 1)
    rest = signs - design @ torch.linalg.lstsq(design, signs).solution
    return float(1 - (rest.square().mean(0) / signs.var(0)).mean())


def test_the_adversary_keeps_attributes_out() -> None:
    assert told_by_z(3e4) < 0.85 < 0.99 < told_by_z(0.0)


def test_training_resumes_where_it_was_saved(tmp_path: Path) -> None:
    nets, optimizers = nets_and_optimizers()
    batch = drawn_codes()
    draws = OneStream(torch.Generator().manual_seed(0), len(batch[0]))
    train_attribute_vae.Game.of(nets, optimizers).step(batch, torch.full((2,), 0.5), (1.0, 1.0), draws)
    save_state(tmp_path, nets, optimizers, step=1, spent=2.5)
    fresh, fresh_optimizers = nets_and_optimizers()
    assert not torch.equal(fresh["model"].to_latent.weight, nets["model"].to_latent.weight)
    assert load_state(tmp_path, fresh, fresh_optimizers) == {"step": 1, "spent": 2.5}
    assert torch.equal(fresh["model"].to_latent.weight, nets["model"].to_latent.weight)
    assert fresh_optimizers["model"].state_dict()["state"].keys() == optimizers["model"].state_dict()["state"].keys()


def test_dci_is_1_for_one_to_one_and_0_for_all_to_all() -> None:
    one_to_one = np.vstack([np.eye(3), np.zeros((2, 3))])
    assert disentanglement_and_completeness(one_to_one) == pytest.approx((1.0, 1.0))
    assert disentanglement_and_completeness(np.ones((5, 3))) == pytest.approx((0.0, 0.0), abs=1e-9)


def test_dci_tells_disentanglement_from_completeness() -> None:
    two_dimensions_each = np.kron(np.eye(2), np.ones((2, 1)))
    disentangled, complete = disentanglement_and_completeness(two_dimensions_each)
    assert disentangled == pytest.approx(1.0)
    assert complete == pytest.approx(0.5)  # 1 - log 2 / log 4


def test_lasso_meets_its_optimality_conditions() -> None:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(5000, 6, generator=generator) @ (torch.eye(6) + 0.5 * torch.randn(6, 6, generator=generator))
    y = 0.8 * z[:, 2:3] - 0.6 * z[:, 4:5] + 0.3 * torch.randn(5000, 1, generator=generator)
    weights = fit_lasso(z, y)
    slope = z.T @ (y - z @ weights) / len(z)
    assert (weights == 0).any()
    assert (slope.abs() <= LASSO + 1e-4).all()
    torch.testing.assert_close(slope[weights != 0], LASSO * weights[weights != 0].sign(), atol=1e-4, rtol=0)


def test_prior_gap_is_what_torch_computes() -> None:
    z = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 2.0, 0.5]) + 0.3
    normal = torch.distributions.MultivariateNormal(z.double().mean(0), torch.cov(z.double().T))
    unit = torch.distributions.MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())
    assert prior_gap(z) == pytest.approx(float(torch.distributions.kl_divergence(normal, unit)) / 3)


def test_mirroring_turns_the_signs_of_pose_and_side_light() -> None:
    generator = np.random.default_rng(0)
    x, landmarks = generator.random((2, 128, 128, 3)), generator.random((2, 68, 2)) * 40 + 40
    landmarks[:, 0, 0], landmarks[:, 16, 0] = 20.0, 100.0
    mirrored = landmarks.copy()
    mirrored[:, :, 0] = 127 - landmarks[:, :, 0]
    mirrored[:, [0, 16]] = mirrored[:, [16, 0]]
    factors, other = picture_factors(x, landmarks), picture_factors(x[:, :, ::-1], mirrored)
    turned = np.isin(np.arange(7), (0, 6))
    np.testing.assert_allclose(other[:, turned], -factors[:, turned], atol=1e-9)
    np.testing.assert_allclose(other[:, ~turned], factors[:, ~turned], atol=1e-9)
