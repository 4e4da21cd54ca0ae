"""The command line: `python -m facemorph morph a.jpg b.jpg -o out.gif`.

The result goes to standard output; progress, warnings and errors go to standard error. The exit code is 0, 2 for a
photo or a setting that cannot be used, and 1 for anything else that went wrong for a known reason.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from facemorph.arguments import SWING_SUFFIXES, parser
from facemorph.errors import FaceMorphError, InputError, RenderError
from facemorph.images import LoadedPhoto, load_photo
from facemorph.render import (
    RenderedFile,
    RenderOptions,
    check_path,
    draw_landmarks,
    save_still,
)
from facemorph.settings import SWING_FRAMES, SWING_HOLD

if TYPE_CHECKING:
    from facemorph.align import AlignedFace
    from facemorph.pipeline import FaceMorpher

BAR_WIDTH = 30


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after the program's name; those of the process where none are given.

    Returns:
        The exit code.
    """
    arguments = parser().parse_args(argv)
    try:
        COMMANDS[arguments.command](arguments)
    except FaceMorphError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    return 0


def _morph(arguments: argparse.Namespace) -> None:
    _check_output(arguments)
    morpher, a, b = _two_faces(arguments)
    morph = morpher.morph(
        a,
        b,
        arguments.steps,
        arguments.size,
        arguments.interpolation,
        progress=_show_progress,
        shape=arguments.shape,
        appearance=arguments.appearance,
        quality=arguments.quality,
        edits=dict(arguments.edit),
    )
    _warn(*(warning for warning in morph.warnings if warning not in (*a.warnings, *b.warnings)))
    _report(morph.save(arguments.output, fps=arguments.fps, ping_pong=arguments.ping_pong, hold=arguments.hold))


def _frame(arguments: argparse.Namespace) -> None:
    _check_output(arguments)
    morpher, a, b = _two_faces(arguments)
    pixels = morpher.frame(a, b, arguments.alpha, arguments.size, shape=arguments.shape, quality=arguments.quality)
    _report(save_still(arguments.output, pixels))


def _strip(arguments: argparse.Namespace) -> None:
    arguments.fps, arguments.ping_pong, arguments.hold = RenderOptions.fps, RenderOptions.ping_pong, RenderOptions.hold
    _morph(arguments)


def _edit(arguments: argparse.Namespace) -> None:
    _check_output(arguments)
    strengths = dict(arguments.strengths)
    photo = load_photo(arguments.photo)
    morpher = _load(arguments)
    face = _align(morpher, arguments.photo, photo, arguments.face)
    _warn(*morpher.edit_warnings(face, strengths))
    _report(save_still(arguments.output, morpher.edit(face, strengths, arguments.size)))


def _turn(arguments: argparse.Namespace) -> None:
    _check_output(arguments)
    swings = _swings(arguments)
    photo = load_photo(arguments.photo)
    morpher = _load(arguments)
    face = _align(morpher, arguments.photo, photo, arguments.face)
    turn = arguments.yaw, arguments.pitch
    if swings:
        swing = morpher.swing(face, *turn, arguments.frames or SWING_FRAMES, arguments.size)
        _report(swing.save(arguments.output, hold=SWING_HOLD))
    else:
        _report(save_still(arguments.output, morpher.turn(face, *turn, arguments.size)))


def _swings(arguments: argparse.Namespace) -> bool:
    """Return whether a swing is asked for; a .webp can be either."""
    suffix, frames = arguments.output.suffix.lower(), arguments.frames
    if frames is not None and suffix not in SWING_SUFFIXES:
        known = ", ".join(SWING_SUFFIXES)
        raise InputError(f"'{arguments.output.name}' holds one picture, not {frames} frames. Use one of {known}.")
    return suffix in SWING_SUFFIXES and (suffix != ".webp" or frames is not None)


def _align_photo(arguments: argparse.Namespace) -> None:
    _check_output(arguments)
    photo = load_photo(arguments.photo)
    face = _align(_load(arguments), arguments.photo, photo, arguments.face)
    pixels = draw_landmarks(face.image, face.landmarks) if arguments.landmarks else face.image
    _report(save_still(arguments.output, pixels))


COMMANDS = {
    "morph": _morph,
    "strip": _strip,
    "frame": _frame,
    "edit": _edit,
    "turn": _turn,
    "align": _align_photo,
}


def _load(arguments: argparse.Namespace) -> FaceMorpher:
    from facemorph.pipeline import FaceMorpher  # here, not above: torch comes with it, for seconds

    return FaceMorpher.from_checkpoint(arguments.checkpoint, aligner=arguments.aligner, device=arguments.device)


def _two_faces(arguments: argparse.Namespace) -> tuple[FaceMorpher, AlignedFace, AlignedFace]:
    """Load the networks and align both photos; the photos are read first, so that a wrong path is told at once."""
    photos = load_photo(arguments.a), load_photo(arguments.b)
    morpher = _load(arguments)
    a = _align(morpher, arguments.a, photos[0], arguments.face_a)
    b = _align(morpher, arguments.b, photos[1], arguments.face_b)
    return morpher, a, b


def _align(morpher: FaceMorpher, path: Path, photo: LoadedPhoto, face: int | None) -> AlignedFace:
    """Align one photo; what is said about it names it, because a command may have several."""
    try:
        aligned = morpher.align(photo.pixels, face=face)
    except InputError as error:
        error.args = (f"{path.name}: {error}",)
        raise
    _warn(*(f"{path.name}: {warning}" for warning in aligned.warnings))
    return aligned


def _check_output(arguments: argparse.Namespace) -> None:
    """Refuse a file that cannot be written before anything is computed for it, as a mistake in the command."""
    try:
        check_path(arguments.output, arguments.suffixes)
    except RenderError as error:
        raise InputError(str(error)) from error


def _report(file: RenderedFile) -> None:
    _warn(*file.warnings)
    print(f"{file.path} ({max(1, round(file.num_bytes / 1024))} KB)")


def _warn(*sentences: str) -> None:
    for sentence in sentences:
        print(f"Warning: {sentence}", file=sys.stderr)


def _show_progress(done: int, total: int) -> None:
    filled = BAR_WIDTH * done // max(total, 1)
    bar = "#" * filled + "-" * (BAR_WIDTH - filled)
    print(f"\rMorphing [{bar}] {done}/{total}", end="\n" if done >= total else "", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
