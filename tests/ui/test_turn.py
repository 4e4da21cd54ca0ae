import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from facemorph.render.gif import NO_FFMPEG
from facemorph.rendering import NO_HEAD
from facemorph.settings import SWING_FRAMES, SWING_HOLD
from facemorph.ui.handlers import ChosenFace, note
from facemorph.ui.turn import TurnHandlers, TurnView
from tests.ui.fake import FakeMorph, FakeMorpher, Rendered, chosen

ENGLISH = SimpleNamespace(headers={"accept-language": "en-GB,en;q=0.9"})
CHINESE = SimpleNamespace(headers={"accept-language": "zh-CN,zh;q=0.9"})
SKIP = gr.skip()


def _turn(
    morpher: FakeMorpher,
    a: ChosenFace | None,
    b: ChosenFace | None,
    yaw: float = 15,
    pitch: float = 0,
    *,
    slot: Any = "A",
    request: object = ENGLISH,
) -> Iterator[TurnView]:
    return TurnHandlers(morpher).turn(a, b, slot, yaw, pitch, 128, request)


def test_first_the_still_then_the_swing(morpher: FakeMorpher, a: ChosenFace) -> None:
    views = _turn(morpher, a, None, -10, 5)
    still = next(views)
    path = Path(still.picture["value"])
    assert path.name == "facemorph-turn.png"
    np.testing.assert_array_equal(np.asarray(Image.open(path)), morpher.turn(a.face, -10, 5, 128))
    assert (still.png["value"], still.png["visible"], still.picture["visible"]) == (str(path), True, True)
    assert still.png["label"].startswith("PNG · ")
    assert (still.swing, still.gif, still.photo, still.note) == (SKIP, SKIP, SKIP, "")
    swing = next(views)
    gif = Path(swing.swing["value"])
    assert gif.name == "facemorph-turn.gif"
    with Image.open(gif) as image:
        assert (image.format, image.size, image.n_frames) == ("GIF", (128, 128), SWING_FRAMES)
    assert (swing.gif["value"], swing.gif["visible"], swing.swing["visible"]) == (str(gif), True, True)
    assert swing.gif["label"].startswith("GIF · ")
    assert (swing.picture, swing.png, swing.photo) == (SKIP, SKIP, SKIP)
    assert list(views) == []
    assert not path.exists() and not gif.exists()  # Gradio has its copies by now


def test_the_swing_loops_and_hardly_rests(morpher: FakeMorpher, a: ChosenFace, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    save = FakeMorph.save

    def listening(self: FakeMorph, path: Path, **options: Any) -> Rendered:
        asked.append(options)
        return save(self, path, **options)

    monkeypatch.setattr(FakeMorph, "save", listening)
    list(_turn(morpher, a, None))
    assert asked == [{"hold": SWING_HOLD}]  # there and back is what `save` does unasked
    assert SWING_HOLD <= 0.1


@pytest.mark.parametrize(("slot", "first"), [("A", True), (None, True), ("B", False)])
def test_of_two_photos_one_is_turned(
    morpher: FakeMorpher, a: ChosenFace, b: ChosenFace, slot: str | None, first: bool
) -> None:
    views = _turn(morpher, a, b, slot=slot)
    shown = np.asarray(Image.open(next(views).picture["value"]))
    np.testing.assert_array_equal(shown, morpher.turn((a if first else b).face, 15, 0, 128))


def test_without_a_photo_it_says_what_to_do(morpher: FakeMorpher) -> None:
    (view,) = _turn(morpher, None, None)
    assert view.note == note("Add a photo first, as A or as B.", "error")
    assert view._replace(note=SKIP) == TurnView(*[SKIP] * 6)
    (view,) = _turn(morpher, None, None, request=CHINESE)
    assert "请先添加照片 A 或 B。" in view.note


def test_what_no_head_explains_is_said_and_the_last_pictures_stay(morpher: FakeMorpher, tmp_path: Path) -> None:
    headless = chosen(morpher, tmp_path / "c.png", (0, 0, 255))
    (view,) = _turn(morpher, headless, None)
    assert view.note == note(NO_HEAD, "error")
    assert view._replace(note=SKIP) == TurnView(*[SKIP] * 6)
    (view,) = _turn(morpher, headless, None, request=CHINESE)
    assert "因此不能转动。" in view.note and "head" not in view.note


def test_an_angle_out_of_range_is_said(morpher: FakeMorpher, a: ChosenFace) -> None:
    (view,) = _turn(morpher, a, None, 40)
    assert view.note == note("The yaw is 40.0. Choose from -25 to 25 degrees.", "error")


def test_what_the_file_warns_of_is_said_and_not_again_what_the_photo_does(
    morpher: FakeMorpher, a: ChosenFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned = replace(a, face=replace(a.face, warnings=("3 faces found; the largest was taken.",)))
    *_, view = _turn(morpher, warned, None)
    assert view.note == ""
    save = FakeMorph.save
    monkeypatch.setattr(
        FakeMorph, "save", lambda self, path, **options: replace(save(self, path, **options), warnings=(NO_FFMPEG,))
    )
    *_, view = _turn(morpher, warned, None)
    assert view.note == note(NO_FFMPEG)


def test_other_photos_take_the_pictures_away(morpher: FakeMorpher, a: ChosenFace, b: ChosenFace) -> None:
    for faces, both in (((a, b), True), ((a, None), False), ((None, None), False)):
        view = TurnHandlers(morpher).forget(*faces)
        for shown in (view.picture, view.png, view.swing, view.gif):
            assert (shown["value"], shown["visible"]) == (None, False)
        assert (view.note, view.photo["visible"]) == ("", both)


def test_the_unforeseen_is_logged_and_said_without_details(
    morpher: FakeMorpher, a: ChosenFace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(FakeMorpher, "swing", broken)
    with caplog.at_level(logging.ERROR), pytest.raises(gr.Error, match="Something went wrong here"):
        list(_turn(morpher, a, None))
    assert "ZeroDivisionError: secret detail" in caplog.text
