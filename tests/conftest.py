"""What all tests share. Browser tests run where a Chromium is found; elsewhere the closing lines say so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from PIL import Image

from facemorph.head import load_head
from facemorph.pipeline import FaceMorpher
from tests.drawn import BACKDROP, draw_face
from tests.fakes import tiny_morpher as build_tiny_morpher

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


os.environ["OMP_NUM_THREADS"] = "1"  # and in the processes that tests start
torch.set_num_threads(1)
"""Tiny networks gain nothing from a second thread, and threads that wait for each other starve on a busy machine."""


def find_chromium() -> str | None:
    """Return the Chromium of the system, or the one that FACEMORPH_CHROMIUM names."""
    named = os.environ.get("FACEMORPH_CHROMIUM")
    return named or next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


def pytest_report_header() -> str:
    return f"browser: {find_chromium() or 'no Chromium found, so the browser tests are left out'}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the browser tests out where there is no browser, unless FACEMORPH_REQUIRE_BROWSER=1: then they fail."""
    if find_chromium() is not None or os.environ.get("FACEMORPH_REQUIRE_BROWSER") == "1":
        return
    skip = pytest.mark.skip(reason="no Chromium found: install Debian's chromium, or name one in FACEMORPH_CHROMIUM")
    for item in items:
        if "browser" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser that a test drives."""
    path = find_chromium()
    assert path is not None, "FACEMORPH_REQUIRE_BROWSER=1, but no Chromium was found. Install Debian's chromium."
    return path


@pytest.fixture(scope="session")
def tiny_morpher() -> FaceMorpher:
    """The real pipeline over an untrained model and an aligner that knows the drawn face."""
    return build_tiny_morpher()


@pytest.fixture(scope="session")
def turning_morpher() -> FaceMorpher:
    """The same with the head that explains landmarks, so that faces can be turned."""
    return build_tiny_morpher(head=load_head())


@pytest.fixture(scope="session")
def shipped_morpher() -> FaceMorpher:
    """The pipeline with the checkpoints that come with the project, loaded once."""
    return FaceMorpher.from_checkpoint(aligner="builtin")


@pytest.fixture
def few_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure the pace of a morph on 5 probes instead of 25: for tests of something else, most of a tiny morph."""
    monkeypatch.setattr("facemorph.morph.schedule.PROBE_FRAMES", 3)
    monkeypatch.setattr("facemorph.morph.schedule.PROBES_OF_A_CHANGE", 3)
    monkeypatch.setattr("facemorph.morph.schedule.SECOND_LOOK", 5)


@dataclass(frozen=True)
class Started:
    """What `tests.start` saw: modules loaded with the stage `align`, then with the package, and how the program ended.

    The program was asked to write an .avi.
    """

    stage: set[str]
    package: set[str]
    opened: list[str]
    cuda: bool
    handlers: int
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Started:
    """The program, started once in a process of its own."""
    report = tmp_path_factory.mktemp("start") / "report.json"
    words = ["morph", "a.jpg", "b.jpg", "-o", "out.avi"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.start", str(report), *words],
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[1],
        timeout=600,
    )
    assert report.exists(), done.stderr
    seen = json.loads(report.read_text(encoding="utf-8"))
    return Started(set(seen["stage"]), set(seen["package"]), seen["opened"], seen["cuda"], seen["handlers"], done)


@pytest.fixture
def two_photos(tmp_path: Path) -> tuple[Path, Path]:
    """Two drawn faces on disk, of different people and sizes."""
    paths = tmp_path / "a.jpg", tmp_path / "b.png"
    Image.fromarray(draw_face()[0]).save(paths[0], quality=95)
    Image.fromarray(draw_face((400, 300), skin=(150, 100, 80))[0]).save(paths[1])
    return paths


@pytest.fixture
def faceless_photo(tmp_path: Path) -> Path:
    path = tmp_path / "wall.png"
    Image.new("RGB", (320, 240), BACKDROP).save(path)
    return path
