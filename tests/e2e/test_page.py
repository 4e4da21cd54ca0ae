"""The page over the fake pipeline: everything that does not depend on what a morph looks like."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.e2e.conftest import Contexts, Server, Servers, Tab, draw_photo, open_tab
from tests.ui.fake import FakeMorpher

pytestmark = pytest.mark.browser

WIDER_THAN_THE_SCREEN = """() => {
  const width = document.documentElement.clientWidth;
  const visible = (element) => element.offsetParent !== null && getComputedStyle(element).visibility !== "hidden";
  const clipped = (element) => element.closest(".unseen, svg, [data-testid=status-tracker]");
  return [...document.querySelectorAll("body *")]
    .filter((element) => visible(element) && !clipped(element))
    .filter((element) => element.getBoundingClientRect().right > width + 0.5)
    .map((element) => element.outerHTML.slice(0, 120))
    .concat(document.documentElement.scrollWidth > width ? ["the page"] : []);
}"""

SCRUB = """() => {
  const slider = document.querySelector("#stage-position"), canvas = document.querySelector("#stage canvas");
  return Array.from({ length: 48 }, (_, i) => {
    const began = performance.now();
    slider.value = i % 24;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    canvas.getContext("2d").getImageData(0, 0, 1, 1);  // waits until it is drawn
    return performance.now() - began;
  });
}"""
"""Returns the milliseconds that each of 48 moves of the slider takes."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("photos")
    text = folder / "letter.jpg"
    text.write_text("This is not a picture.")
    return {
        "a": draw_photo(folder / "a.png", "peru", "navy"),
        "b": draw_photo(folder / "b.png", "steelblue", "gold"),
        "faceless": draw_photo(folder / "dark.png", "gray", "gray", "black"),
        "group": draw_photo(folder / "group.png", "seagreen", "gold", "lime"),
        "headless": draw_photo(folder / "sea.png", "navy", "navy", "blue"),
        "crash": draw_photo(folder / "crash.png", "seagreen", "gold", "magenta"),
        "text": text,
    }


@pytest.fixture
def server(servers: Servers) -> Server:
    return servers.fake


@pytest.fixture
def tab(contexts: Contexts, server: Server) -> Iterator[Tab]:
    with open_tab(contexts, server) as tab:
        yield tab


def test_the_slider_scrubs_in_the_page(tab: Tab, photos: dict[str, Path]) -> None:
    expect(tab.page.locator("h1")).to_have_text("FaceMorph")
    tab.give(photos["a"], photos["b"])
    tab.morph()
    slider = tab.page.get_by_label("Position between A and B")
    requests = len(tab.requests)
    slider.focus()
    slider.press("Home")
    start, alpha = tab.pixels(), tab.page.locator("#stage .alpha")
    expect(alpha).to_have_text("α 0.00")
    slider.press("ArrowRight")
    expect(alpha).to_have_text("α 0.04")
    second = tab.pixels()
    slider.press("End")
    expect(alpha).to_have_text("α 1.00")
    end = tab.pixels()
    assert len({start, second, end}) == 3
    assert any(statistics.median(tab.page.evaluate(SCRUB)) < 20 for _ in range(20))  # once the machine is not too busy
    assert tab.requests[requests:] == []
    box = slider.bounding_box()
    assert box is not None
    tab.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert tab.pixels() not in (start, end)
    expect(tab.page.locator("#stage .gif")).to_be_hidden()
    tab.page.get_by_role("button", name="Play").click()
    expect(tab.page.locator("#stage .gif")).to_be_visible()


