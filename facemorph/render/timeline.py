"""Which frame is shown when."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TypeAlias

from facemorph.render.options import RenderOptions

Timeline: TypeAlias = "list[tuple[int, float]]"
"""Frame indices and how many seconds each is shown, in playing order; repeated for ever."""


def timeline(num_frames: int, options: RenderOptions) -> Timeline:
    """Lay out one round of the animation.

    Args:
        num_frames: how many frames there are, at least 1.
        options: speed, direction and hold.

    Returns:
        (frame_index, seconds) in playing order. Ping-pong goes 0 … T-1 … 1: the next round brings 0 again, so neither
        end is doubled. The first and the last frame are shown `options.hold` seconds longer.
    """
    order = list(range(num_frames))
    if options.ping_pong:
        order += range(num_frames - 2, 0, -1)
    ends = {0, num_frames - 1}
    return [(index, 1 / options.fps + (options.hold if index in ends else 0.0)) for index in order]


def whole_durations(seconds: Sequence[float], units_per_second: int) -> list[int]:
    """Round durations to whole units such that every frame starts within half a unit of its time.

    Args:
        seconds: how long each frame is shown.
        units_per_second: 100 for GIF, 1000 for WebP.

    Returns:
        The durations in units; their sum is the rounded sum of `seconds`.
    """
    starts = [0, *(round(end * units_per_second) for end in accumulate(seconds))]
    return [end - start for start, end in pairwise(starts)]
