"""Where a file goes: checked before the work, written in one step after it."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from facemorph.errors import RenderError
from facemorph.render.options import RenderedFile

SUFFIXES = (".gif", ".webp", ".mp4", ".png")
"""What `render` can write; .png is the strip."""
STILL_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
"""What `save_still` can write."""


def check_path(path: str | os.PathLike[str], suffixes: Sequence[str] = SUFFIXES) -> Path:
    """Make sure that a file of this name can be written, before anything is computed for it.

    Args:
        path: the file to be written.
        suffixes: the ones allowed, with their dots.

    Returns:
        The path.

    Raises:
        RenderError: another suffix, or a folder that does not exist or cannot be written to.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        ending = f"ends in '{path.suffix}'" if path.suffix else "has no suffix"
        raise RenderError(f"'{path.name}' {ending}, which cannot be written. Use one of {', '.join(suffixes)}.")
    if path.is_dir():
        raise RenderError(f"'{path}' is a folder. Name a file.")
    if not path.parent.is_dir():
        raise RenderError(f"The folder '{path.parent}' does not exist. Create it first.")
    part = _new_part(path)
    part.unlink()
    return path


def written(path: Path, write: Callable[[Path], tuple[str, ...]]) -> RenderedFile:
    """Let `write` fill a file beside `path`, then move it there, so that `path` is never half a file.

    Args:
        path: the file to be written.
        write: gets the file to fill, returns warnings.

    Returns:
        The file, its size and the warnings.

    Raises:
        RenderError: the disk or the folder refused; nothing is left behind.
    """
    part = _new_part(path)
    try:
        warnings = write(part)
        num_bytes = part.stat().st_size
        os.replace(part, path)
    except OSError as error:
        raise RenderError(f"'{path}' cannot be written ({error.strerror or error}). Choose another place.") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return RenderedFile(path, num_bytes, warnings)


def _new_part(path: Path) -> Path:
    """Create an empty file beside `path`; plain `open` gives it the permissions a new file has."""
    part = path.with_name(f".{path.stem[:64]}-{secrets.token_hex(4)}{path.suffix.lower()}")
    try:
        part.open("xb").close()
    except OSError as error:
        raise RenderError(
            f"The folder '{path.parent}' cannot be written to ({error.strerror or error}). Choose another folder."
        ) from error
    return part
