"""A real browser on real servers.

One process serves the app and the page over the fake pipeline, and one Chromium visits both: what costs seconds is
started once. Each test has a page of its own. Waiting is for conditions, with limits that a busy machine keeps.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, Request, expect, sync_playwright

from facemorph.pipeline import DEFAULT_CHECKPOINT
from tests.e2e.serve import OUTSIDE

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
START_SECONDS = 300
PATIENCE = 120_000
"""Milliseconds that anything in a page may take. An idle machine needs a few seconds at most."""
TRAINED = (DEFAULT_CHECKPOINT / "model.safetensors").is_file()
"""Whether the app has its checkpoints; else the same pipeline is served untrained."""

Contexts = Callable[[str], BrowserContext]
"""By locale: where pages are opened. Pages of one locale share what they loaded from the server."""

expect.set_options(timeout=PATIENCE)


@dataclass
class Server:
    url: str
    log: Path

    def outside_connections(self) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if line.startswith(OUTSIDE)]


@dataclass
class Tab:
    """A page, and what went on behind it."""

    page: Page
    requests: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def put(self, slot: str, photo: Path) -> None:
        self.page.set_input_files(f"#photo-{slot} input[type=file]", str(photo))

    def give(self, a: Path, b: Path) -> None:
        for slot, photo in (("a", a), ("b", b)):
            self.put(slot, photo)
            self.page.wait_for_selector(f"#crop-{slot} img")

    def morph(self) -> None:
        """Press Morph and wait until every file of the new morph can be downloaded."""
        before = self.page.get_attribute("#stage .gif", "src") or ""
        self.page.click("#morph")
        self.page.wait_for_function(
            """before => {
              const gif = document.querySelector("#stage .gif");
              return gif.src && gif.src !== before && gif.complete;
            }""",
            arg=before,
        )
        self.page.wait_for_selector("#download-png:not([disabled])")

    def open(self, accordion: str, content: str) -> None:
        """Open an accordion, whose `content` is made only then, and wait until it has been painted."""
        self.page.get_by_role("button", name=accordion).click()
        self.page.wait_for_selector(content)
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def pixels(self) -> str:
        """Return the canvas, as a data URL."""
        data: str = self.page.evaluate("document.querySelector('#stage canvas').toDataURL()")
        return data


@pytest.fixture(scope="package")
def contexts(chromium: str) -> Iterator[Contexts]:
    """The browser of all these tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS, timeout=PATIENCE)

        @cache
        def context(locale: str) -> BrowserContext:
            made: BrowserContext = browser.new_context(locale=locale, permissions=["camera"])
            made.set_default_timeout(PATIENCE)
            return made

        yield context
        browser.close()


@dataclass(frozen=True)
class Servers:
    app: Server
    fake: Server


@pytest.fixture(scope="package")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The app, and the page over the fake pipeline with two pairs of examples."""
    folder = tmp_path_factory.mktemp("servers")
    examples = folder / "pairs"
    examples.mkdir()
    for i, (background, spot) in enumerate([("tan", "navy"), ("plum", "gold"), ("khaki", "teal"), ("pink", "black")]):
        draw_photo(examples / f"{i}.jpg", background, spot)
    with _free_port() as first, _free_port() as second:
        ports = first, second
    environment = {
        name: value for name, value in os.environ.items() if name not in ("SPACE_ID", "PORT", "GRADIO_SERVER_NAME")
    }
    environment |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
        "GRADIO_EXAMPLES_CACHE": str(folder / "examples"),
        "GRADIO_SERVER_PORT": str(ports[0]),
    }
    words = ["app" if TRAINED else "tiny", str(examples), str(ports[1])]
    log = folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.serve", *words],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            app, fake = (Server(f"http://127.0.0.1:{port}", log) for port in ports)
            for server in (app, fake):
                _wait_until_ready(f"{server.url}/gradio_api/info", process, log)
            yield Servers(app, fake)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def _free_port() -> Iterator[int]:
    """Give a port that nobody listens on; it can be taken as soon as this ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield free.getsockname()[1]


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"The server ended with {process.returncode}:\n{log.read_text()}")
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=5).close()
            return
        except urllib.error.HTTPError as answer:  # it answers, if only that HEAD is not allowed
            answer.close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"The server was not ready after {START_SECONDS} s:\n{log.read_text()}")


@contextmanager
def open_tab(
    contexts: Contexts, server: Server, *, width: int = 1280, locale: str = "en-US", quiet: bool = True
) -> Iterator[Tab]:
    """Open the page; at the end no request has left the machine and, where it must be `quiet`, no error was logged."""
    tab = Tab(contexts(locale).new_page())
    tab.page.set_viewport_size({"width": width, "height": 900})

    def saw(request: Request) -> None:
        if request.url.startswith(("http:", "https:", "ws:", "wss:")):
            tab.requests.append(request.url)
            if not request.url.startswith(server.url + "/"):
                tab.outside.append(request.url)

    tab.page.on("request", saw)
    tab.page.on("console", lambda message: tab.errors.append(message.text) if message.type == "error" else None)
    tab.page.on("pageerror", lambda error: tab.errors.append(str(error)))
    try:
        tab.page.goto(server.url)
        tab.page.wait_for_selector("#photo-b input[type=file]", state="attached")
        yield tab
    finally:
        tab.page.close()
    assert tab.outside == []
    assert tab.errors == [] or not quiet
    assert server.outside_connections() == []


def draw_photo(path: Path, background: str, spot: str, middle: str | None = None) -> Path:
    """Draw something that is no face, for the fake pipeline; `middle` is what it looks at."""
    image = Image.new("RGB", (300, 360), background)
    gradient = np.asarray(image, np.float32) * np.linspace(0.6, 1.0, 360, dtype=np.float32)[:, None, None]
    image = Image.fromarray(gradient.astype(np.uint8))
    image.paste(spot, (60, 80, 150, 150))
    if middle is not None:
        image.paste(middle, (60, 90, 240, 270))
    image.save(path)
    return path
