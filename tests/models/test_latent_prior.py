"""The prior over spatial codes: coordinates, flow, sampling and repair, on an untrained network."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from facemorph import checkpoint
from facemorph.models import LatentPrior, LatentPriorConfig

TINY = LatentPriorConfig(
    latent_channels=4,
    latent_size=4,
    patch_size=2,
    width=16,
    depth=2,
    heads=2,
    compact_dim=12,
    compact_tokens=2,
    compact_rank=5,
    attributes=("smile", "age"),
)
OTHER_VALUES = {
    "latent_channels": 5,
    "latent_size": 8,
    "patch_size": 1,
    "width": 24,
    "depth": 1,
    "heads": 4,
    "compact_dim": 10,
    "compact_tokens": 3,
    "compact_rank": 4,
    "attributes": ("smile",),
}


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def built(config: LatentPriorConfig = TINY) -> LatentPrior:
    """Return a network of random weights in the coordinates of random codes."""
    torch.manual_seed(0)
    model = LatentPrior(config)
    for parameter in model.parameters():  # zero-initialised layers hide what lies before them
        torch.nn.init.normal_(parameter, std=0.1)
    channels, size = config.latent_channels, config.latent_size
    scales = torch.arange(1, channels + 1).view(-1, 1, 1) / channels
    codes, others = (3 * scales * draw(500, channels, size, size, seed=seed) + 1 for seed in (1, 2))
    model.fit(codes, F.normalize(1 + 0.3 * draw(500, config.compact_dim, seed=2), dim=1), others)
    return model.eval()


@pytest.fixture
def model() -> LatentPrior:
    return built()


@pytest.fixture
def compact() -> torch.Tensor:
    return F.normalize(draw(3, 12, seed=3), dim=1)


@pytest.fixture
def spatial() -> torch.Tensor:
    return draw(3, 4, 4, 4, seed=4)


def test_working_coordinates_can_be_undone(model: LatentPrior, spatial: torch.Tensor, compact: torch.Tensor) -> None:
    for told in (compact, None):
        back = model.from_working(model.to_working(spatial, told), told)
        torch.testing.assert_close(back, spatial, atol=1e-5, rtol=1e-4)


def test_working_coordinates_hold_what_the_compact_code_does_not_foretell() -> None:
    """Codes are made of a linear part of the compact code and noise of known size; the noise alone must be left."""
    model, mixing = LatentPrior(dataclasses.replace(TINY, compact_rank=12)), draw(4, 4, seed=5)
    compact = F.normalize(draw(4000, 12, seed=6), dim=1)
    foretold = 20 * torch.tensordot(compact, draw(12, 4, 4, 4, seed=7), 1) - 2
    rest = torch.einsum("ij,bjhw->bihw", mixing, draw(4000, 4, 4, 4, seed=8))
    model.fit(foretold + rest, compact, (foretold + rest).roll(1, 0))
    centre = model.from_working(torch.zeros_like(rest), compact)
    assert (centre - foretold).square().mean() < 0.02 * rest.var()
    u = model.to_working(foretold + rest, compact)
    torch.testing.assert_close(u.square().mean((0, 2, 3)).sqrt(), model.spread, atol=0, rtol=0.05)
    left = u.square().mean() / model.to_working(foretold + rest, None).square().mean()
    assert 0.5 * rest.var() / foretold.var() < left < 2 * rest.var() / foretold.var()


def test_axes_are_uncorrelated_and_of_unit_variance_on_the_whole() -> None:
    model = LatentPrior(TINY)
    codes = torch.einsum("ij,bjhw->bihw", draw(4, 4, seed=5), draw(2000, 4, 4, 4, seed=6)) - 2
    model.fit(codes, F.normalize(draw(2000, 12, seed=7), dim=1), codes.roll(1, 0))
    covariance = torch.cov(model.to_working(codes, None).permute(0, 2, 3, 1).flatten(0, 2).T)
    torch.testing.assert_close(covariance, covariance.diag().diag(), atol=0.02, rtol=0)
    torch.testing.assert_close(covariance.diag().mean(), torch.tensor(1.0), atol=0.02, rtol=0)
    torch.testing.assert_close(model.fault_spread, model.spread / 2**0.5, atol=0, rtol=0.03)  # half of A - B


def test_a_silent_network_is_the_best_linear_estimate(spatial: torch.Tensor, compact: torch.Tensor) -> None:
    """Before training the output is 0, and what is left is the estimate for Gaussian codes: r² / (r² + σ²) · x."""
    model = LatentPrior(TINY)
    model.spread.copy_(torch.tensor([0.5, 1.0, 1.5, 2.0]))
    for t in (0.2, 0.5, 0.9):
        variance, sigma = model.spread.view(-1, 1, 1).square(), t / (1 - t)
        expected = variance / (variance + sigma**2) * spatial / (1 - t)
        found = model.clean(spatial, torch.full((3,), t), compact)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_sampling_from_a_silent_network_gives_gaussian_codes(compact: torch.Tensor) -> None:
    """The flow between two Gaussians scales each axis: noise becomes noise times the spread."""
    model = LatentPrior(TINY)
    model.spread.copy_(torch.tensor([0.5, 1.0, 1.5, 2.0]))
    noise = draw(3, 4, 4, 4, seed=7)
    found = model.sample(compact, noise, num_steps=100)
    torch.testing.assert_close(found, noise * model.spread.view(-1, 1, 1), atol=1e-2, rtol=1e-2)


def test_nothing_is_cleaned_at_time_zero(model: LatentPrior, spatial: torch.Tensor, compact: torch.Tensor) -> None:
    torch.testing.assert_close(model.clean(spatial, torch.zeros(3), compact), spatial)


def test_velocity_is_independent_of_the_batch(model: LatentPrior, spatial: torch.Tensor, compact: torch.Tensor) -> None:
    t = torch.tensor([0.1, 0.5, 0.9])
    together, alone = model.velocity(spatial, t, compact), model.velocity(spatial[1:2], t[1:2], compact[1:2])
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-4)


def test_time_may_differ_from_place_to_place(model: LatentPrior, spatial: torch.Tensor, compact: torch.Tensor) -> None:
    t = torch.tensor([0.1, 0.5, 0.9])
    as_map = t.view(-1, 1, 1, 1).expand(-1, 1, 4, 4).clone()
    torch.testing.assert_close(model.velocity(spatial, as_map, compact), model.velocity(spatial, t, compact))
    as_map[:, :, 0, 0] += 0.1
    assert not torch.allclose(model.velocity(spatial, as_map, compact), model.velocity(spatial, t, compact))


def test_every_parameter_gets_a_gradient(model: LatentPrior, spatial: torch.Tensor, compact: torch.Tensor) -> None:
    t = torch.full((3,), 0.5)
    words = torch.tensor([[0.5, -0.5], [1.0, torch.nan], [torch.nan, torch.nan]])
    told, untold = model.clean(spatial, t, compact, t, words), model.clean(spatial, t, None)
    (told.square() + untold.square()).mean().backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


def test_loss_falls_on_one_batch(spatial: torch.Tensor, compact: torch.Tensor) -> None:
    torch.manual_seed(0)
    model = LatentPrior(TINY)
    noise, t = draw(3, 4, 4, 4, seed=8), torch.full((3,), 0.6)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss = (model.velocity(torch.lerp(spatial, noise, 0.6), t, compact) - (noise - spatial)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_guidance_goes_further_from_what_nobody_looks_like(compact: torch.Tensor) -> None:
    """The silent network knows Gaussians round two centres: guidance 2 moves samples by their distance once more."""
    model = built()
    torch.nn.init.zeros_(model.to_patches.weight)
    torch.nn.init.zeros_(model.to_patches.bias)
    noise = draw(3, 4, 4, 4, seed=9)
    plain, guided = (model.sample(compact, noise, num_steps=50, guidance=g) for g in (1.0, 2.0))
    told, untold = (model.from_working(torch.zeros_like(noise), c) for c in (compact, None))
    torch.testing.assert_close(guided - plain, told - untold, atol=0.05, rtol=0.05)


def test_samples_follow_noise_condition_and_guidance(model: LatentPrior, compact: torch.Tensor) -> None:
    noise = draw(3, 4, 4, 4, seed=9)
    told, again = (model.sample(compact, noise, num_steps=3) for _ in range(2))
    assert torch.equal(told, again)
    nobody = model.sample(None, noise, num_steps=3)
    exaggerated = model.sample(compact, noise, num_steps=3, guidance=2.0)
    for other in (nobody, exaggerated, model.sample(compact, noise + 1, num_steps=3)):
        assert not torch.allclose(told, other, atol=1e-3)


@pytest.mark.parametrize("noisiness", [0.0, 0.7])
@pytest.mark.parametrize("num_steps", [1, 2])
def test_repair_leaves_alone_what_has_no_strength(
    model: LatentPrior, spatial: torch.Tensor, compact: torch.Tensor, num_steps: int, noisiness: float
) -> None:
    strength = torch.zeros(3, 1, 4, 4)
    strength[1, :, 1:3, 2:] = 0.5
    strength[2] = 0.3
    repaired = model.refine(spatial, compact, strength, draw(1, 4, 4, 4, seed=10), num_steps, noisiness)
    changed = (repaired != spatial).any(1, keepdim=True)
    assert torch.equal(changed, strength > 0)


@pytest.mark.parametrize("noisiness", [0.0, 0.7])
def test_repair_fades_with_its_strength(
    model: LatentPrior, spatial: torch.Tensor, compact: torch.Tensor, noisiness: float
) -> None:
    noise = draw(1, 4, 4, 4, seed=11)
    faint = model.refine(spatial, compact, torch.full((3,), 1e-3), noise, 2, noisiness)
    torch.testing.assert_close(faint, spatial, atol=0.05, rtol=0)


def test_repair_in_reduced_precision_is_nearly_the_same(
    model: LatentPrior, spatial: torch.Tensor, compact: torch.Tensor
) -> None:
    noise, strength = draw(1, 4, 4, 4, seed=15), torch.full((3,), 0.05)
    exact = model.refine(spatial, compact, strength, noise)
    with torch.autocast("cpu", torch.bfloat16):
        reduced = model.refine(spatial, compact, strength, noise)
    torch.testing.assert_close(reduced, exact, atol=5e-3, rtol=0)


def test_one_step_of_repair_is_the_clean_code(model: LatentPrior, spatial: torch.Tensor, compact: torch.Tensor) -> None:
    noise, strength = draw(1, 4, 4, 4, seed=12), torch.tensor([0.2, 0.4, 0.6])
    time = 0.5 * strength
    u = torch.lerp(model.to_working(spatial, compact), noise, time.view(-1, 1, 1, 1))
    expected = model.from_working(model.clean(u, time, compact, strength), compact)
    torch.testing.assert_close(model.refine(spatial, compact, strength, noise, noisiness=0.5), expected)


def test_steps_of_repair_follow_the_flow(model: LatentPrior, spatial: torch.Tensor, compact: torch.Tensor) -> None:
    """Without a fault, going back in steps is Euler's method on the velocity."""
    u, t = draw(3, 4, 4, 4, seed=16), torch.full((3,), 0.8)
    euler = u - 0.4 * model.velocity(u, t, compact)
    torch.testing.assert_close(torch.lerp(u, model.clean(u, t, compact), 1 / 2), euler, atol=1e-5, rtol=1e-4)