def test_bad_photos_are_said_and_cost_nothing(tab: Tab, photos: dict[str, Path]) -> None:
    tab.give(photos["a"], photos["b"])
    tab.page.locator("#size").get_by_text("128").click()
    tab.morph()
    gif = tab.page.get_attribute("#stage .gif", "src")
    tab.put("b", photos["text"])
    alert = tab.page.locator("#note-b [role=alert]")
    expect(alert).to_contain_text("Photo B: 'letter.jpg' is not a picture that can be opened here")
    expect(tab.page.locator("#crop-b")).to_have_count(0)
    expect(tab.page.locator("#photo-b img")).to_have_count(0)
    tab.page.click("#morph")
    expect(tab.page.locator("#note-morph")).to_have_text("Photo B has no face yet. Add one first.")
    expect(tab.page.locator("#crop-a img")).to_be_visible()
    assert tab.page.get_attribute("#stage .gif", "src") == gif
    earlier = tab.page.locator("#stage .earlier")
    expect(earlier).to_have_text("This is the morph of the earlier photos. Press Morph for a new one.")
    expect(earlier).to_be_visible()
    expect(tab.page.locator("#size label.selected")).to_have_text("128")
    tab.put("b", photos["faceless"])
    expect(alert).to_contain_text("Photo B: No face found.")
    expect(tab.page.locator("#photo-b img")).to_be_visible()
    tab.page.locator("#photo-b").get_by_label("Remove Image").click()
    tab.put("b", photos["b"])
    tab.page.wait_for_selector("#crop-b img")
    expect(tab.page.locator("#note-morph")).to_have_text("")
    tab.page.locator("#size").get_by_text("384").click()
    tab.morph()
    expect(tab.page.locator("#stage .caption")).to_contain_text("384 × 384")
    expect(earlier).to_be_hidden()
    tab.page.click("#swap")
    expect(earlier).to_be_visible()
    tab.morph()
    expect(earlier).to_be_hidden()


def test_one_of_several_faces_is_chosen_and_swapped(tab: Tab, photos: dict[str, Path]) -> None:
    tab.give(photos["group"], photos["b"])
    expect(tab.page.locator("#note-a")).to_contain_text("5 faces found; the largest was taken.")
    largest = tab.page.get_attribute("#crop-a img", "src")
    tab.page.locator("#choice-a input").click()
    tab.page.get_by_role("option", name="3", exact=True).click()
    expect(tab.page.locator("#note-a")).not_to_contain_text("largest")
    chosen = tab.page.get_attribute("#crop-a img", "src")
    assert chosen != largest
    other = tab.page.get_attribute("#crop-b img", "src")
    assert other is not None and chosen is not None
    tab.page.click("#swap")
    expect(tab.page.locator("#crop-b img")).to_have_attribute("src", chosen)
    expect(tab.page.locator("#crop-a img")).to_have_attribute("src", other)
    expect(tab.page.locator("#choice-b input")).to_have_value("3")
    expect(tab.page.locator("#choice-a")).to_have_count(0)
    tab.morph()


def test_an_example_fills_both_places(tab: Tab) -> None:
    examples = tab.page.locator("#examples button")
    expect(examples).to_have_count(2)
    tab.page.get_by_role("button", name="Example 2").click()
    tab.page.wait_for_selector("#crop-a img")
    tab.page.wait_for_selector("#crop-b img")
    tab.morph()


def test_shape_and_appearance_go_apart(tab: Tab, photos: dict[str, Path]) -> None:
    still, note = tab.page.locator("#still img"), tab.page.locator("#note-still")
    shape, appearance = (tab.page.locator(f"#{name} input[type=range]") for name in ("shape", "appearance"))
    tab.page.get_by_role("button", name="Shape and appearance").click()
    shape.press("End")
    expect(note).to_have_text("Add photos A and B first.")
    expect(still).to_have_count(0)
    tab.give(photos["a"], photos["b"])
    expect(still).to_be_visible()
    expect(note).to_have_text("")
    steps = [lambda: appearance.press("Home")]
    steps += [lambda words=words: tab.page.get_by_text(words, exact=True).click() for words in ("128", "Fast")]
    for step in steps:
        before = still.get_attribute("src")
        assert before is not None
        step()
        expect(still).not_to_have_attribute("src", before)
    with tab.page.expect_download() as download:
        tab.page.click("#download-still")
    assert download.value.suggested_filename == "facemorph-frame.png"
    morpher = FakeMorpher()
    a, b = morpher.align(photos["a"]), morpher.align(photos["b"])
    with Image.open(download.value.path()) as picture:
        expected = morpher.frame(a, b, 0.0, 128, shape=1.0, quality="fast")
        np.testing.assert_array_equal(np.asarray(picture), expected)
    tab.page.get_by_text("Shape only", exact=True).click()
    tab.morph()
    expect(tab.page.locator("#stage .caption")).to_contain_text("24 frames, shape only · 128 × 128 px")


