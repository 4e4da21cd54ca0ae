import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio.utils import deep_hash
from PIL import Image

from facemorph.align import AlignedFace
from facemorph.errors import InputError, RenderError
from facemorph.rendering import NO_MASK
from facemorph.ui.edits import Edits
from facemorph.ui.handlers import ChosenFace, MorphView, PairHandlers, PhotoHandlers, note
from facemorph.ui.still import StillHandlers, StillView
from tests.ui.fake import FakeMorph, FakeMorpher, Rendered

ENGLISH = SimpleNamespace(headers={"accept-language": "en-GB,en;q=0.9"})
CHINESE = SimpleNamespace(headers={"accept-language": "zh-CN,zh;q=0.9"})
SKIP = gr.skip()


@pytest.fixture
def photo(tmp_path: Path) -> str:
    return _photo(tmp_path / "a.png", (200, 120, 100))


@pytest.fixture
def other(tmp_path: Path) -> str:
    return _photo(tmp_path / "b.png", (90, 110, 180))


def _photo(path: Path, colour: tuple[int, int, int]) -> str:
    Image.new("RGB", (120, 160), colour).save(path)
    return str(path)


def _chosen(morpher: FakeMorpher, path: str) -> ChosenFace:
    return ChosenFace(path, 0, morpher.align(path))


def _morph(morpher: FakeMorpher, *arguments: object, request: object = ENGLISH) -> Iterator[MorphView]:
    settings = (12, 128, 20, True, "best", "both", {})
    return PairHandlers(morpher).morph(*arguments, *settings, request, progress=lambda *_, **__: None)


class TestPhoto:
    def test_a_new_photo_shows_its_crop_and_says_so(self, morpher: FakeMorpher, photo: str) -> None:
        view = PhotoHandlers(morpher, "A").align(photo, None, ENGLISH)
        assert view.photo == SKIP
        assert view.chosen.path == photo
        assert view.crop["value"].shape == (384, 384, 3)
        assert view.crop["visible"] is True
        assert "Photo A: face found by the built-in aligner." in view.note
        assert view.choice["visible"] is False

    def test_landmarks_are_drawn_on_the_crop(self, morpher: FakeMorpher, photo: str) -> None:
        crop = PhotoHandlers(morpher, "A").align(photo, None, ENGLISH).crop["value"]
        assert len(np.unique(crop.reshape(-1, 3), axis=0)) > 10  # the photo itself has one colour

    def test_a_known_photo_is_not_aligned_again(self, morpher: FakeMorpher, photo: str) -> None:
        view = PhotoHandlers(morpher, "A").align(photo, _chosen(morpher, photo), ENGLISH)
        assert list(view) == [SKIP] * 5

    def test_no_photo_changes_nothing(self, morpher: FakeMorpher) -> None:
        assert list(PhotoHandlers(morpher, "A").align(None, None, ENGLISH)) == [SKIP] * 5

    def test_clearing_forgets_the_face(self, morpher: FakeMorpher) -> None:
        view = PhotoHandlers(morpher, "A").clear()
        assert (view.chosen, view.note) == (None, "")
        assert view.crop["visible"] is False
        assert view.crop["value"] is None
        view.crop.clear()  # as Gradio does
        assert PhotoHandlers(morpher, "A").clear().crop["value"] is None

    def test_a_file_that_is_no_picture_is_taken_off_and_named(self, morpher: FakeMorpher, tmp_path: Path) -> None:
        path = tmp_path / "letter.jpg"
        path.write_text("not a picture")
        view = PhotoHandlers(morpher, "B").align(str(path), None, ENGLISH)
        assert view.photo is None
        assert view.chosen is None
        assert 'role="alert"' in view.note
        assert "Photo B: &#x27;letter.jpg&#x27; is not a picture that can be opened here" in view.note
        assert str(tmp_path) not in view.note

    def test_a_photo_without_a_face_stays_in_view(self, morpher: FakeMorpher, tmp_path: Path) -> None:
        view = PhotoHandlers(morpher, "A").align(_photo(tmp_path / "dark.png", (0, 0, 0)), None, ENGLISH)
        assert view.photo == SKIP
        assert view.chosen is None
        assert "Photo A: No face found. Use a photo" in view.note

    def test_a_file_name_is_never_markup(self, morpher: FakeMorpher, tmp_path: Path) -> None:
        path = tmp_path / "<img src=x onerror=alert(1)>.jpg"
        path.write_text("not a picture")
        assert "<img" not in PhotoHandlers(morpher, "A").align(str(path), None, ENGLISH).note

    def test_several_faces_can_be_chosen_from_by_the_numbers_of_the_command_line(
        self, morpher: FakeMorpher, tmp_path: Path
    ) -> None:
        handlers, path = PhotoHandlers(morpher, "A"), _photo(tmp_path / "group.png", (0, 255, 0))
        view = handlers.align(path, None, ENGLISH)
        assert "5 faces found; the largest was taken." in view.note
        assert view.choice["visible"] is True
        assert view.choice["choices"] == [("0 (largest)", 0), ("1", 1), ("2", 2), ("3", 3), ("4", 4)]
        third = handlers.choose(path, 2, ENGLISH)
        assert third.chosen.index == third.choice["value"] == 2
        assert "largest" not in third.note

    def test_chinese_is_answered_in_chinese(self, morpher: FakeMorpher, photo: str, tmp_path: Path) -> None:
        assert "照片 A：已由内置对齐器找到人脸。" in PhotoHandlers(morpher, "A").align(photo, None, CHINESE).note
        path = tmp_path / "letter.jpg"
        path.write_text("not a picture")
        assert "照片 A：无法打开这个文件" in PhotoHandlers(morpher, "A").align(str(path), None, CHINESE).note


