"""The tree is the architecture: who may import whom, read from the source of every file.

app → facemorph.ui → facemorph.pipeline → {result, rendering → editing → networks}
→ {align, models, render, edit → morph} → head → {images, checkpoint, attributes, settings, errors}

facemorph ← judges ← training ← benchmarks
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import Started

ROOT = Path(__file__).resolve().parent.parent
GROUND = {"images", "checkpoint", "errors", "attributes", "settings"}
STAGES = {"align", "models", "morph", "edit", "render"}
MAY_IMPORT = {
    "errors": set(),
    **{ground: {"errors"} for ground in GROUND - {"errors"}},
    "head": GROUND | {"head"},
    **{stage: GROUND | {stage} for stage in STAGES},
    "align": GROUND | {"align", "head"},
    "morph": GROUND | {"morph", "head"},
    "edit": GROUND | {"edit", "morph"},
    "networks": GROUND | STAGES,
    "editing": GROUND | STAGES | {"networks"},
    "rendering": GROUND | STAGES | {"networks", "editing", "head"},
    "result": GROUND | {"render"},
    "pipeline": GROUND | STAGES | {"networks", "editing", "rendering", "result"},
    "ui": GROUND | STAGES | {"pipeline", "ui"},
    "arguments": GROUND | STAGES | {"pipeline"},
    "__main__": GROUND | STAGES | {"pipeline", "arguments"},
    "__init__": GROUND | STAGES | {"pipeline", "result"},
}
"""By the name of the file or folder in facemorph/: the others there that it may import."""
ROOMS = (
    {"loop"},
    {"data"},
    {"autoencoder", "aligner", "head", "parts", "attributes", "ghosts", "pace", "figures"},
    {"codes"},
    {"editor", "attribute_vae", "prior"},
    {"evaluate"},
)
"""The rooms of training/, from the ground up; a room may import itself and those below, never one beside it."""
TREES = {
    "facemorph": set(),
    "judges": {"facemorph"},
    "training": {"facemorph", "judges"},
    "benchmarks": {"facemorph", "judges", "training"},
}
"""By the name of a tree: the others of the project that it may import."""
MOST_FILES = 10
"""In a room of training/, judges/ or benchmarks/."""
HEAVY = {"face_alignment", "matplotlib", "lpips", "gradio", "mediapipe", "cv2", "skimage"}
"""What takes long to import or is optional: the package must not pull it in unasked."""


def package_files() -> list[Path]:
    return sorted((ROOT / "facemorph").rglob("*.py"))


def part_of(path: Path) -> str:
    inside = path.relative_to(ROOT / "facemorph").parts
    return inside[0] if len(inside) > 1 else path.stem


def imported(path: Path) -> set[str]:
    """Return the dotted names that a file imports, wherever in it; `from a import b` gives a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; imports are absolute here"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def parts_imported(path: Path) -> set[str]:
    """Return the files and folders of facemorph/ that a file imports."""
    known = {part_of(other) for other in package_files()}
    dotted = [name.split(".") for name in imported(path)]
    return {name[1] for name in dotted if name[0] == "facemorph" and len(name) > 1 and name[1] in known}


def forbidden(path: Path) -> set[str]:
    return parts_imported(path) - MAY_IMPORT[part_of(path)]


def test_every_part_has_its_place() -> None:
    assert {part_of(path) for path in package_files()} - set(MAY_IMPORT) == set()


@pytest.mark.parametrize("path", package_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_downwards_only(path: Path) -> None:
    assert forbidden(path) == set()


def test_the_rule_would_catch_a_sibling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("align", "morph", "pipeline"):
        (tmp_path / "facemorph" / part).mkdir(parents=True)
    (tmp_path / "facemorph" / "morph" / "warp.py").write_text(
        "import facemorph.pipeline\ndef f():\n    from facemorph import align\n"
    )
    (tmp_path / "facemorph" / "align" / "crop.py").touch()
    (tmp_path / "facemorph" / "pipeline" / "p.py").touch()
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    assert forbidden(tmp_path / "facemorph" / "morph" / "warp.py") == {"align", "pipeline"}


def top_level(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


def python_files(tree: str) -> list[Path]:
    return sorted((ROOT / tree).rglob("*.py"))


def test_gradio_stays_in_the_page() -> None:
    others = [path for tree in TREES for path in python_files(tree) if path.relative_to(ROOT).parts[1] != "ui"]
    assert [str(path) for path in others if "gradio" in top_level(path)] == []


def test_trees_know_only_those_below() -> None:
    """One arrow: the package knows nobody, judges know the package, training both, benchmarks all."""
    outside = set(TREES) | {"tests", "app"}
    wrong = {
        str(path.relative_to(ROOT)): known
        for tree in TREES
        for path in python_files(tree)
        if (known := top_level(path) & outside - TREES[tree] - {tree})
    }
    assert wrong == {}


def test_only_the_page_knows_the_page() -> None:
    for tree in set(TREES) - {"facemorph"}:
        for path in python_files(tree):
            assert "ui" not in parts_imported(path), path


def rooms_imported(path: Path) -> set[str]:
    """Return the rooms of training/ that a file imports."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("training.")}


def room_of(path: Path) -> str:
    inside = path.relative_to(ROOT / "training").parts
    return inside[0] if len(inside) > 1 else path.stem


def floor_of(room: str) -> int:
    return next(floor for floor, rooms in enumerate(ROOMS) if room in rooms)


@pytest.mark.parametrize("path", python_files("training"), ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_know_only_those_below(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        assert rooms_imported(path) == set()
        return
    assert [other for other in rooms_imported(path) - {room} if floor_of(other) >= floor_of(room)] == []


def test_the_rule_would_catch_a_room_beside() -> None:
    assert floor_of("prior") == floor_of("editor") > floor_of("codes") > floor_of("attributes") > floor_of("data")
    assert rooms_imported(ROOT / "training" / "editor" / "train.py") > {"loop", "codes", "autoencoder"}


def test_rooms_are_small() -> None:
    """A room that holds more than one thing at a time is two rooms."""
    folders = [folder for tree in ("training", "judges", "benchmarks") for folder in (ROOT / tree).rglob("*")]
    full = {str(f): n for f in folders if f.is_dir() and (n := len(list(f.glob("*.py")))) > MOST_FILES}
    assert full == {}


def test_no_module_sprawls() -> None:
    everywhere = [path for tree in TREES for path in python_files(tree)]
    long = {str(path): n for path in everywhere if (n := path.read_text(encoding="utf-8").count("\n")) > 320}
    assert long == {}


def test_importing_loads_no_weights_and_nothing_heavy(started: Started) -> None:
    """`tests.start` refuses to load weights: then there is no report."""
    assert not started.cuda, "a GPU was touched at import"
    assert not started.handlers, "logging was configured at import"
    assert started.package >= {"facemorph.pipeline", "facemorph.render", "facemorph.arguments"}
    assert HEAVY & started.package == set()
