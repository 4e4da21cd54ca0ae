import asyncio
import json
import re
from pathlib import Path
from typing import Any, get_args

import gradio as gr
import numpy as np
import numpy.typing as npt
import pytest
from gradio.data_classes import ImageData
from PIL import Image

from facemorph.align import Aligner, DetectedFace
from facemorph.align.aligner import CUT_OFF, TURNED
from facemorph.attributes import ATTRIBUTES, CONTRADICTIONS, CURVES, edit_warnings
from facemorph.errors import (
    FaceMorphError,
    ImageTooLargeError,
    ImageTooSmallError,
    NoFaceFoundError,
    NoHeadError,
    StrengthError,
    UnknownAttributeError,
    UnsupportedImageError,
)
from facemorph.render.gif import NO_FFMPEG
from facemorph.rendering import NO_MASK, NO_POSE
from facemorph.settings import PITCH, YAW, Quality
from facemorph.ui import build_page, launch_options, warm_up
from facemorph.ui.examples import find_pairs
from facemorph.ui.handlers import HELD
from facemorph.ui.photo import Photo
from facemorph.ui.stage import stage_value
from facemorph.ui.texts import (
    ATTRIBUTE_WORDS,
    I18N,
    STAGE_TEXTS,
    TEXTS,
    describe_error,
    describe_face,
    describe_warnings,
    file_size,
    text,
)
from tests.fakes import FakeBackend
from tests.ui.fake import FakeMorpher

LIGHT = ("clear", "keep", "recall", "forget", "<lambda>")
"""Handlers that run no model."""


@pytest.fixture(scope="module")
def page() -> gr.Blocks:
    """The page, which no test changes."""
    return build_page(FakeMorpher(), Path("no-such-folder"))


class TestPage:
    def test_uploads_are_gone_within_the_hour(self, page: gr.Blocks) -> None:
        frequency, age = page.delete_cache
        assert frequency + age <= 3600

    def test_nothing_bypasses_the_queue(self, page: gr.Blocks) -> None:
        assert page._queue.max_size == 20
        assert page.api_open is False
        heavy = [fn for fn in page.fns.values() if fn.fn is not None and fn.name not in LIGHT]
        assert {fn.concurrency_id for fn in heavy} == {"faces"}
        assert {fn.concurrency_limit for fn in heavy} == {1}
        assert all(fn.queue for fn in heavy)

    def test_no_handler_is_a_public_endpoint(self, page: gr.Blocks) -> None:
        assert {fn.api_visibility for fn in page.fns.values() if fn.fn is not None} == {"private"}

    @pytest.mark.parametrize("name", ["morph", "show", "follow", "compare", "turn"])
    def test_no_photo_passes_through_a_rendering(self, page: gr.Blocks, name: str) -> None:
        (rendering,) = [fn for fn in page.fns.values() if fn.name == name]
        assert not any(isinstance(component, gr.Image) for component in rendering.inputs)
        assert sum(isinstance(component, gr.State) for component in rendering.inputs) >= 2

    @pytest.mark.parametrize("name", ["show", "follow", "compare"])
    def test_only_the_last_still_waits(self, page: gr.Blocks, name: str) -> None:
        (still,) = [fn for fn in page.fns.values() if fn.name == name]
        assert still.trigger_mode == "always_last"

    def test_shape_and_appearance_begin_together_behind_a_closed_accordion(self, page: gr.Blocks) -> None:
        named = _named(page)
        assert named["apart"].open is False
        assert (named["moving"].value, named["quality"].value) == ("both", "best")
        assert [value for _, value in named["moving"].choices] == list(HELD)
        assert {value for _, value in named["quality"].choices} == set(get_args(Quality))
        for slider in (named["shape"], named["appearance"]):
            assert (slider.minimum, slider.maximum, slider.value) == (0, 1, 0.5)

    def test_the_attributes_are_those_that_the_pipeline_offers(self) -> None:
        named = _named(build_page(FakeMorpher(attributes=("glasses", "age")), Path("no-such-folder")))
        assert (named["attributes"].open, named["attributes"].visible) == (False, True)
        assert [value for _, value in named["attribute"].choices] == ["glasses", "age"]
        assert named["attribute"].value == "glasses"
        strength = named["strength"]
        assert (strength.minimum, strength.maximum, strength.value, strength.step) == (-1, 1, 0, 0.1)
        assert [value for _, value in named["curve"].choices] == list(CURVES)
        assert named["curve"].value == "constant"

    def test_the_attributes_are_hidden_where_there_are_none(self) -> None:
        named = _named(build_page(FakeMorpher(attributes=()), Path("no-such-folder")))
        assert named["attributes"].visible is False

    def test_heads_turn_as_far_as_the_pipeline_allows_behind_a_closed_accordion(self, page: gr.Blocks) -> None:
        named = _named(page)
        assert named["turning"].open is False
        for name, most, value in (("yaw", YAW, 15), ("pitch", PITCH, 0)):
            slider = named[name]
            assert (slider.minimum, slider.maximum, slider.value) == (-most, most, value)

    def test_no_analytics(self, page: gr.Blocks) -> None:
        assert page.analytics_enabled is False

    def test_every_picture_says_what_it_shows(self, page: gr.Blocks) -> None:
        images = [block for block in page.blocks.values() if isinstance(block, gr.Image)]
        assert len(images) == 7
        assert all(image.alt_text for image in images)

    def test_no_style_or_script_comes_from_elsewhere(self) -> None:
        options = launch_options()
        looks = json.dumps([options["css"], options["head"], options["theme"]._stylesheets])
        assert not re.search(r"https?:|//[a-z]", looks)