def test_without_noise_the_noise_does_not_matter(
    model: LatentPrior, spatial: torch.Tensor, compact: torch.Tensor
) -> None:
    one, other = (
        model.refine(spatial, compact, torch.full((3,), 0.5), draw(1, 4, 4, 4, seed=seed)) for seed in (17, 18)
    )
    assert torch.equal(one, other)


def test_fault_changes_what_is_expected(model: LatentPrior, spatial: torch.Tensor, compact: torch.Tensor) -> None:
    t = torch.full((3,), 0.2)
    none, some = model.clean(spatial, t, compact), model.clean(spatial, t, compact, torch.full((3,), 0.5))
    assert torch.equal(model.clean(spatial, t, compact, torch.zeros(3)), none)
    assert not torch.allclose(none, some, atol=1e-3)


def test_frames_of_equal_codes_are_repaired_equally(
    model: LatentPrior, spatial: torch.Tensor, compact: torch.Tensor
) -> None:
    same = spatial[:1].expand(3, -1, -1, -1), compact[:1].expand(3, -1)
    repaired = model.refine(*same, torch.full((3,), 0.4), draw(1, 4, 4, 4, seed=13), 2)
    torch.testing.assert_close(repaired[1:], repaired[:-1], atol=1e-5, rtol=1e-4)


