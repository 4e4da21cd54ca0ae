"""A real browser on a real server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

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
START_SECONDS = 180

expect.set_options(timeout=60_000)


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
            "before => { const gif = document.querySelector('#stage .gif'); return gif.src && gif.src !== before; }",
            arg=before,
        )
        self.page.wait_for_selector("#download-png:not([disabled])")

    def open(self, accordion: str) -> None:
        """Open an accordion, whose content is made only then, and give it the time that a hand needs to get there."""
        self.page.get_by_role("button", name=accordion).click()
        self.page.wait_for_timeout(500)

    def pixels(self) -> str:
        """Return the canvas, as a data URL."""
        data: str = self.page.evaluate("document.querySelector('#stage canvas').toDataURL()")
        return data


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        name: value for name, value in os.environ.items() if name not in ("SPACE_ID", "PORT", "GRADIO_SERVER_NAME")
    }
    environment |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
        "GRADIO_EXAMPLES_CACHE": str(folder / "examples"),
        "GRADIO_SERVER_PORT": str(port),
    }
    log = folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.serve", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}/gradio_api/info", process, log)
            yield Server(f"http://127.0.0.1:{port}", log)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


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
    browser: Browser, server: Server, *, width: int = 1280, locale: str = "en-US", quiet: bool = True
) -> Iterator[Tab]:
    """Open the page; at the end no request has left the machine and, where it must be `quiet`, no error was logged."""
    context: BrowserContext = browser.new_context(
        viewport={"width": width, "height": 900}, locale=locale, permissions=["camera"]
    )
    context.set_default_timeout(60_000)
    tab = Tab(context.new_page())

    def saw(request: Request) -> None:
        if request.url.startswith(("http:", "https:", "ws:", "wss:")):
            tab.requests.append(request.url)
            if not request.url.startswith(server.url + "/"):
                tab.outside.append(request.url)

    tab.page.on("request", saw)
    tab.page.on("console", lambda message: tab.errors.append(message.text) if message.type == "error" else None)
    tab.page.on("pageerror", lambda error: tab.errors.append(str(error)))
    tab.page.goto(server.url)
    tab.page.wait_for_selector("#photo-b input[type=file]", state="attached")
    yield tab
    context.close()
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
