"""The mask network: two layers of one person, hair inside person."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from facemorph import checkpoint
from facemorph.models import PersonMask, PersonMaskConfig

TINY = PersonMaskConfig(image_size=32, patch_size=2, widths=(4, 6, 8))


@pytest.fixture
def model() -> PersonMask:
    torch.manual_seed(0)
    built = PersonMask(TINY)
    for parameter in built.parameters():  # zero-initialised layers hide what lies before them
        torch.nn.init.normal_(parameter, std=0.2)
    return built


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def test_hair_is_part_of_the_person(model: PersonMask, x: torch.Tensor) -> None:
    parts = model.parts(x)
    assert parts.shape == (3, 2, 16, 16)
    person, hair = parts.unbind(1)
    assert (hair >= 0).all()
    assert (hair <= person).all()
    assert (person <= 1).all()
    assert hair.std() > 0.01


def test_forward_is_the_person(model: PersonMask, x: torch.Tensor) -> None:
    assert torch.equal(model(x), model.parts(x)[:, :1])


def test_every_parameter_gets_a_gradient(model: PersonMask, x: torch.Tensor) -> None:
    model.parts(x).square().mean().backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


def test_save_and_load_give_the_same_parts(model: PersonMask, x: torch.Tensor, tmp_path: Path) -> None:
    model.half().float()  # weights are stored as float16
    checkpoint.save(tmp_path, model, model.config)
    loaded = PersonMask.from_checkpoint(tmp_path)
    assert loaded.config == TINY
    torch.testing.assert_close(loaded.parts(x), model.parts(x), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("change", [{"patch_size": 4}, {"widths": (4, 6)}, {"widths": (4, 8, 8)}])
def test_config_shapes_the_network(change: dict[str, object]) -> None:
    def shapes(config: PersonMaskConfig) -> list[torch.Size]:
        return [p.shape for p in PersonMask(config).parameters()]

    assert shapes(dataclasses.replace(TINY, **change)) != shapes(TINY)


@pytest.mark.parametrize("size", [0, 4, 30])
def test_image_size_that_does_not_divide_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"image_size {size} must be a multiple of 8"):
        dataclasses.replace(TINY, image_size=size)


@pytest.mark.parametrize("widths", [(4,), (4, 0)])
def test_widths_that_make_no_network_are_refused(widths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="two or more positive"):
        dataclasses.replace(TINY, widths=widths)
