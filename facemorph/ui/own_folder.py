"""The folder of one run of the app: uploads and results lie in it, and it goes when the run ends.

A run holds a lock on its folder for as long as it lives, so whatever nobody holds was left by one that was killed.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
from functools import cache
from pathlib import Path
from types import FrameType

PREFIX = "facemorph-run-"


@cache
def keep_to_own_folder() -> Path:
    """Let Gradio and `tempfile` write to a new folder only, which is deleted however the process ends but by SIGKILL.

    Folders that killed runs of the same user have left are deleted first. For the main thread of the app: the whole
    process is changed, once.

    Returns:
        The folder, below GRADIO_TEMP_DIR where that is set, else below the system's folder for temporary files.
    """
    base = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()).resolve()
    base.mkdir(parents=True, exist_ok=True)
    delete_leftovers(base)
    folder = _new_folder(base)
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "gradio")
    tempfile.tempdir = str(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)

    def end(number: int, _: FrameType | None) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # under nohup, which is to go on
            signal.signal(number, end)
    return folder


def delete_leftovers(base: Path) -> None:
    """Delete the folders of ended runs below `base`; those of live runs and of other users stay."""
    for folder in base.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # it is another user's, or it has just been deleted
            if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.getuid():
                continue
            if (lock := _locked(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _new_folder(base: Path) -> Path:
    """Make a folder and lock it, until the process ends; another run that starts may delete it in between."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        with contextlib.suppress(FileNotFoundError):
            if _locked(folder) is not None and folder.exists():
                return folder


def _locked(folder: Path) -> int | None:
    """Lock a folder; None where a live process holds it. The lock goes with the file descriptor that is returned."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
