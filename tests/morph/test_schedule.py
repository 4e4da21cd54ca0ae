from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from facemorph.morph import schedule


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 10), min_size=2, max_size=30), st.integers(2, 60))
def test_alphas_rise_from_0_to_1(distances: list[float], num_frames: int) -> None:
    alphas = schedule.perceptual_alphas(torch.tensor(distances), schedule.even_alphas(len(distances) + 1), num_frames)
    assert alphas.shape == (num_frames,)
    assert alphas[0] == 0
    assert alphas[-1] == 1
    assert (alphas.diff() > 0).all()


def test_each_step_covers_the_same_change() -> None:
    """A picture whose position is α²: the pace grows along the way, the steps must shrink."""
    knots = schedule.even_alphas(65)
    alphas = schedule.perceptual_alphas((knots**2).diff(), knots, 9)
    steps = (alphas**2).diff()
    assert steps[1:].std() / steps[1:].mean() < 0.05
    assert alphas.diff()[-1] < 0.6 * alphas.diff()[0]


def test_reversed_change_gives_reversed_alphas() -> None:
    distances = torch.tensor([1.0, 4.0, 2.0, 0.5])
    forward, backward = (
        schedule.perceptual_alphas(d, schedule.even_alphas(5), 11) for d in (distances, distances.flip(0))
    )
    torch.testing.assert_close(backward, 1 - forward.flip(0), atol=1e-6, rtol=0)


def test_nothing_changing_gives_even_alphas() -> None:
    assert torch.equal(schedule.perceptual_alphas(torch.zeros(8), schedule.even_alphas(9), 5), schedule.even_alphas(5))


def test_a_quick_change_is_spread_over_frames() -> None:
    """All of the change lies within a twentieth of the way, which even probes would hardly see."""
    knots = schedule.probe_alphas((0.42, 0.42), 0.14)
    alphas = schedule.perceptual_alphas(((knots - 0.42) / 0.05 + 0.5).clamp(0, 1).diff(), knots, 24)
    assert ((alphas > 0.38) & (alphas < 0.46)).sum() >= 16


def test_probes_lie_evenly_and_densely_where_pieces_change_hands() -> None:
    knots = schedule.probe_alphas((0.42, 0.58), 0.14)
    assert (knots[0], knots[-1]) == (0, 1)
    assert (knots.diff() > 0).all()
    assert knots.diff().max() <= 1 / (schedule.PROBE_FRAMES - 1) + 1e-6
    for middle in (0.42, 0.58):
        assert ((knots - middle).abs() <= 0.07 + 1e-6).sum() >= schedule.PROBES_OF_A_CHANGE