class TestPair:
    def test_swapping_keeps_the_chosen_faces(self, morpher: FakeMorpher, photo: str, tmp_path: Path) -> None:
        group = _photo(tmp_path / "group.png", (0, 255, 0))
        third = ChosenFace(group, 2, morpher.align(group, face=2))
        outputs = PairHandlers(morpher).swap(photo, _chosen(morpher, photo), group, third, ENGLISH)
        a, b = outputs[:5], outputs[5:]
        assert (a[0], a[1], a[4]["value"]) == (group, third, 2)
        assert (b[0], b[1].path) == (photo, photo)
        assert "Photo A" in a[3] and "Photo B" in b[3]

    def test_swapping_moves_an_empty_place_too(self, morpher: FakeMorpher, photo: str) -> None:
        outputs = PairHandlers(morpher).swap(photo, _chosen(morpher, photo), None, None, ENGLISH)
        assert (outputs[0], outputs[1]) == (None, None)
        assert outputs[5] == photo

    def test_examples_fill_both_places(self, morpher: FakeMorpher, photo: str, other: str) -> None:
        outputs = PairHandlers(morpher).take(photo, other, ENGLISH)
        assert (outputs[0], outputs[5]) == (photo, other)
        assert (outputs[1].path, outputs[6].path) == (photo, other)


