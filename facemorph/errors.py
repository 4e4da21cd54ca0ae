"""Everything that can go wrong for a reason the user can act on.

A message says what happened, the actual value and what to do. The values a caller may need again ride on
attributes. Only `facemorph.ui.handlers` turns these into messages of the page and only `facemorph.__main__` into
exit codes.
"""

from __future__ import annotations

import numbers


class FaceMorphError(Exception):
    """Base of all errors that FaceMorph raises on purpose."""


class InputError(FaceMorphError):
    """A photo or a setting that cannot be used as it is."""


class UnsupportedImageError(InputError):
    """The file is not a picture that can be decoded."""


class ImageTooLargeError(InputError):
    """The picture has more pixels than `limit`; it was refused before decoding."""

    def __init__(self, message: str, *, width: int, height: int, limit: int) -> None:
        super().__init__(message)
        self.width, self.height, self.limit = width, height, limit


class ImageTooSmallError(InputError):
    """The picture, or the face in it, is smaller than `minimum` pixels across."""

    def __init__(self, message: str, *, actual: int, minimum: int) -> None:
        super().__init__(message)
        self.actual, self.minimum = actual, minimum


class NoFaceFoundError(InputError):
    """No face was found in the photo, or fewer faces than the index asked for."""

    def __init__(self, message: str, *, num_faces: int = 0) -> None:
        super().__init__(message)
        self.num_faces = num_faces


class NoHeadError(InputError):
    """A face that no head in three dimensions explains, asked to turn."""


class UnknownAttributeError(InputError):
    """An attribute that cannot be edited; `known` are those that can."""

    def __init__(self, message: str, *, name: str, known: tuple[str, ...]) -> None:
        super().__init__(message)
        self.name, self.known = name, known


class StrengthError(InputError):
    """A strength outside [-1, 1]."""

    def __init__(self, message: str, *, name: str, strength: float) -> None:
        super().__init__(message)
        self.name, self.strength = name, strength


class CheckpointError(FaceMorphError):
    """A checkpoint folder cannot be used."""


class CheckpointNotFoundError(CheckpointError):
    """The folder or one of its files does not exist."""


class CheckpointMismatchError(CheckpointError):
    """The files exist but do not fit this version of the model, or are damaged."""


class AlignmentError(FaceMorphError):
    """Landmarks that determine no crop, or a backend that cannot run here."""


class RenderError(FaceMorphError):
    """A morph that cannot be written the way it was asked for."""


def named(value: object) -> str:
    """Return what a sentence calls an argument that cannot be used: a number or a text as it is, else its type."""
    if isinstance(value, numbers.Number):
        return str(value)
    return repr(value) if value is None or isinstance(value, str) else f"an object of type {type(value).__name__}"
