"""The tree is the architecture: who may import whom, read from the source of every file.

app → facemorph.ui → facemorph.pipeline → codec → {align, models, morph, render}
→ {images, checkpoint, attributes, errors}
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GROUND, STAGES = {"images", "checkpoint", "errors", "attributes"}, {"align", "models", "morph", "render"}
MAY_IMPORT = {
    "errors": set(),
    "images": {"errors"},
    "attributes": {"errors"},
    "checkpoint": {"errors"},
    **{stage: GROUND | {stage} for stage in STAGES},
    "codec": GROUND | STAGES,
    "pipeline": GROUND | STAGES | {"codec"},
    "ui": GROUND | STAGES | {"pipeline", "ui"},
    "arguments": GROUND | STAGES | {"pipeline"},
    "__main__": GROUND | STAGES | {"pipeline", "arguments"},
    "__init__": GROUND | STAGES | {"pipeline"},
}
"""By the name of the file or folder in facemorph/: the others there that it may import."""
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


def test_gradio_stays_in_the_page() -> None:
    others = [path for path in package_files() if part_of(path) != "ui"] + sorted((ROOT / "training").rglob("*.py"))
    assert [str(path) for path in others if "gradio" in top_level(path)] == []


def test_the_package_knows_no_training_and_no_benchmarks() -> None:
    outside = {"training", "benchmarks", "tests", "app"}
    assert [str(path) for path in package_files() if top_level(path) & outside] == []


def test_training_does_not_know_the_page() -> None:
    for path in sorted((ROOT / "training").rglob("*.py")):
        assert "ui" not in parts_imported(path), path


def test_no_module_sprawls() -> None:
    long = {str(path): n for path in package_files() if (n := path.read_text(encoding="utf-8").count("\n")) > 400}
    assert long == {}


def test_importing_loads_no_weights_and_nothing_heavy() -> None:
    script = f"""
import builtins, pathlib, sys, torch
def refuse(*args, **kwargs):
    raise AssertionError("weights were read at import")
import safetensors.torch
safetensors.torch.load_file = torch.load = torch.hub.load_state_dict_from_url = refuse
import facemorph, facemorph.pipeline, facemorph.render, facemorph.arguments
assert not torch.cuda.is_initialized(), "a GPU was touched at import"
import logging
assert not logging.getLogger().handlers, "logging was configured at import"
print(",".join(sorted({HEAVY!r} & set(sys.modules))))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