class TestMorph:
    def test_the_gif_comes_first_and_then_the_rest(self, morpher: FakeMorpher, photo: str, other: str) -> None:
        views = _morph(morpher, _chosen(morpher, photo), _chosen(morpher, other))
        first = next(views)
        gif = Path(first.stage["gif"]["path"])
        assert gif.read_bytes().startswith(b"GIF8")
        assert len(first.stage["frames"]) == len(first.stage["alphas"]) == 12
        assert first.stage["caption"].startswith("12 frames · 128 × 128 px · GIF ")
        assert first.gif.value and first.gif.label.startswith("GIF · ")
        assert first.webp.interactive is False
        second = next(views)
        assert second.stage == SKIP
        for button, start in ((second.webp, b"RIFF"), (second.mp4, b"\0\0\0\x20ftyp"), (second.png, b"\x89PNG")):
            assert Path(button.value["path"]).read_bytes().startswith(start)
        assert list(views) == []
        assert not gif.exists()  # Gradio has its copies by now

    def test_a_missing_face_is_said_and_nothing_else_changes(self, morpher: FakeMorpher, photo: str) -> None:
        (view,) = _morph(morpher, _chosen(morpher, photo), None)
        assert "Photo B has no face yet. Add one first." in view.note
        assert [value for value in view._replace(note=SKIP) if value != SKIP] == []
        (view,) = _morph(morpher, None, None, request=CHINESE)
        assert "请先添加照片 A 和 B。" in view.note

    def test_a_setting_out_of_range_is_said_and_the_last_morph_stays(
        self, morpher: FakeMorpher, photo: str, other: str
    ) -> None:
        faces = _chosen(morpher, photo), _chosen(morpher, other)
        (view,) = PairHandlers(morpher).morph(
            *faces, 10_000, 128, 20, True, "best", "both", {}, ENGLISH, progress=lambda *_, **__: None
        )
        assert "The number of frames is 10000." in view.note
        assert view.stage == SKIP

    def test_a_format_that_fails_does_not_cost_the_others(
        self, morpher: FakeMorpher, photo: str, other: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        save = FakeMorph.save

        def without_mp4(self: FakeMorph, path: Path, **options: float) -> Rendered:
            if path.suffix == ".mp4":
                raise RenderError("No ffmpeg was found. Install imageio-ffmpeg.")
            return save(self, path, **options)

        monkeypatch.setattr(FakeMorph, "save", without_mp4)
        first, second = _morph(morpher, _chosen(morpher, photo), _chosen(morpher, other))
        assert first.stage["frames"]
        assert second.mp4.interactive is False
        assert "No ffmpeg was found." in second.note
        assert second.png.interactive is True

    def test_progress_is_counted_in_frames(self, morpher: FakeMorpher, photo: str, other: str) -> None:
        seen: list[tuple[int, int]] = []
        faces = _chosen(morpher, photo), _chosen(morpher, other)

        def progress(done: tuple[int, int], desc: str, unit: str) -> None:
            assert (desc, unit) == ("Morphing", "frames")
            seen.append(done)

        list(PairHandlers(morpher).morph(*faces, 8, 128, 20, True, "best", "both", {}, ENGLISH, progress=progress))
        assert seen == [(i, 8) for i in range(1, 9)]

    @pytest.mark.parametrize(
        ("moving", "held", "words", "chinese"),
        [
            ("both", {"shape": None, "appearance": None}, "8 frames · 128", "8 帧 · 128"),
            (None, {"shape": None, "appearance": None}, "8 frames · 128", "8 帧 · 128"),
            ("shape", {"shape": None, "appearance": 0.0}, "8 frames, shape only · 128", "8 帧，仅形状 · 128"),
            ("appearance", {"shape": 0.0, "appearance": None}, "8 frames, appearance only · 128", "8 帧，仅外观 · 128"),
        ],
    )
    def test_what_does_not_morph_stays_as_in_a(
        self,
        morpher: FakeMorpher,
        photo: str,
        other: str,
        monkeypatch: pytest.MonkeyPatch,
        moving: str | None,
        held: dict[str, float | None],
        words: str,
        chinese: str,
    ) -> None:
        asked: list[dict[str, object]] = []
        morph = FakeMorpher.morph

        def listening(self: FakeMorpher, *faces: AlignedFace, **settings: Any) -> FakeMorph:
            asked.append(settings)
            return morph(self, *faces, **settings)

        monkeypatch.setattr(FakeMorpher, "morph", listening)
        faces = _chosen(morpher, photo), _chosen(morpher, other)
        for request, caption in ((ENGLISH, words), (CHINESE, chinese)):
            settings = (8, 128, 20, True, "fast", moving, {})
            first, _ = PairHandlers(morpher).morph(*faces, *settings, request, progress=lambda *_, **__: None)
            assert first.stage["caption"].startswith(caption)
        assert all(settings.items() >= {**held, "quality": "fast", "edits": None}.items() for settings in asked)

    def test_warnings_of_the_morph_are_said_once_and_in_chinese(
        self, morpher: FakeMorpher, photo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        group = _chosen(morpher, _photo(tmp_path / "group.png", (0, 255, 0)))
        morph = FakeMorpher.morph

        def warning(self: FakeMorpher, a: AlignedFace, b: AlignedFace, **settings: Any) -> FakeMorph:
            warnings = (*a.warnings, *b.warnings, NO_MASK.format("B"))
            return replace(morph(self, a, b, **settings), warnings=warnings)

        monkeypatch.setattr(FakeMorpher, "morph", warning)
        for view in _morph(morpher, group, _chosen(morpher, photo)):
            assert view.note == note(NO_MASK.format("B"))  # the five faces stand beside photo A
        for view in _morph(morpher, group, _chosen(morpher, photo), request=CHINESE):
            assert "无法把照片 B 中的人物与背景分开" in view.note


class TestStill:
    @staticmethod
    def _show(
        morpher: FakeMorpher, *faces: ChosenFace | None, request: object = ENGLISH, **settings: Any
    ) -> Iterator[StillView]:
        asked = {"shape": 1.0, "appearance": 0.0, "size": 128, "quality": "best", "edits": {}} | settings
        return StillHandlers(morpher).show(*faces, **asked, request=request)

    def test_the_frame_is_the_one_asked_for(self, morpher: FakeMorpher, photo: str, other: str) -> None:
        faces = _chosen(morpher, photo), _chosen(morpher, other)
        edits: Edits = {"smile": (0.8, "appears")}
        views = self._show(morpher, *faces, shape=0.25, appearance=0.75, size=384, quality="fast", edits=edits)
        view = next(views)
        asked = {"shape": 0.25, "quality": "fast", "edits": {"smile": (0.0, 0.8)}}
        expected = morpher.frame(faces[0].face, faces[1].face, 0.75, 384, **asked)
        assert view.picture["visible"] is view.png["visible"] is True
        assert view.note == ""
        assert view.png["label"].startswith("PNG · ")
        for path in (view.picture["value"], view.png["value"]):
            assert Path(path).name == "facemorph-frame.png"
            with Image.open(path) as still:
                assert still.format == "PNG"
                np.testing.assert_array_equal(np.asarray(still), expected)
        assert list(views) == []
        assert not Path(view.png["value"]).exists()  # Gradio has its copies by now

    def test_a_missing_face_is_said_and_nothing_is_computed(
        self, morpher: FakeMorpher, photo: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(FakeMorpher, "frame")
        (view,) = self._show(morpher, _chosen(morpher, photo), None)
        assert view.note == note("Photo B has no face yet. Add one first.", "error")
        assert view.picture["visible"] is view.png["visible"] is False
        (view,) = self._show(morpher, None, None, request=CHINESE)
        assert "请先添加照片 A 和 B。" in view.note

    def test_an_error_is_said_and_the_last_still_stays(
        self, morpher: FakeMorpher, photo: str, other: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise InputError("shape is 7.")

        monkeypatch.setattr(FakeMorpher, "frame", refuse)
        (view,) = self._show(morpher, _chosen(morpher, photo), _chosen(morpher, other))
        assert view == (SKIP, note("shape is 7.", "error"), SKIP)

    def test_it_follows_other_changes_only_where_it_is_in_view(
        self, morpher: FakeMorpher, photo: str, other: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        faces = _chosen(morpher, photo), _chosen(morpher, other)
        handlers, settings = StillHandlers(morpher), (1.0, 0.0, 128, "best", {}, ENGLISH)
        (view,) = handlers.follow(True, *faces, *settings)
        assert view.picture["visible"] is True
        monkeypatch.delattr(FakeMorpher, "frame")
        assert list(handlers.follow(False, *faces, *settings)) == [(SKIP, SKIP, SKIP)]
        (view,) = handlers.follow(True, faces[0], None, *settings)
        assert view.picture["visible"] is view.png["visible"] is False
        assert view.picture["value"] is view.png["value"] is None
        assert view.note == SKIP

    def test_another_face_is_another_state_to_gradio(self, morpher: FakeMorpher, photo: str) -> None:
        first, again = _chosen(morpher, photo), _chosen(morpher, photo)
        assert deep_hash(first) == deep_hash(first) != deep_hash(again)


def test_the_unforeseen_is_logged_and_said_without_details(
    morpher: FakeMorpher, photo: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(FakeMorpher, "align", broken)
    monkeypatch.setattr(FakeMorpher, "morph", broken)
    monkeypatch.setattr(FakeMorpher, "frame", broken)
    face = SimpleNamespace(face=None)
    with caplog.at_level(logging.ERROR):
        with pytest.raises(gr.Error, match="Something went wrong here") as raised:
            PhotoHandlers(morpher, "A").align(photo, None, ENGLISH)
        with pytest.raises(gr.Error, match="Something went wrong here"):
            list(_morph(morpher, face, face))
        for handler, is_open in ((StillHandlers(morpher).show, ()), (StillHandlers(morpher).follow, (True,))):
            with pytest.raises(gr.Error, match="Something went wrong here"):
                list(handler(*is_open, face, face, 1.0, 0.0, 128, "best", {}, ENGLISH))
    assert caplog.text.count("ZeroDivisionError: secret detail") == 4
    assert "secret" not in str(raised.value)
    assert raised.value.print_exception is False


def test_a_note_escapes_and_an_empty_one_is_nothing() -> None:
    assert note("a < b") == '<p class="note plain" role="status">a &lt; b</p>'
    assert note("") == ""
