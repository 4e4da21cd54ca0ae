"""Start the program as `python -m facemorph` does and note what the imports before it did.

`python -m tests.start REPORT WORDS...` writes REPORT, a JSON object, and goes on with the words as the command line.
For the fixture `started`: a process that imports torch takes seconds, so one answers all questions about starting.
"""

from __future__ import annotations

import importlib
import json
import logging
import runpy
import sys
from pathlib import Path
from typing import Any

import safetensors.torch
import torch


def refuse(*args: object, **options: object) -> None:
    raise AssertionError("weights were read at import")


def note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        opened.append(str(arguments[0]))


if __name__ == "__main__":
    opened: list[str] = []
    sys.addaudithook(note_opened)
    safetensors.torch.load_file = torch.load = torch.hub.load_state_dict_from_url = refuse  # type: ignore[assignment]
    importlib.import_module("facemorph.align")
    stage = sorted(sys.modules)
    for name in ("facemorph", "facemorph.pipeline", "facemorph.render", "facemorph.arguments"):
        importlib.import_module(name)
    report = {
        "stage": stage,
        "package": sorted(sys.modules),
        "opened": list(opened),
        "cuda": torch.cuda.is_initialized(),
        "handlers": len(logging.getLogger().handlers),
    }
    Path(sys.argv[1]).write_text(json.dumps(report), encoding="utf-8")
    sys.argv[1:] = sys.argv[2:]
    runpy.run_module("facemorph", run_name="__main__", alter_sys=True)