def test_drawn_compact_codes_are_unit_vectors_round_the_mean(model: LatentPrior) -> None:
    drawn = model.compact_codes.draw(draw(400, 5, seed=14))
    torch.testing.assert_close(drawn.norm(dim=1), torch.ones(400))
    torch.testing.assert_close(
        model.compact_codes.draw(torch.zeros(1, 5))[0], F.normalize(model.compact_codes.mean, dim=0)
    )
    assert F.cosine_similarity(drawn.mean(0), model.compact_codes.mean, dim=0) > 0.99
    assert drawn.std(0).mean() > 0.02


def test_compact_codes_are_drawn_from_those_that_go_with_the_attributes(model: LatentPrior) -> None:
    """Attributes are linear in the codes' scores with noise; codes drawn for a value must have it on average."""
    codes = F.normalize(1 + 0.3 * draw(4000, 12, seed=20), dim=1)
    scores = model.compact_codes.scores(codes)
    noise = draw(4000, 2, seed=21)
    values = torch.stack([0.4 * scores[:, 0] + 0.1 * noise[:, 0], 0.3 * scores[:, 1] + 0.1 * noise[:, 1]], 1)
    model.compact_codes.fit_attributes(codes, values)
    nan = torch.nan
    for told, expected in (((0.4, nan), (1.0, 0.0)), ((nan, -0.3), (0.0, -1.0)), ((0.4, -0.3), (1.0, -1.0))):
        drawn = model.compact_codes.draw(0.5 * draw(3000, 5, seed=22), torch.tensor(told).expand(3000, -1))
        found = model.compact_codes.scores(drawn)[:, :2].mean(0)
        torch.testing.assert_close(found, torch.tensor(expected), atol=0.25, rtol=0)
    silent = model.compact_codes.draw(draw(40, 5, seed=23), torch.full((40, 2), nan))
    torch.testing.assert_close(silent, model.compact_codes.draw(draw(40, 5, seed=23)), atol=1e-3, rtol=0)


