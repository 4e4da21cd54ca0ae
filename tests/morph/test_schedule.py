from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from facemorph.morph import schedule


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 10), min_size=2, max_size=30), st.integers(2, 60))
def test_alphas_rise_from_0_to_1(distances: list[float], num_frames: int) -> None:
    alphas = schedule.perceptual_alphas(torch.tensor(distances), num_frames)
    assert alphas.shape == (num_frames,)
    assert alphas[0] == 0
    assert alphas[-1] == 1
    assert (alphas.diff() > 0).all()


def test_each_step_covers_the_same_change() -> None:
    """A picture whose position is α²: the pace grows along the way, the steps must shrink."""
    position = schedule.even_alphas(65) ** 2
    alphas = schedule.perceptual_alphas(position.diff(), 9)
    steps = (alphas**2).diff()
    assert steps[1:].std() / steps[1:].mean() < 0.05
    assert alphas.diff()[-1] < 0.6 * alphas.diff()[0]


def test_reversed_change_gives_reversed_alphas() -> None:
    distances = torch.tensor([1.0, 4.0, 2.0, 0.5])
    forward, backward = (schedule.perceptual_alphas(d, 11) for d in (distances, distances.flip(0)))
    torch.testing.assert_close(backward, 1 - forward.flip(0), atol=1e-6, rtol=0)


def test_nothing_changing_gives_even_alphas() -> None:
    assert torch.equal(schedule.perceptual_alphas(torch.zeros(8), 5), schedule.even_alphas(5))
