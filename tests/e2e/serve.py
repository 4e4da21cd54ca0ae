"""Serve what the browser tests visit: `python -m tests.e2e.serve app|tiny EXAMPLES_FOLDER PORT`.

The app, or the same pipeline untrained, is served where the environment says; the page over the fake pipeline, with
the examples of that folder, at that port. Both in one process, since the imports are what takes longest.
The server may talk to this machine only: any other connection is refused and leaves a line on stderr.
"""

from __future__ import annotations

import ipaddress
import runpy
import sys
from pathlib import Path
from typing import Any

OUTSIDE = "OUTSIDE CONNECTION"


def refuse_outside(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost", "0.0.0.0") or _is_loopback(name):
        return
    print(f"{OUTSIDE} {event} {name}", file=sys.stderr, flush=True)
    raise OSError(f"{OUTSIDE}: {name}")


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def serve_fake(examples: Path, port: int) -> None:
    from facemorph.ui import build_page, launch_options
    from tests.ui.fake import FakeMorpher

    options = launch_options() | {"allowed_paths": [str(examples)], "server_port": port}
    build_page(FakeMorpher(seconds=0.3), examples).launch(prevent_thread_lock=True, **options)


def serve_tiny() -> None:
    """Serve the real pipeline over an untrained model and an aligner that knows the drawn face."""
    from facemorph.ui import build_page, launch_options
    from tests.fakes import tiny_morpher

    build_page(tiny_morpher()).launch(**launch_options())


if __name__ == "__main__":
    from facemorph.ui import keep_to_own_folder

    sys.addaudithook(refuse_outside)
    keep_to_own_folder()  # as the app does, and before the other page asks where uploads go
    serve_fake(Path(sys.argv[2]), int(sys.argv[3]))
    if sys.argv[1] == "tiny":
        serve_tiny()
    else:
        runpy.run_path("app.py", run_name="__main__")