def test_attributes_change_what_is_expected_unless_nothing_is_said(
    model: LatentPrior, spatial: torch.Tensor, compact: torch.Tensor
) -> None:
    t, silence = torch.full((3,), 0.5), torch.full((3, 2), torch.nan)
    plain = model.clean(spatial, t, compact)
    assert torch.equal(model.clean(spatial, t, compact, attributes=silence), plain)
    middle, high = silence.clone(), silence.clone()
    middle[0, 0], high[0, 0] = 0.0, 1.0
    found = [model.clean(spatial, t, compact, attributes=words) for words in (middle, high)]
    for one, other in ((found[0], plain), (found[0], found[1])):  # "in the middle" is no silence
        assert not torch.allclose(one[0], other[0], atol=1e-4)
    assert torch.equal(found[1][1:], plain[1:])
    noise = draw(3, 4, 4, 4, seed=24)
    assert not torch.allclose(
        model.sample(compact, noise, 3, attributes=high)[0], model.sample(compact, noise, 3)[0], atol=1e-4
    )


def test_save_and_load_give_the_same_output(spatial: torch.Tensor, compact: torch.Tensor, tmp_path: Path) -> None:
    model = built().half().float()  # weights are stored as float16
    checkpoint.save(tmp_path, model, model.config)
    loaded, t = LatentPrior.from_checkpoint(tmp_path), torch.full((3,), 0.5)
    assert loaded.config == model.config
    torch.testing.assert_close(loaded.velocity(spatial, t, compact), model.velocity(spatial, t, compact))
    torch.testing.assert_close(loaded.from_working(spatial, compact), model.from_working(spatial, compact))


def test_every_config_field_changes_the_model() -> None:
    def outline(config: LatentPriorConfig) -> list[tuple[str, object]]:
        model = built(config)
        u = torch.zeros(1, config.latent_channels, config.latent_size, config.latent_size)
        output = model.velocity(u, torch.full((1,), 0.5), None)
        return [(n, p.shape) for n, p in model.state_dict().items()] + [("out", output.detach().flatten().tolist())]

    before = outline(TINY)
    for field in dataclasses.fields(TINY):
        assert outline(dataclasses.replace(TINY, **{field.name: OTHER_VALUES[field.name]})) != before, field.name


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"latent_size": 5}, "latent_size 5 must be a multiple of patch_size 2"),
        ({"width": 18}, "width 18 must be a multiple of 2 · heads 2"),
        ({"depth": 0}, "must be positive"),
        ({"compact_rank": 0}, "must be positive"),
        ({"compact_rank": 13}, "compact_rank 13 must not exceed compact_dim 12"),
        ({"attributes": ()}, "attributes must be one or more"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **values)
