"""The whole job in a browser: the app with its checkpoints; before there are any, the same pipeline untrained."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageSequence
from playwright.sync_api import expect

from facemorph.ui.examples import EXAMPLES, find_pairs
from tests.drawn import draw_face
from tests.e2e.conftest import PATIENCE, ROOT, TRAINED, Contexts, Servers, Tab, open_tab

pytestmark = pytest.mark.browser

LONDON = ROOT.parent / "shared" / "data" / "london"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("photos")
    if not TRAINED:
        paths = folder / "a.png", folder / "b.png"
        Image.fromarray(draw_face()[0]).save(paths[0])
        Image.fromarray(draw_face((400, 300), skin=(150, 100, 80))[0]).save(paths[1])
        return paths
    if pairs := find_pairs(EXAMPLES):
        return pairs[0]
    people = sorted(LONDON.glob("*_neutral.jpg"))
    if len(people) < 16:
        pytest.skip(f"Neither example photos in {EXAMPLES} nor portraits in {LONDON} to make some from.")
    return _average(people[:8], folder / "a.jpg"), _average(people[8:16], folder / "b.jpg")


def _average(portraits: list[Path], path: Path) -> Path:
    total = sum(
        np.asarray(Image.open(portrait).convert("RGB").resize((720, 720)), np.float32) for portrait in portraits
    )
    Image.fromarray((total / len(portraits)).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def tab(contexts: Contexts, servers: Servers) -> Iterator[Tab]:
    with open_tab(contexts, servers.app) as tab:
        yield tab


def _download(tab: Tab, suffix: str) -> bytes:
    button = tab.page.locator(f"#download-{suffix}")
    expect(button).to_contain_text(re.compile(r"· [\d.]+ [KM]B"))
    with tab.page.expect_download() as download:
        button.click()
    assert download.value.suggested_filename == f"facemorph.{suffix}"
    return Path(download.value.path()).read_bytes()


def _differ(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(np.int16) - b.astype(np.int16)).mean())


def test_photos_in_morph_out(tab: Tab, photos: tuple[Path, Path], tmp_path: Path) -> None:
    tab.give(*photos)
    expect(tab.page.locator("#note-a")).to_contain_text("Photo A: face found by the ")
    tab.morph()

    with Image.open(io.BytesIO(_download(tab, "gif"))) as gif:
        assert (gif.format, gif.size) == ("GIF", (256, 256))
        frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(gif)]
    assert len(frames) == 46  # 24 there, 22 back
    assert _differ(frames[0], frames[23]) > 5
    assert _differ(frames[0], frames[45]) < _differ(frames[0], frames[23])
    screen = tab.page.locator("#stage .screen")
    first = screen.screenshot()
    deadline = time.monotonic() + PATIENCE / 1000
    while screen.screenshot() == first:
        assert time.monotonic() < deadline, "the GIF stands still"

    with Image.open(io.BytesIO(_download(tab, "webp"))) as webp:
        assert (webp.format, webp.size, webp.n_frames > 20) == ("WEBP", (256, 256), True)
    with Image.open(io.BytesIO(_download(tab, "png"))) as strip:
        assert strip.format == "PNG" and strip.width > 4 * strip.height
    film = tmp_path / "film.mp4"
    film.write_bytes(_download(tab, "mp4"))
    reader = imageio_ffmpeg.read_frames(str(film))
    assert next(reader)["size"] == (256, 256)
    start, *_, later = islice(reader, 30)
    assert start != later
    reader.close()

    slider = tab.page.get_by_label("Position between A and B")
    slider.focus()
    requests, seen = len(tab.requests), set()
    for key in ("Home", "ArrowRight", "ArrowRight", "End"):
        slider.press(key)
        seen.add(tab.pixels())
    assert len(seen) == 4
    assert tab.requests[requests:] == []


def test_a_bad_photo_costs_nothing(tab: Tab, photos: tuple[Path, Path], tmp_path: Path) -> None:
    tab.put("a", photos[0])
    tab.page.wait_for_selector("#crop-a img")
    text = tmp_path / "letter.jpg"
    text.write_text("This is not a picture.")
    tab.put("b", text)
    expect(tab.page.locator("#note-b [role=alert]")).to_contain_text("Photo B: 'letter.jpg' is not a picture")
    expect(tab.page.locator("#crop-a img")).to_be_visible()
    tab.put("b", photos[1])
    tab.page.wait_for_selector("#crop-b img")
    tab.page.locator("#size").get_by_text("128").click()
    tab.morph()
    expect(tab.page.locator("#stage .caption")).to_contain_text("24 frames · 128 × 128 px")