def _named(page: gr.Blocks) -> dict[str, Any]:
    return {getattr(block, "elem_id", None): block for block in page.blocks.values()}


class TestLaunch:
    def test_it_listens_on_this_machine_only(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("SPACE_ID", "PORT", "GRADIO_SERVER_NAME"):
            monkeypatch.delenv(name, raising=False)
        options = launch_options()
        assert (options["server_name"], options["server_port"]) == ("127.0.0.1", None)
        assert (options["share"], options["ssr_mode"], options["run_history"]) == (False, False, False)

    def test_a_space_listens_to_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
        monkeypatch.setenv("SPACE_ID", "someone/facemorph")
        assert launch_options()["server_name"] == "0.0.0.0"

    def test_the_name_can_be_chosen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GRADIO_SERVER_NAME", "192.0.2.7")
        assert launch_options()["server_name"] == "192.0.2.7"

    def test_the_port_can_be_chosen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORT", "8123")
        assert launch_options()["server_port"] == 8123


class TestPhoto:
    def test_the_uploaded_file_is_handed_over_untouched(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
        path = tmp_path / "uploads" / "letter.jpg"
        path.parent.mkdir()
        path.write_text("not a picture")
        assert Photo().preprocess(ImageData(path=str(path))) == str(path)
        assert Photo().preprocess(None) is None

    @pytest.mark.parametrize("path", ["app.py", "uploads/../app.py", "uploads/link.jpg"])
    def test_no_other_file_of_the_server_is_opened(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
    ) -> None:
        monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
        (tmp_path / "uploads").mkdir()
        (tmp_path / "app.py").touch()
        (tmp_path / "uploads" / "link.jpg").symlink_to(tmp_path / "app.py")
        with pytest.raises(gr.Error, match="was not uploaded here"):
            Photo().preprocess(ImageData(path=str(tmp_path / path)))

    def test_a_deleted_upload_shows_nothing(self, tmp_path: Path) -> None:
        assert Photo().postprocess(str(tmp_path / "gone.jpg")) is None

    @pytest.mark.parametrize("address", ["http://127.0.0.1:9/a.jpg", "https://example.org/a.jpg"])
    def test_links_are_not_followed(self, address: str) -> None:
        with pytest.raises(gr.Error, match="links and other files are not opened"):
            asyncio.run(Photo().async_move_resource_to_block_cache(address))


class TestTexts:
    def test_both_languages_say_everything(self) -> None:
        for english, chinese in TEXTS.values():
            assert english and chinese
        assert set(STAGE_TEXTS["en"]) == set(STAGE_TEXTS["zh"])
        assert set(I18N.translations["en"]) == set(I18N.translations["zh-CN"]) == set(I18N.translations["zh-TW"])

    def test_every_text_of_the_page_exists(self) -> None:
        with pytest.raises(KeyError):
            text("no such text")

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (ImageTooLargeError("-", width=20000, height=20000, limit=64_000_000), "20000 × 20000 像素"),
            (ImageTooSmallError("-", actual=12, minimum=40), "人脸至少 40 像素宽"),
            (NoFaceFoundError("-"), "没有找到人脸。请使用人脸正对镜头、清晰、至少 40 像素宽的照片。"),
            (NoHeadError("-"), "请使用露出眼睛、鼻子和嘴的照片。"),
            (UnsupportedImageError("-"), "无法打开这个文件"),
            (
                UnknownAttributeError("-", name="wings", known=("smile", "hat")),
                "没有名为“wings”的属性。可选：微笑、帽子。",
            ),
            (UnknownAttributeError("-", name="wings", known=()), "可选：无。"),
            (StrengthError("-", name="age", strength=-1.5), "年龄的强度是 -1.5"),
            (FaceMorphError("The disk is full."), "The disk is full."),
        ],
    )
    def test_errors_have_chinese_sentences(self, error: FaceMorphError, words: str) -> None:
        assert words in describe_error(error, "zh")
        assert describe_error(error, "en") == str(error)

    def test_what_the_aligner_warns_of_is_said_in_chinese(self) -> None:
        class Small(FakeBackend):  # the drawn face, but 50 pixels across
            def find(self, pixels: npt.NDArray[np.uint8]) -> list[DetectedFace]:
                scale = 50 / max(np.ptp(face.landmarks, axis=0).max() for face in super().find(pixels))
                return [DetectedFace(face.bbox * scale, face.landmarks * scale, 1.0) for face in super().find(pixels)]

        face = Aligner(Small(num_faces=3)).align(np.zeros((320, 240, 3), np.uint8))
        assert len(face.warnings) == 2
        words = describe_face(face, "zh")
        assert "照片中有 3 张人脸，已选用最大的一张。" in words
        assert "像素宽，结果会偏模糊。" in words
        assert not re.search("[a-z]", words)

    @pytest.mark.parametrize("warning", [NO_MASK.format("A"), NO_POSE.format("B"), NO_FFMPEG, TURNED, CUT_OFF])
    def test_what_a_morph_warns_of_is_said_in_chinese(self, warning: str) -> None:
        assert describe_warnings([warning, warning], "en") == f"{warning} {warning}"
        words = describe_warnings([warning], "zh")
        assert words.endswith("。")
        assert not re.search("[a-z]", words.replace("imageio-ffmpeg", "").replace("ffmpeg", ""))

    def test_what_an_edit_warns_of_is_said_in_chinese(self) -> None:
        said: set[str] = set()
        for name in ATTRIBUTES:
            for strength in (-1.0, 1.0):
                said.update(edit_warnings({name: strength}, {name: strength}))
        for (first, one), (second, other) in CONTRADICTIONS:
            said.update(edit_warnings({first: one, second: other}, {first: 0.0, second: 0.0}))
        said.update(edit_warnings({"black_hair": 0.5}, {"black_hair": 0.0, "hat": 0.9}))
        assert len(said) == 1 + 2 * sum(not attribute.graded for attribute in ATTRIBUTES.values()) + len(CONTRADICTIONS)
        for warning in said:
            words = describe_warnings([warning], "zh")
            assert words.endswith("。") and not re.search("[A-Za-z]", words), words

    def test_every_attribute_and_curve_has_a_name(self) -> None:
        keys = {key for key in TEXTS if key.startswith("attribute_")}
        assert keys == {f"attribute_{name}" for name in ATTRIBUTES}
        assert {f"curve_{name}" for name in CURVES} <= set(TEXTS)
        assert set(ATTRIBUTE_WORDS) == set(ATTRIBUTES)

    @pytest.mark.parametrize(
        ("num_bytes", "words"), [(1, "1 KB"), (949_400, "949 KB"), (1_000_000, "1.0 MB"), (2_340_000, "2.3 MB")]
    )
    def test_sizes_are_readable(self, num_bytes: int, words: str) -> None:
        assert file_size(num_bytes) == words


