"""The ranges of settings, and the sentences that refuse others."""

from __future__ import annotations

import re

import numpy as np
import pytest

from facemorph.errors import InputError
from facemorph.settings import PITCH, YAW, check_turn


@pytest.mark.parametrize(
    ("yaw", "pitch"), [(0, 0), (YAW, PITCH), (-YAW, -PITCH), (np.float32(3.5), np.int64(-2)), (-0.0, 1e-9)]
)
def test_a_turn_within_the_range(yaw: float, pitch: float) -> None:
    check_turn(yaw, pitch)


@pytest.mark.parametrize(
    ("yaw", "pitch", "words"),
    [
        (25.1, 0, "The yaw is 25.1. Choose from -25 to 25 degrees."),
        (-90, 0, "The yaw is -90. Choose from -25 to 25 degrees."),
        (0, 16, "The pitch is 16. Choose from -15 to 15 degrees."),
        (0, -15.5, "The pitch is -15.5. Choose from -15 to 15 degrees."),
        (float("nan"), 0, "The yaw is nan. Choose from -25 to 25 degrees."),
        (0, float("-inf"), "The pitch is -inf. Choose from -15 to 15 degrees."),
        ("15", 0, "The yaw is '15'. Choose from -25 to 25 degrees."),
        (0, None, "The pitch is None. Choose from -15 to 15 degrees."),
        ([15], 0, "The yaw is an object of type list. Choose from -25 to 25 degrees."),
        (1j, 0, "The yaw is 1j. Choose from -25 to 25 degrees."),
    ],
)
def test_another_turn_is_refused(yaw: float, pitch: float, words: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(words)}$"):
        check_turn(yaw, pitch)
