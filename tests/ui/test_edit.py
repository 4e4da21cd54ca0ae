import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from facemorph.align import AlignedFace
from facemorph.ui.edit import EditHandlers, EditView
from facemorph.ui.edits import Edits, curves, strengths, summary, with_edit
from facemorph.ui.handlers import ChosenFace, MorphView, PairHandlers, note
from tests.ui.fake import FakeMorph, FakeMorpher

ENGLISH = SimpleNamespace(headers={"accept-language": "en-GB,en;q=0.9"})
CHINESE = SimpleNamespace(headers={"accept-language": "zh-CN,zh;q=0.9"})
SKIP = gr.skip()
SMILING: Edits = {"smile": (0.8, "appears")}


def _compare(
    morpher: FakeMorpher,
    a: ChosenFace | None,
    b: ChosenFace | None,
    edits: Edits,
    *,
    is_open: bool = True,
    slot: Any = "A",
    size: int = 128,
    request: object = ENGLISH,
) -> Iterator[EditView]:
    return EditHandlers(morpher).compare(is_open, a, b, slot, edits, size, request)


class TestEdits:
    def test_each_attribute_has_its_own_setting(self) -> None:
        edits = with_edit(with_edit({}, "smile", 0.8, "appears"), "age", -0.5, "constant")
        assert edits == {"smile": (0.8, "appears"), "age": (-0.5, "constant")}
        assert strengths(edits) == {"smile": 0.8, "age": -0.5}
        assert curves(edits) == {"smile": (0.0, 0.8), "age": (-0.5,)}
        assert with_edit(edits, "smile", 0.1, "peaks")["smile"] == (0.1, "peaks")

    def test_zero_is_dropped_and_no_setting_is_no_edit(self) -> None:
        assert with_edit(SMILING, "smile", 0, "appears") == {}
        assert with_edit(SMILING, "smile", -1e-17, "appears") == {}  # what a slider in steps of 0.1 may say
        assert with_edit({}, "hat", 0, "constant") == {}
        assert curves({}) is None

    def test_what_is_set_before_stays_as_it_was(self) -> None:
        before = dict(SMILING)
        with_edit(before, "age", 1, "constant")
        with_edit(before, "smile", 0, "constant")
        assert before == SMILING

    def test_the_line_lists_what_is_set(self) -> None:
        edits: Edits = {**SMILING, "age": (-0.5, "constant"), "hat": (1, "peaks")}
        assert summary(edits, "en") == "Smile +0.8, appears; Age −0.5; Hat +1.0, peaks in the middle"
        assert summary(edits, "zh") == "微笑 +0.8，出现；年龄 −0.5；帽子 +1.0，中间最强"
        assert summary({}, "en") == ""


class TestSettings:
    def test_a_setting_is_kept_and_listed(self, morpher: FakeMorpher) -> None:
        edits, line = EditHandlers(morpher).keep(SMILING, "hat", 0.3, None, ENGLISH)
        assert edits == {**SMILING, "hat": (0.3, "constant")}
        assert line == note("Smile +0.8, appears; Hat +0.3")
        assert EditHandlers(morpher).keep(SMILING, "smile", 0, "appears", CHINESE) == ({}, "")

    def test_another_attribute_shows_its_own_setting(self, morpher: FakeMorpher) -> None:
        assert EditHandlers(morpher).recall(SMILING, "smile") == (0.8, "appears")
        assert EditHandlers(morpher).recall(SMILING, "hat") == (0.0, "constant")

    def test_clearing_empties_everything(self, morpher: FakeMorpher) -> None:
        assert EditHandlers(morpher).clear() == ({}, 0.0, "constant", "")


