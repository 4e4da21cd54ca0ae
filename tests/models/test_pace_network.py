from __future__ import annotations

from pathlib import Path

import pytest
import torch

from facemorph import checkpoint
from facemorph.models import PaceNetwork, PaceNetworkConfig
from facemorph.pipeline import PACE_NETWORK

TINY = PaceNetworkConfig(image_size=32, widths=(4, 6))


@pytest.fixture
def model() -> PaceNetwork:
    torch.manual_seed(0)
    return PaceNetwork(TINY).eval()


@pytest.fixture
def frames() -> torch.Tensor:
    return torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_change_is_between_neighbours_and_0_where_nothing_changes(model: PaceNetwork, frames: torch.Tensor) -> None:
    frames[3] = frames[2]
    change = model(frames)
    assert change.shape == (4,)
    assert change[2] == 0
    assert (change[[0, 1, 3]] > 0).all()


def test_change_is_the_same_backwards(model: PaceNetwork, frames: torch.Tensor) -> None:
    torch.testing.assert_close(model(frames.flip(0)), model(frames).flip(0))


def test_every_parameter_gets_a_gradient(model: PaceNetwork, frames: torch.Tensor) -> None:
    model(frames).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


def test_save_and_load_give_the_same_change(model: PaceNetwork, frames: torch.Tensor, tmp_path: Path) -> None:
    checkpoint.save(tmp_path, model, TINY)
    loaded = PaceNetwork.from_checkpoint(tmp_path)
    torch.testing.assert_close(loaded(frames), model(frames), atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize("config", [{"image_size": 30}, {"widths": ()}, {"widths": (8, 0)}])
def test_sizes_that_cannot_be(config: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        PaceNetworkConfig(**config)  # type: ignore[arg-type]


def test_the_shipped_network_sees_structure_before_brightness() -> None:
    model = PaceNetwork.from_checkpoint(PACE_NETWORK)
    generator = torch.Generator().manual_seed(0)
    picture = torch.nn.functional.interpolate(torch.rand(1, 3, 16, 16, generator=generator), size=(128, 128))
    brighter, moved = picture + 0.02, picture.roll(4, 3)
    change = model(torch.cat([brighter, picture, moved]))
    assert change[1] > 3 * change[0]
