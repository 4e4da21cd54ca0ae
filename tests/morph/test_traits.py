from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from facemorph.morph import traits
from tests.drawn import draw_face


def turned(landmarks: np.ndarray, part: float) -> np.ndarray:
    """Squeeze the right half of a face to `part` of its width."""
    centre = landmarks[27:31, 0].mean()
    squeezed = landmarks.copy()
    right = squeezed[:, 0] > centre
    squeezed[right, 0] = centre + part * (squeezed[right, 0] - centre)
    return squeezed


def test_the_far_side_shrinks_as_a_head_turns() -> None:
    _, landmarks = draw_face()
    sides = [traits.far_side(turned(landmarks, part)) for part in (1.0, 0.5, 0.2, 0.0)]
    assert sides[0] == pytest.approx(1, abs=0.02)
    assert sides[1] == pytest.approx(2 / 3, abs=0.03)  # 0.5 of a mean of 0.75
    assert sides == sorted(sides, reverse=True)
    assert sides[-1] == traits.NARROWEST


def test_far_side_does_not_depend_on_roll() -> None:
    upright, rolled = (turned(draw_face(roll=0)[1], 0.5), draw_face(roll=20)[1])
    assert traits.far_side(rolled) == pytest.approx(traits.far_side(draw_face(roll=0)[1]), abs=0.02)
    assert traits.far_side(upright) < 0.8


def test_drawn_glasses_are_seen() -> None:
    photo, landmarks = draw_face()
    eyes = [landmarks[36:42].mean(0), landmarks[42:48].mean(0)]
    apart = float(np.linalg.norm(eyes[1] - eyes[0]))
    worn = photo.copy()
    for eye in eyes:
        cv2.circle(worn, tuple(int(v) for v in eye), int(0.4 * apart), (0, 0, 0), max(1, int(0.04 * apart)))
    cv2.line(
        worn,
        (int(eyes[0][0] + 0.4 * apart), int(eyes[0][1])),
        (int(eyes[1][0] - 0.4 * apart), int(eyes[1][1])),
        (0, 0, 0),
        max(1, int(0.06 * apart)),
    )
    bare, glasses = (_glasses(picture, landmarks) for picture in (photo, worn))
    assert bare < 0.3
    assert glasses > bare + 0.3


def _glasses(picture: np.ndarray, landmarks: np.ndarray) -> float:
    side = min(picture.shape[:2])
    x = torch.from_numpy(picture[:side, :side].copy()).permute(2, 0, 1)[None].float() / 255
    small = torch.nn.functional.interpolate(x, size=(128, 128), mode="area")
    return traits.glasses(small, (landmarks + 0.5) / side)