class TestCompare:
    def test_one_photo_is_shown_before_and_after(self, morpher: FakeMorpher, a: ChosenFace) -> None:
        views = _compare(morpher, a, None, {"hat": (0.5, "peaks"), "age": (0.25, "constant")}, size=384)
        view = next(views)
        paths = [Path(path) for path in view.pictures["value"]]
        assert [path.name for path in paths] == ["facemorph-before.png", "facemorph-edit.png"]
        for path, asked in zip(paths, ({}, {"hat": 0.5, "age": 0.25}), strict=True):
            np.testing.assert_array_equal(np.asarray(Image.open(path)), morpher.edit(a.face, asked, 384))
        assert view.pictures["visible"] is view.png["visible"] is True
        assert view.png["value"] == str(paths[1])
        assert view.png["label"].startswith("PNG · ")
        assert (view.note, view.photo["visible"]) == ("", False)
        assert list(views) == []
        assert not paths[1].exists()  # Gradio has its copies by now

    @pytest.mark.parametrize(("slot", "first"), [("A", True), (None, True), ("B", False)])
    def test_of_two_photos_one_is_chosen(
        self, morpher: FakeMorpher, a: ChosenFace, b: ChosenFace, slot: str | None, first: bool
    ) -> None:
        views = _compare(morpher, a, b, SMILING, slot=slot)
        view = next(views)
        expected = morpher.edit((a if first else b).face, {}, 128)
        np.testing.assert_array_equal(np.asarray(Image.open(view.pictures["value"][0])), expected)
        assert view.photo["visible"] is True

    def test_the_other_photo_stands_in_for_a_missing_one(
        self, morpher: FakeMorpher, a: ChosenFace, b: ChosenFace
    ) -> None:
        for faces, slot, there in (((None, b), "A", b), ((a, None), "B", a)):
            views = _compare(morpher, *faces, SMILING, slot=slot)
            view = next(views)
            expected = morpher.edit(there.face, {}, 128)
            np.testing.assert_array_equal(np.asarray(Image.open(view.pictures["value"][0])), expected)
            assert view.photo["visible"] is False

    def test_without_a_photo_it_says_what_to_do(self, morpher: FakeMorpher) -> None:
        (view,) = _compare(morpher, None, None, SMILING)
        assert view.note == note("Add a photo first, as A or as B.", "error")
        assert view.pictures["visible"] is view.png["visible"] is False
        (view,) = _compare(morpher, None, None, SMILING, request=CHINESE)
        assert "请先添加照片 A 或 B。" in view.note
        (view,) = _compare(morpher, None, None, {})
        assert view.note == ""

    def test_nothing_set_takes_the_pictures_away(
        self, morpher: FakeMorpher, a: ChosenFace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(FakeMorpher, "edit")
        (view,) = _compare(morpher, a, None, {})
        assert view.pictures["visible"] is view.png["visible"] is False
        assert view.pictures["value"] is view.png["value"] is None
        assert view.note == ""

    def test_nothing_is_computed_out_of_view(
        self, morpher: FakeMorpher, a: ChosenFace, b: ChosenFace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(FakeMorpher, "edit")
        (view,) = _compare(morpher, a, b, SMILING, is_open=False)
        assert view[:3] == (SKIP, SKIP, SKIP)
        assert view.photo["visible"] is True

    def test_warnings_are_said_in_both_languages(self, morpher: FakeMorpher, a: ChosenFace) -> None:
        edits: Edits = {**SMILING, "beard": (0.5, "constant"), "age": (-1, "constant")}
        words = next(_compare(morpher, a, None, edits)).note
        assert "This face already has a smile" in words
        assert "A beard and a child&#x27;s face seldom go together" in words
        words = next(_compare(morpher, a, None, edits, request=CHINESE)).note
        assert "这张脸已经是“有笑容”" in words and "“有胡须”与“儿童的脸”很少同时出现" in words

    @pytest.mark.parametrize(
        ("name", "strength", "words", "chinese"),
        [
            ("wings", 0.5, "&#x27;wings&#x27; is no attribute that can be edited.", "没有名为“wings”的属性。"),
            ("hat", 7.0, "The strength of hat is 7. Choose from -1 to 1.", "帽子的强度是 7，请在 −1 到 1 之间选择。"),
        ],
    )
    def test_an_error_is_said_and_the_last_picture_stays(
        self, morpher: FakeMorpher, a: ChosenFace, name: str, strength: float, words: str, chinese: str
    ) -> None:
        for request, expected in ((ENGLISH, words), (CHINESE, chinese)):
            (view,) = _compare(morpher, a, None, {name: (strength, "constant")}, request=request)
            assert expected in view.note and 'role="alert"' in view.note
            assert (view.pictures, view.png) == (SKIP, SKIP)

    def test_the_unforeseen_is_logged_and_said_without_details(
        self, morpher: FakeMorpher, a: ChosenFace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(*_: object) -> None:
            raise ZeroDivisionError("secret detail")

        monkeypatch.setattr(FakeMorpher, "edit", broken)
        with caplog.at_level(logging.ERROR), pytest.raises(gr.Error, match="Something went wrong here"):
            list(_compare(morpher, a, None, SMILING))
        assert "ZeroDivisionError: secret detail" in caplog.text


class TestMorph:
    @staticmethod
    def _morph(morpher: FakeMorpher, *faces: ChosenFace, edits: Edits, request: object = ENGLISH) -> MorphView:
        settings = (8, 128, 20, True, "best", "both", edits, request)
        first, _ = PairHandlers(morpher).morph(*faces, *settings, progress=lambda *_, **__: None)
        return first

    def test_the_curves_go_along_the_morph(
        self, morpher: FakeMorpher, a: ChosenFace, b: ChosenFace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[Any] = []
        morph = FakeMorpher.morph

        def listening(self: FakeMorpher, *faces: AlignedFace, edits: Any, **settings: Any) -> FakeMorph:
            asked.append(edits)
            return morph(self, *faces, edits=edits, **settings)

        monkeypatch.setattr(FakeMorpher, "morph", listening)
        edits: Edits = {**SMILING, "hat": (-0.4, "peaks"), "age": (1, "disappears"), "beard": (0.2, "constant")}
        view = self._morph(morpher, a, b, edits=edits)
        assert view.stage["caption"].startswith("8 frames, edited · 128")
        view = self._morph(morpher, a, b, edits={}, request=CHINESE)
        assert view.stage["caption"].startswith("8 帧 · 128")
        assert asked == [
            {"smile": (0.0, 0.8), "hat": (0.0, -0.4, 0.0), "age": (1, 0.0), "beard": (0.2,)},
            None,
        ]

    def test_warnings_of_the_edits_are_said(self, morpher: FakeMorpher, a: ChosenFace, b: ChosenFace) -> None:
        view = self._morph(morpher, a, b, edits=SMILING, request=CHINESE)
        assert view.note == note("这张脸已经是“有笑容”，再加强变化不大。")

    def test_an_edit_that_is_refused_is_said(self, morpher: FakeMorpher, a: ChosenFace, b: ChosenFace) -> None:
        (view,) = PairHandlers(morpher).morph(
            a, b, 8, 128, 20, True, "best", "both", {"hat": (2.0, "appears")}, ENGLISH, progress=lambda *_, **__: None
        )
        assert "The strength of hat is 2. Choose from -1 to 1." in view.note
        assert view.stage == SKIP
