from __future__ import annotations

import pytest
import torch

from facemorph.morph import detail


def noise(seed: int) -> torch.Tensor:
    return 0.1 * torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(seed))


def weight(alpha: float) -> torch.Tensor:
    return torch.full((1, 1, 1, 1), alpha)


AGREE = torch.ones(1, 1, 32, 32)


def test_ends_get_their_own_details_untouched() -> None:
    a, b = noise(0), noise(1)
    for agree in (AGREE, 0 * AGREE):
        assert torch.equal(detail.blend_details(a, b, weight(0.0), agree), a)
        torch.testing.assert_close(detail.blend_details(a, b, weight(1.0), agree), b)


def test_unlike_details_keep_their_strength_where_photos_agree() -> None:
    a, b = noise(0), noise(1)
    blended = detail.blend_details(a, b, weight(0.5), AGREE)
    assert 0.95 < blended.std() / a.std() < 1.05
    assert torch.lerp(a, b, 0.5).std() < 0.75 * a.std()


def test_equal_details_are_not_lifted() -> None:
    a = noise(0)
    torch.testing.assert_close(detail.blend_details(a, a, weight(0.5), AGREE), a, atol=1e-3, rtol=1e-2)


def test_details_fade_in_the_middle_where_photos_differ() -> None:
    a, b = noise(0), noise(1)
    assert detail.blend_details(a, b, weight(0.5), 0 * AGREE).abs().max() < 1e-6


def test_agreement_is_1_where_pictures_are_equal_and_low_where_they_differ() -> None:
    a = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    b = a.clone()
    b[..., 40:] = 1 - b[..., 40:].round()
    agree = detail.agreement(a, b)
    assert agree[..., :30].min() > 0.99
    assert agree[..., 50:].max() < 0.2


def test_swapping_the_photos_swaps_the_weights() -> None:
    a, b = noise(3), noise(4)
    torch.testing.assert_close(
        detail.blend_details(a, b, weight(0.3), AGREE), detail.blend_details(b, a, weight(0.7), AGREE)
    )


def test_strength_is_restored() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.rand(1, 3, 128, 128, generator=generator) for _ in range(2))
    mean = (a + b) / 2
    restored = detail.restore_strength(mean, detail.finest_strength(a))
    assert mean.std() < 0.75 * a.std()
    assert restored.std() == pytest.approx(float(a.std()), rel=0.08)


def test_a_frame_as_strong_as_it_should_be_stays() -> None:
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(detail.restore_strength(x, detail.finest_strength(x)), x)
    torch.testing.assert_close(detail.restore_strength(x, 0.5 * detail.finest_strength(x)), x)
