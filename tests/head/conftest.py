"""The head that comes with the project, and faces made from it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from facemorph.head import Head, HeadFit, load_head
from facemorph.head.fit import rotations

Array = npt.NDArray[np.float64]
PlaceHead = Callable[..., HeadFit]


@pytest.fixture(scope="session")
def head() -> Head:
    return load_head()


@pytest.fixture(scope="session")
def place() -> PlaceHead:
    """A function (yaw, pitch, roll in degrees, pixels per eye distance, x, y) → the fit of a head turned like this."""

    def placed(
        yaw: float = 0.0,
        pitch: float = 0.0,
        roll: float = 0.0,
        scale: float = 138.0,
        x: float = 255.5,
        y: float = 245.0,
    ) -> HeadFit:
        rotation = rotations(*(np.array([angle]) for angle in (yaw, pitch, roll)))[0]
        return HeadFit(rotation, scale, np.array([x, y]), 0.0, told=True)

    return placed