def test_attributes_are_edited_on_one_photo_and_along_the_morph(tab: Tab, photos: dict[str, Path]) -> None:
    page = tab.page
    note, line, pictures = (page.locator(name) for name in ("#note-edit", "#edits", "#before-after img"))
    strength = page.locator("#strength input[type=range]")
    tab.open("Attributes", "#strength input[type=range]")
    strength.press("ArrowRight")
    expect(note).to_have_text("Add a photo first, as A or as B.")
    tab.put("b", photos["b"])
    expect(pictures).to_have_count(2)
    expect(note).to_have_text("")
    expect(line).to_have_text("Age +0.1")
    page.locator("#attribute input").click()
    page.get_by_role("option", name="Smile").click()
    expect(strength).to_have_value("0")
    strength.press("End")
    page.get_by_text("Appears", exact=True).click()
    expect(line).to_have_text("Age +0.1; Smile +1.0, appears")
    expect(note).to_have_text("This face already has a smile; more of it changes little.")
    morpher = FakeMorpher()
    expected = morpher.edit(morpher.align(photos["b"]), {"age": 0.1, "smile": 1.0})
    with page.expect_download() as download:
        page.click("#download-edit")
    with Image.open(download.value.path()) as picture:
        np.testing.assert_array_equal(np.asarray(picture), expected)
    of_b = pictures.first.get_attribute("src")
    assert of_b is not None
    tab.put("a", photos["a"])
    expect(page.locator("#edit-photo")).to_be_visible()
    expect(pictures.first).not_to_have_attribute("src", of_b)
    of_a = pictures.first.get_attribute("src")
    assert of_a is not None
    page.locator("#edit-photo").get_by_text("Photo B").click()
    expect(pictures.first).not_to_have_attribute("src", of_a)
    tab.morph()
    expect(page.locator("#stage .caption")).to_contain_text("24 frames, edited ·")
    page.locator("#attribute input").click()
    page.get_by_role("option", name="Age").click()
    expect(strength).to_have_value("0.1")
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(strength).to_have_value("0")
    expect(pictures).to_have_count(0)
    expect(line).to_have_text("")


def test_a_head_turns_and_swings(tab: Tab, photos: dict[str, Path]) -> None:
    page = tab.page
    note, still, swing = (page.locator(name) for name in ("#note-turn", "#turned img", "#swing img"))
    button = page.locator("#turn")
    tab.open("Turn the head", "#yaw input[type=range]")
    button.click()
    expect(note).to_have_text("Add a photo first, as A or as B.")
    expect(button).to_be_enabled()
    tab.put("b", photos["b"])
    page.wait_for_selector("#crop-b img")
    expect(note).to_have_text("")
    page.locator("#yaw input[type=range]").press("End")
    page.locator("#pitch input[type=range]").press("Home")
    button.click()
    expect(still).to_be_visible()
    expect(swing).to_be_visible()
    expect(button).to_be_enabled()
    expect(page.locator("#turn-photo")).to_have_count(0)
    with page.expect_download() as download:
        page.click("#download-turned")
    assert download.value.suggested_filename == "facemorph-turn.png"
    morpher = FakeMorpher()
    with Image.open(download.value.path()) as picture:
        np.testing.assert_array_equal(np.asarray(picture), morpher.turn(morpher.align(photos["b"]), 25, -15))
    with page.expect_download() as download:
        page.click("#download-swing")
    assert download.value.suggested_filename == "facemorph-turn.gif"
    with Image.open(download.value.path()) as picture:
        assert (picture.format, picture.size, picture.n_frames) == ("GIF", (256, 256), 24)
    tab.put("a", photos["headless"])
    expect(page.locator("#turn-photo")).to_be_visible()
    expect(still).to_have_count(0)  # it was of the earlier photos
    button.click()
    expect(note).to_contain_text("No head explains this face, so it cannot be turned.")
    expect(button).to_be_enabled()
    for slot in "ab":
        expect(page.locator(f"#crop-{slot} img")).to_be_visible()
    page.locator("#turn-photo").get_by_text("Photo B").click()
    button.click()
    expect(swing).to_be_visible()
    expect(note).to_have_text("")
    tab.morph()


