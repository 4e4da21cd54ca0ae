"""The 68 points as places on a head."""

from __future__ import annotations

import numpy as np
import pytest

from facemorph.head.landmarks import MIRROR_ORDER, TRUST, near, smoothstep


def test_mirroring_twice_changes_nothing() -> None:
    assert (MIRROR_ORDER[MIRROR_ORDER] == np.arange(68)).all()
    assert (np.arange(68) != MIRROR_ORDER).sum() == 58  # 10 points lie on the middle line


@pytest.mark.parametrize(
    ("one", "other"), [(0, 16), (36, 45), (39, 42), (41, 46), (48, 54), (60, 64), (67, 65), (31, 35)]
)
def test_mirror_order_swaps_left_and_right(one: int, other: int) -> None:
    assert MIRROR_ORDER[one] == other


def test_both_sides_are_trusted_alike() -> None:
    np.testing.assert_array_equal(TRUST[MIRROR_ORDER], TRUST)


def test_the_far_jaw_stops_counting_and_nothing_else() -> None:
    left, frontal, right = near(np.array([-40.0, 0.0, 40.0]))
    assert (frontal == 1).all()
    np.testing.assert_array_equal(left, left[MIRROR_ORDER][MIRROR_ORDER])
    np.testing.assert_array_equal(left, right[MIRROR_ORDER])
    assert np.flatnonzero(right == 0).tolist() == list(range(9, 17))  # it points to the viewer's right, its far side
    assert np.flatnonzero(left == 0).tolist() == list(range(8))
    np.testing.assert_allclose(near(np.array([10.0]))[0, 9:17], 0.5)


def test_smoothstep_rises_from_0_to_1() -> None:
    np.testing.assert_allclose(smoothstep(2, 4, np.array([0.0, 2.0, 3.0, 4.0, 9.0])), [0, 0, 0.5, 1, 1])
