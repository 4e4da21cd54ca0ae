"""The ffmpeg program: where it is, and how frames are piped into it."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from facemorph.errors import RenderError
from facemorph.render.options import Frames

MAX_WORDS = 400
"""So much of what ffmpeg says is read for the error's message."""


def find_ffmpeg() -> str | None:
    """Return the program that imageio-ffmpeg brings or finds in the path; None where there is none."""
    try:
        import imageio_ffmpeg  # an optional part: without it there is still Pillow's GIF

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError, OSError):
        return None


def encode(
    program: str, frames: Frames, order: Iterable[int], fps: float, arguments: Sequence[str], target: Path
) -> None:
    """Pipe `frames` in `order` into ffmpeg, one at a time, and let it write `target`.

    Args:
        program: the ffmpeg executable.
        frames: (T, H, W, 3) uint8 RGB.
        order: indices of the frames, in playing order.
        fps: frames per second of the input.
        arguments: filters, codec and format of the output.
        target: the file to write; replaced if it exists.

    Raises:
        RenderError: ffmpeg cannot be started or fails; its last words are in the message.
    """
    height, width = frames.shape[1:3]
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:g}", "-i", "pipe:0"]
    command = [program, "-y", "-nostdin", "-v", "error", *source, *arguments, str(target)]
    with tempfile.TemporaryFile() as log:  # a file, not a pipe: it cannot fill up and stop ffmpeg
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log)
        except OSError as error:
            raise RenderError(f"ffmpeg cannot be started ({error}). Reinstall imageio-ffmpeg.") from error
        try:
            _feed(process, frames, order)
            process.wait()
        finally:
            if process.poll() is None:  # something else went wrong, or the user stopped it
                process.kill()
                process.wait()
        if process.returncode != 0:
            log.seek(0)
            words = log.read(MAX_WORDS).decode(errors="replace").strip().splitlines()
            why = words[-1] if words else f"exit code {process.returncode}"
            raise RenderError(f"ffmpeg could not write '{target.suffix}' ({why}). Check the disk's free space.")


def _feed(process: subprocess.Popen[bytes], frames: Frames, order: Iterable[int]) -> None:
    assert process.stdin is not None
    # Where ffmpeg has ended early, its exit code and its words say why.
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        for index in order:
            pipe.write(frames[index].data)
