"""Serve the page: `python app.py`, on this machine or as a Hugging Face Space."""

from __future__ import annotations

import os
import sys
import threading

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from facemorph.errors import FaceMorphError
from facemorph.pipeline import FaceMorpher
from facemorph.ui import build_page, keep_to_own_folder, launch_options, warm_up


def main() -> None:
    """Load the models, warm them up in the background, and serve until interrupted."""
    keep_to_own_folder()
    try:
        morpher = FaceMorpher.from_checkpoint()
    except FaceMorphError as error:
        sys.exit(f"FaceMorph cannot start: {error}")
    threading.Thread(target=warm_up, args=(morpher,), daemon=True).start()
    by_a_person = sys.stdout.isatty() and os.environ.get("FACEMORPH_BROWSER") != "0" and "SPACE_ID" not in os.environ
    build_page(morpher).launch(**launch_options(inbrowser=by_a_person))


if __name__ == "__main__":
    main()
