"""Serve the page over the fake pipeline: `python -m tests.e2e.serve_fake [EXAMPLES_FOLDER]`."""

import sys
from pathlib import Path

from facemorph.ui import build_page, launch_options
from tests.ui.fake import FakeMorpher

if __name__ == "__main__":
    examples = Path(sys.argv[1] if len(sys.argv) > 1 else "no-examples").resolve()
    options = launch_options()
    options["allowed_paths"] = [str(examples)]
    build_page(FakeMorpher(seconds=1.0), examples).launch(**options)
