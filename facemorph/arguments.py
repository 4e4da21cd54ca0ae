"""The words of the command line: commands, options, and the ranges that are checked before any work starts."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar, get_args

from facemorph.attributes import ATTRIBUTES, CURVES, curve
from facemorph.checkpoint import ATTRIBUTE_EDITOR, read_offered
from facemorph.errors import CheckpointError, InputError
from facemorph.render import MAX_FPS, MAX_HOLD, MIN_FPS, STILL_SUFFIXES, SUFFIXES, RenderOptions
from facemorph.settings import NUM_FRAMES, PITCH, SIZES, SWING_FRAMES, YAW, Interpolation, Quality, check_device

PROGRAM = "python -m facemorph"
SWING_SUFFIXES = (".gif", ".mp4", ".webp")
"""Of the files that `turn` writes: those that move, .webp only where a number of frames is asked for."""
Number = TypeVar("Number", int, float)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Shows the defaults that tell something."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        shown = action.default is not None and action.default is not argparse.SUPPRESS and action.nargs != 0
        return f"{action.help} (default: %(default)s)" if shown else action.help


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as all other errors do."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"Error: {message.rstrip('.')}. See {self.prog} --help.\n")


def parser() -> _Parser:
    """Return the parser of all commands; the chosen one is `command` of its result."""
    top = _Parser(
        prog=PROGRAM,
        description="Morph one face into another. Photos stay on this machine.",
        epilog=f"example: {PROGRAM} morph a.jpg b.jpg -o out.gif\n\n{PROGRAM} COMMAND --help explains one command.",
        formatter_class=_Formatter,
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)

    def add(name: str, what: str, example: str, parents: Sequence[_Parser]) -> _Parser:
        return commands.add_parser(
            name,
            help=what,
            description=what,
            epilog=f"example: {PROGRAM} {example}",
            parents=parents,
            formatter_class=_Formatter,
        )

    one, two, model = _one_photo(), _two_photos(), _model_options()
    add(
        "morph",
        "Morph the face of photo A into that of photo B.",
        "morph a.jpg b.jpg -o out.gif --steps 24 --size 256",
        [_output(SUFFIXES), _morph_options(), _playing_options(), two, model],
    )
    add(
        "strip",
        "Draw the morph as a row of frames with their alphas.",
        "strip a.jpg b.jpg -o strip.png",
        [_output((".png",)), _morph_options(steps=8), two, model],
    )
    frame = add(
        "frame",
        "Write one frame of the morph.",
        "frame a.jpg b.jpg --alpha 0.5 -o middle.png",
        [_output(STILL_SUFFIXES), _size_option(), _quality_option(), two, model],
    )
    frame.add_argument("--alpha", type=_position, default=0.5, metavar="0..1", help="0 is photo A, 1 is photo B")
    frame.add_argument(
        "--shape",
        type=_position,
        metavar="0..1",
        help="where the shape stands; alpha places the rest: --alpha 0 --shape 1 is A in B's shape (default: alpha)",
    )
    edit = add(
        "edit",
        "Change attributes of one face.",
        "edit photo.jpg smile=0.8 age=-0.5 -o edited.png",
        [_output(STILL_SUFFIXES), _size_option(), one, model],
    )
    edit.add_argument(
        "strengths",
        type=strength,
        nargs="+",
        metavar="NAME=STRENGTH",
        help=f"strength from -1 to 1 of {', '.join(offered())}",
    )
    turn = add(
        "turn",
        "Turn the head of one face, in a still or a short swing.",
        "turn photo.jpg --yaw 15 -o turned.gif",
        [_output((*STILL_SUFFIXES, *SWING_SUFFIXES[:2])), _size_option(), one, model],
    )
    for name, most, where in (("yaw", YAW, "to the viewer's right"), ("pitch", PITCH, "upwards")):
        turn.add_argument(
            f"--{name}",
            type=_angle(most),
            default=15.0 if name == "yaw" else 0.0,
            metavar="DEGREES",
            help=f"from {-most:g} to {most:g}, positive {where}",
        )
    turn.add_argument(
        "--frames",
        type=_steps,
        metavar="N",
        help=f"frames of a swing from side to side; with it, a .webp swings too (default: {SWING_FRAMES})",
    )
    align = add(
        "align",
        "Write the aligned crop of a photo: what a morph starts from.",
        "align photo.jpg -o crop.png --landmarks",
        [_output(STILL_SUFFIXES), one, model],
    )
    align.add_argument("--landmarks", action="store_true", help="draw the 68 landmarks")
    return top


def offered() -> tuple[str, ...]:
    """Return the attributes that can be edited, as the editor's checkpoint says; all that there are where it cannot."""
    try:
        return read_offered(ATTRIBUTE_EDITOR)
    except CheckpointError:  # told when it is loaded
        return tuple(ATTRIBUTES)


