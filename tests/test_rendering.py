"""Heads that turn, whatever the weights: the real pipeline over an untrained model, with the head that ships."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from facemorph import AlignedFace, FaceMorpher
from facemorph.errors import InputError, NoHeadError
from facemorph.rendering import FRAMES_AT_ONCE, NO_HEAD, NO_POSE
from tests.drawn import draw_face


@pytest.fixture(scope="module")
def face(turning_morpher: FaceMorpher) -> AlignedFace:
    return turning_morpher.align(draw_face()[0])


def test_no_turn_is_the_aligned_photo(turning_morpher: FaceMorpher, face: AlignedFace) -> None:
    assert np.array_equal(turning_morpher.turn(face, 0, 0, 512), face.image)


@pytest.mark.parametrize("size", [64, 256])
def test_a_turn_is_a_picture(turning_morpher: FaceMorpher, face: AlignedFace, size: int) -> None:
    picture = turning_morpher.turn(face, size=size)
    assert (picture.shape, picture.dtype) == ((size, size, 3), np.uint8)
    assert np.array_equal(picture, turning_morpher.turn(face, 15.0, 0.0, size))
    assert np.abs(picture.astype(int) - turning_morpher.turn(face, -15, 0, size)).mean() > 1


@pytest.mark.parametrize(("yaw", "pitch"), [(15, 0), (-20, 8)])
def test_a_swing_goes_from_one_side_to_the_other(
    turning_morpher: FaceMorpher, face: AlignedFace, yaw: float, pitch: float
) -> None:
    swing = turning_morpher.swing(face, yaw, pitch, num_frames=2 * FRAMES_AT_ONCE + 3, size=64)
    assert swing.frames.shape == (2 * FRAMES_AT_ONCE + 3, 64, 64, 3)
    for index, side in ((0, -1), (FRAMES_AT_ONCE + 1, 0), (-1, 1)):
        turned = turning_morpher.turn(face, side * yaw, side * pitch, 64)
        assert np.abs(swing.frames[index].astype(int) - turned).max() <= 1
    assert (swing.alphas[0], swing.alphas[-1]) == (0, 1)
    assert (np.diff(swing.alphas) > 0).all()


def test_a_swing_says_what_the_face_warns_of(turning_morpher: FaceMorpher, face: AlignedFace) -> None:
    warned = replace(face, warnings=("It is small.",))
    assert turning_morpher.swing(warned, num_frames=2, size=64).warnings == ("It is small.",)


Call = Callable[[FaceMorpher, AlignedFace], object]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, a: m.turn(a, 26), r"^The yaw is 26\. Choose from -25 to 25 degrees\.$"),
        (lambda m, a: m.turn(a, float("nan")), r"^The yaw is nan\."),
        (lambda m, a: m.turn(a, "15"), r"^The yaw is '15'\."),
        (lambda m, a: m.turn(a, 0, -15.5), r"^The pitch is -15\.5\. Choose from -15 to 15 degrees\.$"),
        (lambda m, a: m.turn(a, size=65), r"^The size is 65\."),
        (lambda m, a: m.turn("a.jpg"), r"^The face is 'a\.jpg'\."),
        (lambda m, a: m.turn(a.image), r"^The face is an object of type ndarray\."),
        (lambda m, a: m.swing(a, None), r"^The yaw is None\."),
        (lambda m, a: m.swing(a, 0, "up"), r"^The pitch is 'up'\."),
        (lambda m, a: m.swing(a, num_frames=1), r"^The number of frames is 1\. Choose from 2 to 240\."),
        (lambda m, a: m.swing(a, num_frames="many"), r"^The number of frames is 'many'\."),
        (lambda m, a: m.swing(a, size=1024), r"^The size is 1024\."),
        (lambda m, a: m.swing(None), r"^The face is None\."),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(
    turning_morpher: FaceMorpher, face: AlignedFace, call: Call, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        call(turning_morpher, face)


@pytest.mark.parametrize("call", [lambda m, a: m.turn(a, size=64), lambda m, a: m.swing(a, num_frames=2, size=64)])
def test_what_no_head_explains_is_said(
    turning_morpher: FaceMorpher, tiny_morpher: FaceMorpher, face: AlignedFace, call: Call
) -> None:
    scattered = np.random.default_rng(0).uniform(0, 512, (68, 2)).astype(np.float32)
    for morpher, untold in ((turning_morpher, replace(face, landmarks=scattered)), (tiny_morpher, face)):
        with pytest.raises(NoHeadError, match=f"^{NO_HEAD}$"):
            call(morpher, untold)


@pytest.mark.usefixtures("few_probes")
def test_a_morph_says_which_face_no_head_explains(turning_morpher: FaceMorpher, face: AlignedFace) -> None:
    moved = face.landmarks + np.random.default_rng(0).uniform(-40, 40, (68, 2)).astype(np.float32)
    morph = turning_morpher.morph(face, replace(face, landmarks=moved), num_frames=3, size=64)
    assert NO_POSE.format("B") in morph.warnings
    assert NO_POSE.format("A") not in morph.warnings
    assert morph.frames.std() > 1
