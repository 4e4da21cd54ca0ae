"""Rows of the sheets that people look at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.eye_sheet import ALPHAS, MARGIN, NUM_FRAMES, PLAYED, SIDE, draw_row


class _Levels:
    """A morpher whose frames are as bright as they are late."""

    def frame(self, a: Any, b: Any, alpha: float, size: int) -> np.ndarray:
        return np.full((size, size, 3), round(100 * alpha), np.uint8)

    def morph(self, a: Any, b: Any, num_frames: int, size: int) -> SimpleNamespace:
        levels = np.arange(num_frames, dtype=np.uint8).reshape(-1, 1, 1, 1)
        return SimpleNamespace(frames=np.broadcast_to(levels, (num_frames, size, size, 3)))


def levels(animation: bool) -> list[int]:
    pair: Any = [SimpleNamespace(face=SimpleNamespace(image=np.full((512, 512, 3), x, np.uint8))) for x in (200, 250)]
    morpher: Any = _Levels()
    row = draw_row(7, pair, morpher, animation)
    assert row.shape == (SIDE, MARGIN + 5 * SIDE, 3)
    return [int(row[SIDE // 2, MARGIN + SIDE // 2 + i * SIDE, 0]) for i in range(5)]


def test_a_row_shows_photos_and_the_frames_between() -> None:
    assert levels(animation=False) == [200, *(round(100 * alpha) for alpha in ALPHAS), 250]


def test_a_row_of_the_animation_shows_frames_that_are_played() -> None:
    assert levels(animation=True) == [200, *PLAYED, 250]
    assert max(PLAYED) < NUM_FRAMES
