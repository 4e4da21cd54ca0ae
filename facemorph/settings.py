"""Which settings a morph takes, and the sentences that refuse others."""

from __future__ import annotations

from typing import Literal, TypeAlias

from facemorph.errors import InputError

Interpolation: TypeAlias = Literal["slerp", "linear"]
Quality: TypeAlias = Literal["best", "fast"]
NUM_FRAMES = (2, 240)
SIZES = (64, 512)


def check_num_frames(num_frames: int) -> None:
    """Refuse a number of frames outside of `NUM_FRAMES`.

    Raises:
        InputError: it names the range.
    """
    if not NUM_FRAMES[0] <= num_frames <= NUM_FRAMES[1]:
        raise InputError(f"{num_frames} steps were asked for. Choose from {NUM_FRAMES[0]} to {NUM_FRAMES[1]}.")


def check_size(size: int) -> None:
    """Refuse a side in pixels that is odd or outside of `SIZES`.

    Raises:
        InputError: it names the range.
    """
    if not SIZES[0] <= size <= SIZES[1] or size % 2:
        raise InputError(f"The size is {size} pixels. Choose an even number from {SIZES[0]} to {SIZES[1]}.")


def check_position(name: str, value: float | None) -> None:
    """Refuse a position outside of [0, 1]; None is no position and passes.

    Raises:
        InputError: it names the position.
    """
    if value is not None and not 0.0 <= value <= 1.0:
        raise InputError(f"{name} is {value}. Choose a position from 0 (the first face) to 1 (the second).")


def check_choice(value: str, name: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is not among the choices.

    Raises:
        InputError: it names them.
    """
    if value not in choices:
        raise InputError(f"'{value}' is no {name}. Choose {' or '.join(choices)}.")
