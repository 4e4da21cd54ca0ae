"""Properties of a morph, whatever the weights: the real pipeline over an untrained model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from facemorph import AlignedFace, FaceMorpher
from facemorph.align import Aligner
from facemorph.align.crop import transform_points
from facemorph.errors import CheckpointNotFoundError, InputError, NoFaceFoundError
from facemorph.images import load_photo
from facemorph.models import PartsParser, load_autoencoder
from facemorph.models.parts_parser import CLASSES
from facemorph.pipeline import DEFAULT_CHECKPOINT
from facemorph.rendering import NO_MASK, NO_PRIOR
from tests.drawn import draw_face
from tests.fakes import FakeBackend, tiny_autoencoder, tiny_pace_network, tiny_parser


@pytest.fixture(scope="module")
def pair(tiny_morpher: FaceMorpher) -> tuple[AlignedFace, AlignedFace]:
    a = tiny_morpher.align(draw_face()[0])
    b = tiny_morpher.align(draw_face((400, 300), eye_distance=60, roll=8, skin=(150, 100, 80))[0])
    return a, b


def psnr(x: npt.NDArray[np.uint8], y: npt.NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, ((x.astype(float) - y) ** 2).mean())))


def reduced(face: AlignedFace, size: int) -> npt.NDArray[np.uint8]:
    factor = face.image.shape[0] // size
    blocks = face.image.reshape(size, factor, size, factor, 3).mean((1, 3))
    return np.floor(blocks + 0.5).astype(np.uint8)


@pytest.mark.parametrize("size", [256, 512])
def test_ends_are_the_aligned_photos(
    tiny_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace], size: int
) -> None:
    for alpha, face in zip((0.0, 1.0), pair, strict=True):
        assert psnr(tiny_morpher.frame(*pair, alpha, size), reduced(face, size)) >= 60


def test_morph_starts_and_ends_like_single_frames(
    tiny_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace]
) -> None:
    calls: list[tuple[int, int]] = []
    result = tiny_morpher.morph(
        *pair, num_frames=11, size=128, progress=lambda done, total: calls.append((done, total))
    )
    assert result.frames.shape == (11, 128, 128, 3)
    assert result.frames.dtype == np.uint8
    assert calls[-1] == (11, 11)
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})
    for index in (0, 5, 10):
        single = tiny_morpher.frame(*pair, float(result.alphas[index]), 128)
        assert psnr(result.frames[index], single) > 45
    moved = np.abs(np.diff(result.frames.astype(float), axis=0)).mean((1, 2, 3))
    assert (moved > 0.2).all()


def test_alphas_rise_from_0_to_1(tiny_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace]) -> None:
    alphas = tiny_morpher.morph(*pair, num_frames=7, size=64).alphas
    assert (alphas[0], alphas[-1]) == (0, 1)
    assert (np.diff(alphas) > 0).all()


@pytest.mark.usefixtures("few_probes")
def test_morph_of_a_face_with_itself_is_still(tiny_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace]) -> None:
    frames = tiny_morpher.morph(pair[0], pair[0], num_frames=5, size=128).frames
    assert np.abs(frames.astype(int) - frames[0]).max() <= 1


@pytest.mark.parametrize("interpolation", ["slerp", "linear"])
def test_swapping_the_faces_reverses_the_morph(
    tiny_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace], interpolation: str
) -> None:
    a, b = pair
    there = tiny_morpher.morph(a, b, num_frames=9, size=128, interpolation=interpolation)  # type: ignore[arg-type]
    back = tiny_morpher.morph(b, a, num_frames=9, size=128, interpolation=interpolation)  # type: ignore[arg-type]
    np.testing.assert_allclose(back.alphas, 1 - there.alphas[::-1], atol=1e-3)
    difference = np.abs(there.frames.astype(float) - back.frames[::-1]).mean((1, 2, 3))
    assert difference.max() < 1


@pytest.mark.usefixtures("few_probes")
def test_interpolations_differ(shipped_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace]) -> None:
    slerp, linear = (
        shipped_morpher.morph(*pair, num_frames=9, size=64, interpolation=way).frames for way in ("slerp", "linear")
    )
    assert np.array_equal(slerp[0], linear[0])
    assert not np.array_equal(slerp, linear)


@pytest.mark.usefixtures("few_probes")
def test_frames_do_not_depend_on_who_else_is_served(
    tiny_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace]
) -> None:
    before = tiny_morpher.frame(*pair, 0.4, 128)
    tiny_morpher.morph(pair[1], pair[1], num_frames=3, size=64)
    assert np.array_equal(tiny_morpher.frame(*pair, 0.4, 128), before)


def test_reconstruction_has_the_size_of_the_model(
    tiny_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace]
) -> None:
    small = tiny_morpher.reconstruct(pair[0])
    assert small.dtype == np.uint8
    assert small.shape[0] == small.shape[1]
    assert small.shape[0] < pair[0].image.shape[0]


def test_matrix_maps_the_original_of_a_reduced_photo(tiny_morpher: FaceMorpher) -> None:
    photo, _ = draw_face((1200, 1600), eye_distance=250)
    large = np.kron(photo, np.ones((2, 2, 1), np.uint8))
    loaded = load_photo(large)
    assert loaded.scale == 0.64
    matrix, reduced_matrix = tiny_morpher.align(large).matrix, tiny_morpher.align(loaded.pixels).matrix
    corners = np.array([[0, 0], [3199, 0], [0, 2399], [1700, 900]], np.float32)
    expected = transform_points(reduced_matrix, (corners + 0.5) * 0.64 - 0.5)
    np.testing.assert_allclose(transform_points(matrix, corners), expected, atol=0.05)


@pytest.mark.parametrize("alpha", [-0.01, 1.5, float("nan")])
def test_alpha_out_of_range(tiny_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace], alpha: float) -> None:
    with pytest.raises(InputError, match=r"alpha is .*\. Choose a position from 0"):
        tiny_morpher.frame(*pair, alpha)


@pytest.mark.parametrize("steps", [0, 1, 10_000])
def test_steps_out_of_range(tiny_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace], steps: int) -> None:
    with pytest.raises(InputError, match=rf"The number of frames is {steps}\. Choose from 2 to 240\."):
        tiny_morpher.morph(*pair, num_frames=steps)


@pytest.mark.parametrize("size", [0, 63, 255, 1024])
def test_size_out_of_range(tiny_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace], size: int) -> None:
    for call in (
        lambda: tiny_morpher.frame(*pair, 0.5, size),
        lambda: tiny_morpher.morph(*pair, num_frames=3, size=size),
    ):
        with pytest.raises(InputError, match=rf"The size is {size}\. Choose an even number of pixels from 64 to 512\."):
            call()


NO_FACE = r"^The face is 'a\.jpg'\. Pass what FaceMorpher\.align makes of a photo\.$"
NO_MAPPING = r"^What to edit is {}\. Pass strengths by attribute, such as {{'smile': 0\.8}}\.$"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, a: m.align(None), r"^The photo is None\. Pass a path, a PIL image, or an \(H, W, 3\) uint8 array"),
        (lambda m, a: m.align(["a.jpg"]), r"^The photo is an object of type list\."),
        (
            lambda m, a: m.align(a.image, face="1"),
            r"^The number of the face is '1'\. Choose from 0 \(the largest\)",
        ),
        (lambda m, a: m.parts(a, size="a"), r"^The size is 'a'\. Choose an even number of pixels"),
        (lambda m, a: m.parts(a, size=256.0), r"^The size is 256\.0\."),
        (lambda m, a: m.parts("a.jpg"), NO_FACE),
        (lambda m, a: m.reconstruct("a.jpg"), NO_FACE),
        (lambda m, a: m.edit("a.jpg", {}), NO_FACE),
        (lambda m, a: m.edit_warnings("a.jpg", {}), NO_FACE),
        (lambda m, a: m.frame(a, "a.jpg", 0.5), NO_FACE),
        (lambda m, a: m.morph("a.jpg", a), NO_FACE),
        (lambda m, a: m.morph(a, a.image), r"^The face is an object of type ndarray\."),
        (lambda m, a: m.frame(a, a, None), r"^alpha is None\. Choose a position"),
        (lambda m, a: m.frame(a, a, 0.5, shape="b"), r"^shape is 'b'\. Choose a position"),
        (lambda m, a: m.morph(a, a, num_frames="x"), r"^The number of frames is 'x'\. Choose from 2"),
        (lambda m, a: m.morph(a, a, quality=None), r"^None is no quality\."),
        (lambda m, a: m.edit(a, "smile"), NO_MAPPING.format("'smile'")),
        (lambda m, a: m.morph(a, a, edits=["smile"]), NO_MAPPING.format("an object of type list")),
        (
            lambda m, a: m.edit(a, {"smile": (0, 1)}),
            r"^The strength of smile is an object of type tuple\. Choose",
        ),
        (lambda m, a: m.edit(a, {"smile": "much"}), r"^The strength of smile is 'much'\."),
        (lambda m, a: m.frame(a, a, 0.5, edits={"smile": None}), r"^The strength of smile is None\."),
        (lambda m, a: m.frame(a, a, 0.5, edits={"smile": "0.8"}), r"^The strength of smile is '0\.8'\."),
    ],
)
def test_what_is_of_another_kind_is_refused_in_one_sentence(
    tiny_morpher: FaceMorpher,
    pair: tuple[AlignedFace, AlignedFace],
    call: Callable[[FaceMorpher, AlignedFace], object],
    message: str,
) -> None:
    with pytest.raises(InputError, match=message):
        call(tiny_morpher, pair[0])


def test_numbers_of_numpy_are_numbers(tiny_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace]) -> None:
    alpha, size, strength = np.float32(0.5), np.int64(64), np.float64(0.8)
    frame = tiny_morpher.frame(*pair, alpha, size, edits={"smile": np.array([0, strength])})  # type: ignore[arg-type]
    assert np.array_equal(frame, tiny_morpher.frame(*pair, 0.5, 64, edits={"smile": (0, 0.8)}))


def test_unknown_interpolation(tiny_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace]) -> None:
    with pytest.raises(InputError, match=r"'cubic' is no interpolation\. Choose slerp or linear\."):
        tiny_morpher.morph(*pair, num_frames=3, size=64, interpolation="cubic")  # type: ignore[arg-type]


def test_a_wall_is_no_face(tiny_morpher: FaceMorpher, faceless_photo: Path) -> None:
    with pytest.raises(NoFaceFoundError, match="No face found"):
        tiny_morpher.align(faceless_photo)


def test_missing_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=r"No checkpoint at .*nowhere.*: config.json is missing"):
        FaceMorpher.from_checkpoint(tmp_path / "nowhere")


def test_shipped_checkpoint_loads_and_is_the_design() -> None:
    model = load_autoencoder(DEFAULT_CHECKPOINT)
    assert type(model).__name__ == "FaceAutoencoder"
    assert model.config.image_size == 128
    assert model.config.compact_dim == 512  # type: ignore[union-attr]
    assert not model.training


def broader(face: AlignedFace) -> AlignedFace:
    """Return a face whose landmarks are wider apart than the photo shows."""
    centre = face.landmarks.mean(0)
    return replace(face, landmarks=(centre + (face.landmarks - centre) * (1.2, 1)).astype(np.float32))


def test_shape_has_a_position_of_its_own(tiny_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace]) -> None:
    a, b = pair[0], broader(pair[1])
    assert np.array_equal(tiny_morpher.frame(a, b, 0.4, 128, shape=0.4), tiny_morpher.frame(a, b, 0.4, 128))
    in_other_shape = tiny_morpher.frame(a, b, 0.0, 128, shape=1.0)
    assert psnr(in_other_shape, reduced(a, 128)) < 40  # the first face, but not where it was
    colour = in_other_shape.mean((0, 1))
    assert np.abs(colour - reduced(a, 128).mean((0, 1))).max() < np.abs(colour - reduced(b, 128).mean((0, 1))).max()


@pytest.mark.usefixtures("few_probes")
def test_held_shape_and_held_appearance(tiny_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace]) -> None:
    a, b = pair[0], broader(pair[1])
    appearance = tiny_morpher.morph(a, b, num_frames=5, size=128, shape=0.0)
    shape = tiny_morpher.morph(a, b, num_frames=5, size=128, appearance=0.0)
    for result in (appearance, shape):
        assert psnr(result.frames[0], reduced(a, 128)) >= 60
        assert (result.alphas[0], result.alphas[-1]) == (0, 1)
        assert not np.array_equal(result.frames[0], result.frames[-1])
    assert np.array_equal(shape.frames[-1], tiny_morpher.frame(a, b, 0.0, 128, shape=1.0))
    assert np.array_equal(appearance.frames[-1], tiny_morpher.frame(a, b, 1.0, 128, shape=0.0))


@pytest.mark.parametrize("name", ["shape", "appearance"])
def test_position_out_of_range(tiny_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace], name: str) -> None:
    with pytest.raises(InputError, match=rf"{name} is 1\.2\. Choose a position from 0"):
        tiny_morpher.morph(*pair, num_frames=3, size=64, **{name: 1.2})  # type: ignore[arg-type]


def test_unknown_quality(tiny_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace]) -> None:
    with pytest.raises(InputError, match=r"'good' is no quality\. Choose best or fast\."):
        tiny_morpher.frame(*pair, 0.5, quality="good")  # type: ignore[arg-type]


@pytest.mark.usefixtures("few_probes")
def test_a_morph_without_a_prior_says_so(tiny_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace]) -> None:
    assert NO_PRIOR in tiny_morpher.morph(*pair, num_frames=3, size=64).warnings
    assert NO_PRIOR not in tiny_morpher.morph(*pair, num_frames=3, size=64, quality="fast").warnings


class _OneClass(PartsParser):
    """Finds one class everywhere."""

    def __init__(self, name: str) -> None:
        super().__init__(tiny_parser().config)
        self.shows = torch.tensor([float(name == other) for other in CLASSES]).reshape(1, -1, 1, 1)

    def parts(self, x: torch.Tensor) -> torch.Tensor:
        return self.shows.expand(len(x), -1, 16, 16)


@pytest.mark.usefixtures("few_probes")
def test_a_parser_that_misses_the_face_is_said(pair: tuple[AlignedFace, AlignedFace]) -> None:
    results = [
        FaceMorpher(tiny_autoencoder(), _OneClass(name), tiny_pace_network(), Aligner(FakeBackend())).morph(
            *pair, num_frames=3, size=64
        )
        for name in ("cloth", "background")
    ]
    assert not any("could not be told" in warning for warning in results[0].warnings)
    assert [NO_MASK.format(letter) in results[1].warnings for letter in "AB"] == [True, True]
    assert np.array_equal(results[0].frames, results[1].frames)  # all of the crop counts as person in both


@pytest.mark.usefixtures("few_probes")
def test_the_shipped_prior_changes_the_middle_and_leaves_the_ends(
    shipped_morpher: FaceMorpher, pair: tuple[AlignedFace, AlignedFace]
) -> None:
    best, fast = (shipped_morpher.morph(*pair, num_frames=3, size=128, quality=quality) for quality in ("best", "fast"))
    assert best.warnings == fast.warnings
    assert not np.array_equal(best.frames[1], fast.frames[1])
    for end in (0, 2):
        assert psnr(best.frames[end], fast.frames[end]) > 60


@pytest.mark.parametrize("device", ["abacus", "", 7.5])
def test_an_unknown_device_is_refused_in_one_sentence(device: str) -> None:
    with pytest.raises(InputError, match=r"^torch has no device .* here\. Choose 'cpu'\.$"):
        FaceMorpher.from_checkpoint(device=device)
