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


def test_a_head_turns_to_the_side_that_is_narrower() -> None:
    _, landmarks = draw_face()
    turns = [traits.turn(turned(landmarks, part)) for part in (1.0, 0.5, 0.2, 0.0)]
    assert turns[0] == pytest.approx(0, abs=0.02)
    assert turns[1] == pytest.approx(-1 / 3, abs=0.03)  # 0.5 - 1 of 1.5
    assert turns == sorted(turns, reverse=True)
    mirrored = turned(landmarks, 0.5) * (-1, 1)
    swapped = mirrored[[*range(16, -1, -1), *range(26, 16, -1), *range(27, 36), 45, *range(37, 45), 36]]
    assert traits.turn(swapped) == pytest.approx(-turns[1], abs=0.02)


def test_lips_apart_are_a_gape() -> None:
    _, landmarks = draw_face()
    shut, open_ = landmarks.copy(), landmarks.copy()
    shut[61:64] = shut[[67, 66, 65]]
    open_[61:64] = shut[61:64] - (0, 0.3 * np.linalg.norm(landmarks[54] - landmarks[48]))
    assert [traits.gape(x) for x in (shut, open_, 3 * open_)] == pytest.approx([0, 0.3, 0.3], abs=1e-5)


def test_turn_does_not_depend_on_roll() -> None:
    assert traits.turn(draw_face(roll=20)[1]) == pytest.approx(traits.turn(draw_face(roll=0)[1]), abs=0.02)


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
    return traits.glasses(small, parts_of_side(landmarks, side))


def parts_of_side(landmarks: np.ndarray, side: int) -> np.ndarray:
    return ((landmarks + 0.5) / side).astype(np.float32)


def bearded(light: float) -> tuple[torch.Tensor, np.ndarray]:
    """Return a gray face whose chin and upper lip are `light` times as light, and its landmarks."""
    _, landmarks = draw_face((256, 256))
    picture = np.full((256, 256), 0.6, np.float32)
    hull = cv2.convexHull(landmarks[[*range(4, 13), 33]].round().astype(np.int32))
    cv2.fillConvexPoly(picture, hull, 0.6 * light)
    return torch.from_numpy(picture).expand(1, 3, -1, -1), parts_of_side(landmarks, 256)


def test_a_dark_chin_is_a_beard_and_shade_is_none() -> None:
    assert traits.beard(*bearded(1.0)) == 0
    assert traits.beard(*bearded(0.9)) == 0
    assert 0.2 < traits.beard(*bearded(0.7)) < 0.8
    assert traits.beard(*bearded(0.4)) == 1


def test_what_lies_under_hair_is_hidden_and_told_glasses_are_worn() -> None:
    crop, landmarks = bearded(1.0)
    seen = np.ones(68, np.float32)
    bare = traits.read(crop, landmarks, seen, 0.0, (), 0.0)
    assert (bare.hidden, bare.glasses, bare.beard) == (0, 0, 0)
    seen[:17] = 0  # ears and jaw don't count
    assert traits.read(crop, landmarks, seen, 0.0, (), 0.0).hidden == 0
    seen[17:27] = 0
    assert traits.read(crop, landmarks, seen, 0.0, (), 0.0).hidden == pytest.approx(10 / 51)
    assert traits.read(crop, landmarks, seen, 0.0, (), 0.05).glasses == 1


def test_a_blurred_face_is_less_sharp() -> None:
    photo, landmarks = draw_face((256, 256))
    blurred = cv2.GaussianBlur(photo, (0, 0), 2)
    sharp, soft = (
        traits.sharpness(torch.from_numpy(x.copy()).permute(2, 0, 1)[None].float() / 255, parts_of_side(landmarks, 256))
        for x in (photo, blurred)
    )
    assert sharp > 1.6 * soft
    assert traits.sharpness(torch.full((1, 3, 256, 256), 0.5), parts_of_side(landmarks, 256)) == pytest.approx(
        0, abs=1e-6
    )