def test_the_unforeseen_shows_no_traceback(tab: Tab, photos: dict[str, Path]) -> None:
    tab.put("a", photos["crash"])
    expect(tab.page.get_by_text("Something went wrong here.")).to_be_visible()
    assert "secret" not in tab.page.content()
    assert "Traceback" not in tab.page.content()


def test_a_phone_shows_everything_in_its_width(contexts: Contexts, server: Server, photos: dict[str, Path]) -> None:
    with open_tab(contexts, server, width=390) as tab:
        assert tab.page.evaluate(WIDER_THAN_THE_SCREEN) == []
        tab.put("b", photos["text"])
        expect(tab.page.locator("#note-b [role=alert]")).to_be_visible()
        assert tab.page.evaluate(WIDER_THAN_THE_SCREEN) == []
        tab.give(photos["group"], photos["b"])
        tab.morph()
        assert tab.page.evaluate(WIDER_THAN_THE_SCREEN) == []
        expect(tab.page.locator("#stage .screen")).to_be_in_viewport()
        tab.page.get_by_role("button", name="Shape and appearance").click()
        expect(tab.page.locator("#still img")).to_be_visible()
        assert tab.page.evaluate(WIDER_THAN_THE_SCREEN) == []
        tab.open("Attributes", "#strength input[type=range]")
        tab.page.locator("#strength input[type=range]").press("Home")
        expect(tab.page.locator("#edits")).to_have_text("Age −1.0")
        expect(tab.page.locator("#before-after img")).to_have_count(2)
        assert tab.page.evaluate(WIDER_THAN_THE_SCREEN) == []
        tab.open("Turn the head", "#yaw input[type=range]")
        tab.page.click("#turn")
        expect(tab.page.locator("#swing img")).to_be_visible()
        assert tab.page.evaluate(WIDER_THAN_THE_SCREEN) == []


@pytest.mark.parametrize(
    ("locale", "language", "morph", "found"),
    [
        ("zh-CN", "zh-CN", "开始变形", "照片 A：已由内置对齐器找到人脸。"),
        ("zh-HK", "en", "Morph", "Photo A: face found by the built-in aligner."),  # Gradio has no text for it
    ],
)
def test_the_page_speaks_one_language(
    contexts: Contexts, server: Server, photos: dict[str, Path], locale: str, language: str, morph: str, found: str
) -> None:
    with open_tab(contexts, server, width=390, locale=locale) as tab:
        expect(tab.page.locator("#morph")).to_have_text(morph)
        expect(tab.page.locator("html")).to_have_attribute("lang", language)
        words = tab.page.inner_text("body")
        assert "__i18n__" not in words and "ping_pong" not in words
        tab.put("a", photos["a"])
        expect(tab.page.locator("#note-a")).to_have_text(found)
        assert tab.page.evaluate(WIDER_THAN_THE_SCREEN) == []