class TestExamples:
    def test_neighbours_by_name_are_pairs(self, tmp_path: Path) -> None:
        for name in ("1_a.jpg", "1_b.jpg", "2_a.jpg", "2_b.jpg", "3_a.jpg", "readme.txt"):
            (tmp_path / name).touch()
        pairs = [(a.name, b.name) for a, b in find_pairs(tmp_path)]
        assert pairs == [("1_a.jpg", "1_b.jpg"), ("2_a.jpg", "2_b.jpg")]
        assert find_pairs(tmp_path / "missing") == []

    def test_the_row_appears_only_where_there_are_pairs(self, page: gr.Blocks, tmp_path: Path) -> None:
        assert not any(getattr(block, "elem_id", None) == "examples" for block in page.blocks.values())
        for name in "ab":
            Image.new("RGB", (80, 120), "peru").save(tmp_path / f"{name}.jpg")
        full = build_page(FakeMorpher(), tmp_path)
        (row,) = [block for block in full.blocks.values() if getattr(block, "elem_id", None) == "examples"]
        assert row.html_template.count("<button") == 1
        assert row.html_template.count("data:image/jpeg") == 2

    def test_warming_up_needs_an_example(self, tmp_path: Path) -> None:
        assert warm_up(FakeMorpher(), tmp_path) is False
        for name, colour in (("a", "peru"), ("b", "teal")):
            Image.new("RGB", (80, 120), colour).save(tmp_path / f"{name}.jpg")
        assert warm_up(FakeMorpher(), tmp_path) is True
        Image.new("RGB", (80, 120), "black").save(tmp_path / "a.jpg")  # no face: said, not raised
        assert warm_up(FakeMorpher(), tmp_path) is False


def test_the_stage_gets_every_frame_once(tmp_path: Path) -> None:
    gif = tmp_path / "a.gif"
    gif.write_bytes(b"GIF89a")
    frames = np.zeros((3, 16, 16, 3), np.uint8)
    value = stage_value(gif, frames, np.array([0, 1 / 3, 1], np.float32), "three")
    assert [frame[:23] for frame in value["frames"]] == ["data:image/jpeg;base64,"] * 3
    assert value["alphas"] == [0.0, 0.3333, 1.0]
    assert value["gif"]["path"] == str(gif)
    json.dumps(value)
