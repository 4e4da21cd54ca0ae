"""What a morph with the shipped checkpoints keeps: the example photos, and drawn faces."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from facemorph import AlignedFace, FaceMorpher
from facemorph.ui.examples import EXAMPLES, find_pairs
from tests.drawn import draw_face

Frames = npt.NDArray[np.uint8]
LUMA = np.array([0.299, 0.587, 0.114])
PAIRS = range(3)
pytestmark = pytest.mark.usefixtures("few_probes")


@pytest.fixture(scope="module")
def pairs(shipped_morpher: FaceMorpher) -> list[tuple[AlignedFace, AlignedFace]]:
    return [(shipped_morpher.align(a), shipped_morpher.align(b)) for a, b in find_pairs(EXAMPLES)]


@cache
def drawn_pair(morpher: FaceMorpher) -> tuple[AlignedFace, AlignedFace]:
    photos = draw_face((640, 480), eye_distance=100)[0], draw_face((640, 480), eye_distance=110, roll=8)[0]
    return morpher.align(photos[0]), morpher.align(photos[1])


def reduced(face: AlignedFace, size: int) -> Frames:
    """Return the crop at a side that divides its own."""
    factor = face.image.shape[0] // size
    blocks = face.image.reshape(size, factor, size, factor, 3).mean((1, 3))
    return np.floor(blocks + 0.5).astype(np.uint8)


def psnr(x: Frames, y: Frames) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, ((x.astype(float) - y) ** 2).mean())))


def grayed(face: AlignedFace) -> AlignedFace:
    gray = np.floor(face.image @ LUMA + 0.5).astype(np.uint8)
    return replace(face, image=gray[..., None].repeat(3, 2))


def line_between_ends(x: npt.NDArray[np.float64], alphas: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return x[0] + alphas * (x[-1] - x[0])


@pytest.mark.parametrize("size", [256, 512])
@pytest.mark.parametrize("which", PAIRS)
def test_ends_are_the_example_photos(
    shipped_morpher: FaceMorpher, pairs: list[tuple[AlignedFace, AlignedFace]], which: int, size: int
) -> None:
    for alpha, face in zip((0.0, 1.0), pairs[which], strict=True):
        assert psnr(shipped_morpher.frame(*pairs[which], alpha, size), reduced(face, size)) >= 60


@pytest.mark.parametrize("size", [256, 512])
def test_ends_are_the_drawn_faces(shipped_morpher: FaceMorpher, size: int) -> None:
    pair = drawn_pair(shipped_morpher)
    for alpha, face in zip((0.0, 1.0), pair, strict=True):
        assert psnr(shipped_morpher.frame(*pair, alpha, size), reduced(face, size)) >= 60


@pytest.mark.parametrize("size", [256, 512])
@pytest.mark.parametrize("quality", ["best", "fast"])
@pytest.mark.parametrize("which", PAIRS)
def test_a_photo_morphed_with_itself_stays_what_it_is(
    shipped_morpher: FaceMorpher,
    pairs: list[tuple[AlignedFace, AlignedFace]],
    which: int,
    quality: str,
    size: int,
) -> None:
    face = pairs[which][which % 2]
    frames = shipped_morpher.morph(face, face, num_frames=5, size=size, quality=quality).frames  # type: ignore[arg-type]
    difference = np.abs(frames.astype(int) - reduced(face, size))
    assert difference.mean((1, 2, 3)).max() <= 1
    assert difference.max() <= 3


@pytest.mark.parametrize("which", PAIRS)
def test_gray_photos_stay_gray(
    shipped_morpher: FaceMorpher, pairs: list[tuple[AlignedFace, AlignedFace]], which: int
) -> None:
    a, b = (grayed(face) for face in pairs[which])
    frames = shipped_morpher.morph(a, b, num_frames=7, size=256).frames.astype(int)
    assert (frames.max(-1) - frames.min(-1)).max() <= 1.5


@pytest.mark.parametrize("which", PAIRS)
def test_the_background_goes_straight_from_one_brightness_to_the_other(
    shipped_morpher: FaceMorpher, pairs: list[tuple[AlignedFace, AlignedFace]], which: int
) -> None:
    a, b = pairs[which]
    darker = replace(b, image=(0.6 * b.image).astype(np.uint8))
    behind = (shipped_morpher.parts(a) == 0) & (shipped_morpher.parts(darker) == 0)
    behind = cv2.erode(behind.astype(np.uint8), np.ones((17, 17), np.uint8), borderValue=1).astype(bool)
    assert behind.mean() > 0.1
    result = shipped_morpher.morph(a, darker, num_frames=9)
    brightness = (result.frames @ LUMA)[:, behind].mean(1)
    assert brightness[0] - brightness[-1] > 50
    assert np.abs(brightness - line_between_ends(brightness, result.alphas)).max() <= 1.5


@pytest.mark.parametrize("which", PAIRS)
def test_swapping_the_photos_reverses_the_morph(
    shipped_morpher: FaceMorpher, pairs: list[tuple[AlignedFace, AlignedFace]], which: int
) -> None:
    a, b = pairs[which]
    there = np.stack([shipped_morpher.frame(a, b, alpha, 128) for alpha in (0.2, 0.42, 0.5, 0.62)])
    back = np.stack([shipped_morpher.frame(b, a, 1 - alpha, 128) for alpha in (0.2, 0.42, 0.5, 0.62)])
    assert np.abs(there.astype(float) - back).mean((1, 2, 3)).max() < 1
