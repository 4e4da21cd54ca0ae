from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from facemorph.ui.handlers import ChosenFace
from tests.ui.fake import FakeMorpher, chosen


@pytest.fixture(scope="module", autouse=True)
def loops() -> Iterator[None]:
    """Close the event loops that Gradio makes for the locks of a page and then forgets."""
    made: list[asyncio.AbstractEventLoop] = []
    new_event_loop = asyncio.new_event_loop

    def remembered() -> asyncio.AbstractEventLoop:
        made.append(new_event_loop())
        return made[-1]

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(asyncio, "new_event_loop", remembered)
        yield
    asyncio.set_event_loop(None)
    for loop in made:
        loop.close()


@pytest.fixture
def morpher() -> FakeMorpher:
    return FakeMorpher()


@pytest.fixture
def a(morpher: FakeMorpher, tmp_path: Path) -> ChosenFace:
    return chosen(morpher, tmp_path / "a.png", (100, 120, 100))


@pytest.fixture
def b(morpher: FakeMorpher, tmp_path: Path) -> ChosenFace:
    return chosen(morpher, tmp_path / "b.png", (90, 50, 180))
