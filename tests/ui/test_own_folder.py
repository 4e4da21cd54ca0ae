"""What a run of the app writes goes with it, and only that."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from facemorph.ui.own_folder import PREFIX, _new_folder, delete_leftovers

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
import app
from facemorph.pipeline import FaceMorpher
from tests.ui.fake import FakeMorpher
FaceMorpher.from_checkpoint = FakeMorpher
app.main()
"""
UPLOAD = (
    b'--edge\r\nContent-Disposition: form-data; name="files"; filename="me.jpg"\r\n\r\nmy face\r\n--edge--\r\n',
    {"Content-Type": "multipart/form-data; boundary=edge"},
)


def upload(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None and time.monotonic() < deadline, "the app does not answer"
        try:
            request = urllib.request.Request(f"http://127.0.0.1:{port}/gradio_api/upload", *UPLOAD)
            urllib.request.urlopen(request, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_upload_is_deleted_when_the_app_ends(tmp_path: Path, number: signal.Signals) -> None:
    stranger = tmp_path / "gradio" / "stranger.jpg"
    stranger.parent.mkdir()
    stranger.write_bytes(b"of another program")
    left = _left_by_a_killed_run(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name not in ("SPACE_ID", "PORT")}
    environment.pop("GRADIO_TEMP_DIR", None)
    environment |= {"TMPDIR": str(tmp_path), "GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1"}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        upload(port, process)
        assert not left.exists()
        assert [path.read_bytes() for path in tmp_path.rglob("me.jpg")] == [b"my face"]
        process.send_signal(number)
        code = process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert code in (0, -number)  # Gradio makes an end of Ctrl-C once it waits for it
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [stranger]
    assert list(tmp_path.glob(f"{PREFIX}*")) == []


def test_leftovers_are_those_that_nobody_holds(tmp_path: Path) -> None:
    alive, dead = _new_folder(tmp_path), _left_by_a_killed_run(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(elsewhere)
    (tmp_path / f"{PREFIX}file").touch()
    delete_leftovers(tmp_path)
    assert alive.exists() and elsewhere.exists() and (tmp_path / f"{PREFIX}file").exists()
    assert not dead.exists()


def _left_by_a_killed_run(base: Path) -> Path:
    folder = base / f"{PREFIX}killed"
    folder.mkdir()
    (folder / "face.png").write_bytes(b"a face")
    return folder
