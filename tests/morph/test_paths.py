from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from facemorph.morph import paths


def unit(seed: int, size: int = 16) -> torch.Tensor:
    x = torch.randn(2, size, generator=torch.Generator().manual_seed(seed))
    return x / x.norm(dim=1, keepdim=True)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 99), st.floats(0, 1))
def test_slerp_stays_on_the_sphere_and_divides_the_angle(seed: int, alpha: float) -> None:
    a, b = unit(seed), unit(seed + 100)
    z = paths.slerp(a, b, torch.tensor([alpha, alpha]))
    torch.testing.assert_close(z.norm(dim=1), torch.ones(2), atol=1e-4, rtol=0)
    whole, part = torch.arccos((a * b).sum(1)), torch.arccos((a * z).sum(1).clamp(-1, 1))
    torch.testing.assert_close(part, alpha * whole, atol=2e-3, rtol=0)


def test_paths_end_where_they_should() -> None:
    a, b = unit(1), unit(2)
    for path in (paths.slerp, paths.lerp_unit):
        torch.testing.assert_close(path(a, b, torch.zeros(2)), a)
        torch.testing.assert_close(path(a, b, torch.ones(2)), b)


def test_slerp_of_equal_and_of_opposite_vectors_is_finite_and_of_unit_length() -> None:
    a = unit(3)
    for b in (a, -a):
        z = paths.slerp(a, b, torch.full((2,), 0.5))
        torch.testing.assert_close(z.norm(dim=1), torch.ones(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(paths.slerp(a, a, torch.full((2,), 0.3)), a, atol=1e-5, rtol=0)
    torch.testing.assert_close(paths.slerp(a, -a, torch.ones(2)), -a, atol=1e-5, rtol=0)


def test_mix_maps_keeps_the_local_norm() -> None:
    generator = torch.Generator().manual_seed(4)
    a, b = torch.randn(1, 32, 4, 4, generator=generator), torch.randn(1, 32, 4, 4, generator=generator)
    half = torch.full((1, 1, 1, 1), 0.5)
    mixed = paths.mix_maps(a, b, half)
    expected = (a.norm(dim=1) + b.norm(dim=1)) / 2
    lifted = mixed.norm(dim=1) / torch.lerp(a, b, 0.5).norm(dim=1)
    assert (lifted <= paths.MAX_GAIN + 1e-5).all()
    kept = lifted < paths.MAX_GAIN - 1e-5
    assert kept.float().mean() > 0.5
    torch.testing.assert_close(mixed.norm(dim=1)[kept], expected[kept])
    assert torch.lerp(a, b, 0.5).norm(dim=1).mean() < 0.8 * expected.mean()
    assert torch.equal(paths.mix_maps(a, b, 0 * half), a)
    torch.testing.assert_close(paths.mix_maps(a, b, 2 * half), b)


def test_mix_maps_of_cancelling_codes_stays_bounded() -> None:
    a = torch.ones(1, 8, 2, 2)
    assert paths.mix_maps(a, -a, torch.full((1, 1, 1, 1), 0.5)).abs().max() < 1e-3
