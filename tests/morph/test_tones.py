from __future__ import annotations

import pytest
import torch

from facemorph.morph import tones
from tests.morph.people import draw_person

SIDE = 64
RED, BLUE = torch.tensor([[0.6, 0.2, 0.2]]), torch.tensor([[0.3, 0.3, 0.6]])
EVERYWHERE, FULLY = torch.ones(1, 1, 16, 16), torch.ones(1)


def picture(colour: torch.Tensor) -> torch.Tensor:
    return colour.reshape(1, 3, 1, 1).expand(1, 3, SIDE, SIDE)


def test_equal_photos_are_not_recoloured() -> None:
    crop = draw_person(hair=0.4, texture=0.03).crop
    recoloured = tones.recolour(crop, RED, RED, torch.tensor([0.5]), EVERYWHERE)
    torch.testing.assert_close(recoloured, crop, atol=1e-5, rtol=0)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_means_meet_at_every_alpha(alpha: float) -> None:
    toward = torch.tensor([alpha])
    expected = torch.lerp(picture(RED), picture(BLUE), alpha)
    torch.testing.assert_close(tones.recolour(picture(RED), RED, BLUE, toward, EVERYWHERE), expected)
    torch.testing.assert_close(tones.recolour(picture(BLUE), BLUE, RED, 1 - toward, EVERYWHERE), expected)


def test_black_stays_black_and_white_white() -> None:
    dark, light = torch.full((1, 3), 0.3), torch.full((1, 3), 0.6)
    ramp = torch.linspace(0, 1, SIDE).expand(1, 3, SIDE, SIDE)
    lighter = tones.recolour(ramp, dark, light, FULLY, EVERYWHERE)
    darker = tones.recolour(ramp, light, dark, FULLY, EVERYWHERE)
    for recoloured in (lighter, darker):
        assert recoloured[..., 0].abs().max() < 0.06
        assert (recoloured.diff(dim=-1) > -0.002).all()  # no shade is turned round
    assert (lighter[..., -1] - 1).abs().max() < 0.06


def test_only_what_is_meant_is_recoloured() -> None:
    where = EVERYWHERE.clone()
    where[..., 8:] = 0
    recoloured = tones.recolour(picture(RED), RED, BLUE, FULLY, where)
    torch.testing.assert_close(recoloured[..., :24], picture(BLUE)[..., :24])
    torch.testing.assert_close(recoloured[..., 40:], picture(RED)[..., 40:])