def strength(text: str) -> tuple[str, float]:
    """Read NAME=STRENGTH, the strength in [-1, 1]."""
    name, equals, value = text.partition("=")
    if name not in offered():
        known = ", ".join(offered())
        raise argparse.ArgumentTypeError(f"'{name}' is no attribute that can be edited, choose from {known}")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}' has no strength, write for example {text}=0.8")
    return name, _in_range(value, float, -1.0, 1.0)


def _curve(text: str) -> tuple[str, tuple[float, ...]]:
    setting, _, kind = text.partition(":")
    name, strongest = strength(setting)
    try:
        return name, curve(kind or "constant", strongest)  # type: ignore[arg-type]
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _steps(text: str) -> int:
    return _in_range(text, int, *NUM_FRAMES)


def _size(text: str) -> int:
    size = _in_range(text, int, *SIZES)
    if size % 2:
        raise argparse.ArgumentTypeError(f"{text} is odd, choose an even number of pixels")
    return size


def _position(text: str) -> float:
    return _in_range(text, float, 0.0, 1.0)


def _angle(most: float) -> Callable[[str], float]:
    return lambda text: _in_range(text, float, -most, most)


def _fps(text: str) -> float:
    return _in_range(text, float, MIN_FPS, MAX_FPS)


def _hold(text: str) -> float:
    return _in_range(text, float, 0.0, MAX_HOLD)


def _face(text: str) -> int:
    return _in_range(text, int, 0, 99)


def _in_range(text: str, number: type[Number], low: Number, high: Number) -> Number:
    try:
        value = number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no {'whole ' if number is int else ''}number") from error
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text} is out of range, choose from {low:g} to {high:g}")
    return value


def _device(text: str) -> str:
    try:
        check_device(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(f"torch has no device '{text}' here, choose cpu") from error
    return text


def _one_photo() -> _Parser:
    parser = _Parser(add_help=False)
    parser.add_argument("photo", type=Path, help="the photo")
    parser.add_argument("--face", type=_face, metavar="N", help="which face: 0 is the largest, 1 the next (default: 0)")
    return parser


def _two_photos() -> _Parser:
    parser = _Parser(add_help=False)
    for letter in "ab":
        parser.add_argument(letter, type=Path, metavar=f"PHOTO_{letter.upper()}", help=f"photo {letter.upper()}")
    for letter in "ab":
        which = f"which face of photo {letter.upper()}: 0 is the largest, 1 the next (default: 0)"
        parser.add_argument(f"--face-{letter}", type=_face, metavar="N", help=which)
    return parser


def _output(suffixes: Sequence[str]) -> _Parser:
    parser = _Parser(add_help=False)
    kinds = f"the file to write: {', '.join(suffixes)}"
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help=kinds)
    parser.set_defaults(suffixes=tuple(suffixes))
    return parser


def _size_option() -> _Parser:
    parser = _Parser(add_help=False)
    parser.add_argument("--size", type=_size, default=256, metavar="PIXELS", help="side of the picture, an even number")
    return parser


def _quality_option() -> _Parser:
    parser = _Parser(add_help=False)
    parser.add_argument(
        "--quality",
        choices=get_args(Quality),
        default="best",
        help="best lets the learned prior repair seams, fast skips it",
    )
    return parser


def _morph_options(steps: int = 24) -> _Parser:
    parser = _Parser(add_help=False, parents=[_size_option(), _quality_option()])
    parser.add_argument("--steps", type=_steps, default=steps, metavar="N", help="number of frames from A to B")
    parser.add_argument(
        "--interpolation", choices=get_args(Interpolation), default="slerp", help="how the codes are mixed"
    )
    parser.add_argument(
        "--edit",
        type=_curve,
        action="append",
        default=[],
        metavar="NAME=STRENGTH[:CURVE]",
        help=f"change an attribute along the way; the curve is {', '.join(CURVES)}; may be given more than once",
    )
    held = parser.add_mutually_exclusive_group()  # with both held, nothing would move
    for name, rest in (("shape", "appearance"), ("appearance", "shape")):
        held.add_argument(
            f"--{name}",
            type=_position,
            metavar="0..1",
            help=f"hold the {name} here, 0 as in A, 1 as in B, while the {rest} goes from A to B (default: both go)",
        )
    return parser


def _playing_options() -> _Parser:
    parser = _Parser(add_help=False)
    parser.add_argument("--fps", type=_fps, default=RenderOptions.fps, help="frames per second")
    parser.add_argument(
        "--no-ping-pong", dest="ping_pong", action="store_false", help="play from A to B only, not back"
    )
    parser.add_argument(
        "--hold", type=_hold, default=RenderOptions.hold, metavar="SECONDS", help="how long both ends stand still"
    )
    return parser


def _model_options() -> _Parser:
    parser = _Parser(add_help=False)
    parser.add_argument(
        "--aligner",
        choices=("auto", "builtin", "fan"),
        default="auto",
        help="what finds the face: our own network, face-alignment, or face-alignment where its weights are on disk",
    )
    parser.add_argument("--device", type=_device, default="cpu", help="where the networks run: cpu, cuda, mps")
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FOLDER", help="another autoencoder than the one that comes along"
    )
    return parser
