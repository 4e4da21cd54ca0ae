"""Which settings a morph takes, and the sentences that refuse others."""

from __future__ import annotations

import numbers
from typing import Literal, TypeAlias

from facemorph.errors import InputError, named

Interpolation: TypeAlias = Literal["slerp", "linear"]
Quality: TypeAlias = Literal["best", "fast"]
NUM_FRAMES = (2, 240)
SIZES = (64, 512)
YAW, PITCH = 25.0, 15.0
"""Degrees by which a head can be turned at most, to either side."""
SWING_FRAMES, SWING_HOLD = 24, 0.1
"""Frames of a swing; seconds that it rests at its ends, where it is slow already."""


def is_whole(value: object) -> bool:
    """Return whether a value is a whole number, Python's or NumPy's."""
    return isinstance(value, numbers.Integral)


def is_number(value: object) -> bool:
    """Return whether a value is a real number, Python's or NumPy's."""
    return isinstance(value, numbers.Real)


def check_num_frames(num_frames: int) -> None:
    """Refuse a number of frames outside of `NUM_FRAMES`.

    Raises:
        InputError: it names the range.
    """
    if not is_whole(num_frames) or not NUM_FRAMES[0] <= num_frames <= NUM_FRAMES[1]:
        raise InputError(
            f"The number of frames is {named(num_frames)}. Choose from {NUM_FRAMES[0]} to {NUM_FRAMES[1]}."
        )


def check_size(size: int) -> None:
    """Refuse a side in pixels that is odd or outside of `SIZES`.

    Raises:
        InputError: it names the range.
    """
    if not is_whole(size) or not SIZES[0] <= size <= SIZES[1] or size % 2:
        raise InputError(f"The size is {named(size)}. Choose an even number of pixels from {SIZES[0]} to {SIZES[1]}.")


def check_turn(yaw: float, pitch: float) -> None:
    """Refuse angles beyond `YAW` and `PITCH`.

    Raises:
        InputError: it names the range.
    """
    for name, angle, most in (("yaw", yaw, YAW), ("pitch", pitch, PITCH)):
        if not is_number(angle) or not abs(angle) <= most:
            raise InputError(f"The {name} is {named(angle)}. Choose from {-most:.0f} to {most:.0f} degrees.")


def check_device(device: str) -> None:
    """Refuse a device that torch does not have here.

    Raises:
        InputError: it names the device.
    """
    if device == "cpu":
        return
    import torch  # here, not above: seconds that no other setting needs

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:  # torch without CUDA raises the second
        raise InputError(f"torch has no device {named(device)} here. Choose 'cpu'.") from error


def check_held(name: str, value: float | None) -> None:
    """Refuse what `check_position` refuses; None holds nothing and passes."""
    if value is not None:
        check_position(name, value)


def check_position(name: str, value: float) -> None:
    """Refuse a position outside of [0, 1].

    Raises:
        InputError: it names the position.
    """
    if not is_number(value) or not 0.0 <= value <= 1.0:
        raise InputError(f"{name} is {named(value)}. Choose a position from 0 (the first face) to 1 (the second).")


def check_choice(value: str, name: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is not among the choices.

    Raises:
        InputError: it names them.
    """
    if value not in choices:
        raise InputError(f"{named(value)} is no {name}. Choose {' or '.join(choices)}.")
