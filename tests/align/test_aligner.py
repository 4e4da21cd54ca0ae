"""`Aligner` over a backend that is told what to find."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from facemorph.align import AlignedFace, Aligner, DetectedFace
from facemorph.align import aligner as aligner_module
from facemorph.align.aligner import CUT_OFF, TURNED
from facemorph.align.crop import transform_points
from facemorph.align.pose import box
from facemorph.errors import AlignmentError, CheckpointNotFoundError, ImageTooSmallError, NoFaceFoundError
from facemorph.head import HeadFit, HeadPose, load_head
from facemorph.head.fit import rotations
from tests.align.conftest import PlaceFace
from tests.conftest import Started
from tests.drawn import draw_face

PHOTO = np.full((400, 600, 3), 90, np.uint8)


class ToldBackend:
    """Finds the faces that it was given, in their order."""

    name = "fan"

    def __init__(self, *faces: npt.NDArray[np.float32]) -> None:
        self.faces = [DetectedFace(box(points), points, 0.9) for points in faces]

    def find(self, pixels: npt.NDArray[np.uint8]) -> list[DetectedFace]:
        return list(self.faces)


@pytest.fixture
def three(mean_face_at: PlaceFace) -> Aligner:
    return Aligner(ToldBackend(mean_face_at(100, 200, 40), mean_face_at(300, 200, 70), mean_face_at(500, 200, 20)))


def test_detect_puts_the_largest_first(three: Aligner) -> None:
    widths = [face.bbox[2] - face.bbox[0] for face in three.detect(PHOTO)]
    assert widths == sorted(widths, reverse=True)


def test_align_returns_the_canonical_crop() -> None:
    photo, landmarks = draw_face((400, 360), eye_distance=70, roll=20)
    face = Aligner(ToldBackend(landmarks)).align(photo)
    assert face.image.shape == (512, 512, 3)
    assert face.image.dtype == np.uint8
    assert face.inside.shape == (512, 512)
    assert face.inside.dtype == bool
    assert face.matrix.shape == (2, 3)
    assert face.matrix.dtype == face.landmarks.dtype == np.float32
    assert (face.backend, face.num_faces, face.warnings) == ("fan", 1, ())
    np.testing.assert_allclose(face.landmarks, transform_points(face.matrix, landmarks), atol=1e-3)


def test_without_a_head_no_pose_is_told() -> None:
    photo, landmarks = draw_face()
    assert Aligner(ToldBackend(landmarks)).align(photo).pose == HeadPose(told=False)


def turned(yaw: float, roll: float = 0.0) -> npt.NDArray[np.float32]:
    """Return the landmarks of the mean head, turned."""
    rotation = rotations(np.array([yaw]), np.array([0.0]), np.array([roll]))[0]
    fit = HeadFit(rotation, 60.0, np.array([300, 150]), 0.0, told=True)
    return fit.project(load_head().points)[:, :2].astype(np.float32)


@pytest.mark.parametrize(("yaw", "roll"), [(0.0, 0.0), (35.0, 0.0), (-20.0, 40.0)])
def test_the_pose_is_that_in_the_crop(yaw: float, roll: float) -> None:
    """The crop is upright, so what the photo is turned by goes into its matrix."""
    pose = Aligner(ToldBackend(turned(yaw, roll)), load_head()).align(PHOTO).pose
    assert pose.told
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((yaw, 0, 0), abs=1)


@pytest.mark.parametrize(("yaw", "said"), [(0.0, False), (40.0, False), (-50.0, True), (50.0, True)])
def test_a_head_turned_far_is_taken_with_a_warning(yaw: float, said: bool) -> None:
    assert (TURNED in Aligner(ToldBackend(turned(yaw)), load_head()).align(PHOTO).warnings) is said


def test_a_drawing_that_no_head_explains_is_cut_all_the_same() -> None:
    photo, landmarks = draw_face()
    landmarks[::2] += (0, 12)
    face = Aligner(ToldBackend(landmarks), load_head()).align(photo)
    assert not face.pose.told
    assert (face.pose.yaw, face.pose.pitch) == (0, 0)


def test_the_largest_of_several_is_taken_and_said(three: Aligner) -> None:
    face = three.align(PHOTO)
    assert face.num_faces == 3
    assert face.warnings == ("3 faces found; the largest was taken.",)
    np.testing.assert_array_equal(face.matrix, three.align(PHOTO, face=0).matrix)


def test_a_face_that_was_asked_for_is_taken_without_a_warning(three: Aligner) -> None:
    face = three.align(PHOTO, face=1)
    assert face.warnings == ()
    middle = transform_points(face.matrix, np.array([[100, 200]], np.float32))
    assert np.abs(middle - 256).max() < 100


def test_a_small_face_is_taken_with_a_warning(three: Aligner) -> None:
    assert three.align(PHOTO, face=2).warnings == ("The face is only 44 pixels across; the result will be soft.",)


@pytest.mark.parametrize(("cut", "said"), [(0.0, False), (0.12, True), (0.3, True)])
@pytest.mark.parametrize("edge", ["left", "right", "top", "bottom"])
def test_a_face_cut_by_an_edge_is_taken_with_a_warning(
    mean_face_at: PlaceFace, edge: str, cut: float, said: bool
) -> None:
    points = mean_face_at(300, 200, 60)
    x0, y0, x1, y1 = box(points)
    lost_x, lost_y = cut * (x1 - x0), cut * (y1 - y0)
    left, top, right, bottom = (int(v) for v in (x0 + lost_x, y0 + lost_y, np.ceil(x1 - lost_x), np.ceil(y1 - lost_y)))
    rows = {"top": slice(top, None), "bottom": slice(0, bottom + 1)}.get(edge, slice(None))
    columns = {"left": slice(left, None), "right": slice(0, right + 1)}.get(edge, slice(None))
    moved = (points - (columns.start or 0, rows.start or 0)).astype(np.float32)
    warnings = Aligner(ToldBackend(moved)).align(np.ascontiguousarray(PHOTO[rows, columns])).warnings
    assert (CUT_OFF in warnings) is said


@pytest.mark.parametrize("index", [-1, 3, 99])
def test_a_face_that_is_not_there(three: Aligner, index: int) -> None:
    with pytest.raises(
        NoFaceFoundError, match=rf"Face {index} was asked for, but this photo holds 3 faces.*0.*to 2"
    ) as caught:
        three.align(PHOTO, face=index)
    assert caught.value.num_faces == 3


def test_no_face() -> None:
    with pytest.raises(
        NoFaceFoundError,
        match=r"No face found in this photo. Use a photo where one face looks at .* at least 40 pixels across",
    ) as caught:
        Aligner(ToldBackend()).align(PHOTO)
    assert caught.value.num_faces == 0


def test_a_face_under_40_pixels(mean_face_at: PlaceFace) -> None:
    with pytest.raises(
        ImageTooSmallError, match=r"only 35 pixels across. Use a photo where the face is at least 40"
    ) as caught:
        Aligner(ToldBackend(mean_face_at(100, 100, 16))).align(PHOTO)
    assert (caught.value.actual, caught.value.minimum) == (35, 40)


def test_a_face_of_40_pixels_is_large_enough(mean_face_at: PlaceFace) -> None:
    assert Aligner(ToldBackend(mean_face_at(100, 100, 18.5))).align(PHOTO).num_faces == 1


def test_degenerate_landmarks(mean_face_at: PlaceFace) -> None:
    points = mean_face_at(200, 200, 50)
    points[42:48] = points[36:42]
    with pytest.raises(AlignmentError, match=r"determine no crop"):
        Aligner(ToldBackend(points)).align(PHOTO)


def test_nothing_is_kept_from_one_photo_to_the_next(three: Aligner) -> None:
    before = dict(vars(three))
    first = three.align(PHOTO)
    three.align(PHOTO[:, ::-1], face=1)
    assert vars(three) == before
    again = three.align(PHOTO)
    for field in fields(AlignedFace):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(again, field.name))


def test_an_unknown_backend() -> None:
    with pytest.raises(AlignmentError, match=r"'dlib' is no aligner. Choose auto, builtin or fan"):
        Aligner.load("dlib")


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=r"aligner-detector"):
        Aligner.load("builtin", checkpoints=tmp_path)


def test_auto_takes_fan_only_where_its_weights_lie_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    fan, builtin = ToldBackend(), ToldBackend()
    builtin.name = "builtin"
    monkeypatch.setattr(aligner_module.FanBackend, "load", lambda device: fan)
    monkeypatch.setattr(aligner_module.BuiltinBackend, "load", lambda checkpoints, device: builtin)
    for on_disk, name in ((True, "fan"), (False, "builtin")):
        monkeypatch.setattr(aligner_module, "weights_on_disk", lambda on_disk=on_disk: on_disk)
        assert Aligner.load("auto").backend == name


def test_auto_falls_back_where_fan_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(device: str) -> None:
        raise AlignmentError("no package")

    monkeypatch.setattr(aligner_module, "weights_on_disk", lambda: True)
    monkeypatch.setattr(aligner_module.FanBackend, "load", fail)
    monkeypatch.setattr(aligner_module.BuiltinBackend, "load", lambda checkpoints, device: ToldBackend())
    assert isinstance(Aligner.load("auto"), Aligner)


def test_importing_the_stage_loads_no_weights_and_no_optional_package(started: Started) -> None:
    """`tests.start` refuses to load weights: then there is no report."""
    assert "facemorph.align" in started.stage
    assert [name for name in started.opened if name.endswith((".safetensors", ".pth", ".tar"))] == []
    assert {"face_alignment", "cv2", "skimage", "gradio"} & started.stage == set()
