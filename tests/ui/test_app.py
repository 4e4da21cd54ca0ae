import runpy
from pathlib import Path
from typing import Any

import pytest

import app
from facemorph import pipeline, ui
from facemorph.pipeline import FaceMorpher
from tests.ui.fake import FakeMorpher


class FakePage:
    def __init__(self) -> None:
        self.options: dict[str, Any] = {}

    def launch(self, **options: Any) -> None:
        self.options = options


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> FakePage:
    page = FakePage()
    monkeypatch.setattr(FaceMorpher, "from_checkpoint", FakeMorpher)
    monkeypatch.setattr(app, "build_page", lambda morpher: page)
    monkeypatch.setattr(app, "keep_to_own_folder", lambda: None)
    monkeypatch.setattr(app, "warm_up", lambda morpher: True)
    for name in ("SPACE_ID", "FACEMORPH_BROWSER", "PORT"):
        monkeypatch.delenv(name, raising=False)
    return page


@pytest.mark.parametrize(
    ("terminal", "environment", "opened"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"FACEMORPH_BROWSER": "0"}, False),
        (True, {"SPACE_ID": "someone/facemorph"}, False),
    ],
)
def test_the_browser_opens_for_a_person_only(
    page: FakePage, monkeypatch: pytest.MonkeyPatch, terminal: bool, environment: dict[str, str], opened: bool
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    app.main()
    assert page.options["inbrowser"] is opened


@pytest.mark.parametrize(
    ("config", "words"),
    [(None, "No checkpoint at '.*': config.json is missing"), ("{", "config.json' is damaged: .* Restore the file")],
)
def test_without_a_checkpoint_it_ends_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str | None, words: str
) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    monkeypatch.setattr(pipeline, "DEFAULT_CHECKPOINT", tmp_path)
    monkeypatch.setattr(ui, "keep_to_own_folder", lambda: None)
    with pytest.raises(SystemExit, match=f"^FaceMorph cannot start: .*{words}") as ended:
        runpy.run_path(str(Path(app.__file__)), run_name="__main__")
    assert isinstance(ended.value.code, str)  # printed to stderr, exit status 1
    assert "\n" not in ended.value.code
