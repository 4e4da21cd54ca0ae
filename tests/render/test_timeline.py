"""Which frame is shown when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facemorph.errors import RenderError
from facemorph.render import RenderOptions, timeline
from facemorph.render.timeline import whole_durations

OPTIONS = st.builds(RenderOptions, fps=st.floats(1, 50), ping_pong=st.booleans(), hold=st.floats(0, 10))


def test_ping_pong_doubles_no_end() -> None:
    steps = timeline(4, RenderOptions(fps=10, hold=0))
    assert [index for index, _ in steps] == [0, 1, 2, 3, 2, 1]
    assert {seconds for _, seconds in steps} == {0.1}


def test_one_way() -> None:
    assert [index for index, _ in timeline(4, RenderOptions(ping_pong=False))] == [0, 1, 2, 3]


def test_hold_is_added_at_both_ends() -> None:
    steps = timeline(3, RenderOptions(fps=10, hold=0.5))
    assert steps == [(0, pytest.approx(0.6)), (1, 0.1), (2, pytest.approx(0.6)), (1, 0.1)]


@pytest.mark.parametrize("ping_pong", [True, False])
@pytest.mark.parametrize(("num_frames", "order"), [(1, [0]), (2, [0, 1])])
def test_short_morphs(num_frames: int, order: list[int], ping_pong: bool) -> None:
    assert [index for index, _ in timeline(num_frames, RenderOptions(ping_pong=ping_pong))] == order


@given(st.integers(2, 120), OPTIONS)
def test_neighbours_in_the_loop_are_neighbours_in_the_morph(num_frames: int, options: RenderOptions) -> None:
    order = [index for index, _ in timeline(num_frames, options)]
    assert set(order) == set(range(num_frames))
    if options.ping_pong:
        following = [*order[1:], order[0]]
        assert {abs(a - b) for a, b in zip(order, following, strict=True)} == {1}


@given(st.integers(1, 120), OPTIONS, st.sampled_from([100, 1000]))
def test_rounding_keeps_the_length(num_frames: int, options: RenderOptions, units: int) -> None:
    seconds = [seconds for _, seconds in timeline(num_frames, options)]
    durations = whole_durations(seconds, units)
    assert min(durations) >= 2  # browsers play a hundredth as ten
    assert abs(sum(durations) - units * sum(seconds)) <= 0.5 + 1e-6
    assert all(abs(duration - units * exact) <= 1 + 1e-6 for duration, exact in zip(durations, seconds, strict=True))


@pytest.mark.parametrize("fps", [0, 0.5, -3, 51, 1000, float("nan"), float("inf")])
def test_unplayable_speed(fps: float) -> None:
    with pytest.raises(RenderError, match=r"frames per second cannot be played\. Use 1 to 50\.$"):
        RenderOptions(fps=fps)


@pytest.mark.parametrize("hold", [-0.1, 10.5, float("nan"), float("inf")])
def test_unplayable_hold(hold: float) -> None:
    with pytest.raises(RenderError, match=r"seconds is out of range\. Use 0 to 10\.$"):
        RenderOptions(hold=hold)
