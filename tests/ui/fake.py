"""A stand-in for the pipeline: fast, without weights, and with every failure on request."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from facemorph.align.face import AlignedFace
from facemorph.attributes import ATTRIBUTES, check_strengths, edit_warnings, strengths_at
from facemorph.errors import InputError, NoFaceFoundError, NoHeadError
from facemorph.images import Photo, load_photo
from facemorph.rendering import NO_HEAD
from facemorph.settings import check_turn
from facemorph.ui.handlers import ChosenFace

LANDMARKS = np.stack(
    [256 + 120 * np.cos(np.linspace(0, 2 * np.pi, 68)), 256 + 120 * np.sin(np.linspace(0, 2 * np.pi, 68))], 1
).astype(np.float32)


@dataclass(frozen=True)
class Rendered:
    path: Path
    num_bytes: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class FakeMorph:
    frames: npt.NDArray[np.uint8]
    alphas: npt.NDArray[np.float32]
    warnings: tuple[str, ...] = ()

    def save(self, path: Path, fps: float = 20.0, ping_pong: bool = True, hold: float = 0.5) -> Rendered:
        frames = [Image.fromarray(frame) for frame in self.frames]
        if path.suffix == ".mp4":
            path.write_bytes(b"\0\0\0\x20ftypisom" + bytes(64))
        elif path.suffix == ".png":
            Image.fromarray(np.concatenate(self.frames[:: max(1, len(frames) // 6)], 1)).save(path)
        else:
            if path.suffix == ".gif":  # in few colours, quickly found
                frames = [frame.quantize(32, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE) for frame in frames]
            frames[0].save(path, save_all=True, append_images=frames[1:], duration=round(1000 / fps), loop=0, method=0)
        return Rendered(path, path.stat().st_size)


class FakeMorpher:
    """Takes the middle square of a photo for its face, and dissolves.

    A photo whose middle is black has no face; one whose middle is pure green holds five; one whose middle is
    magenta hits a bug; one whose middle is pure blue has no head that can be turned.
    """

    def __init__(self, seconds: float = 0.0, attributes: Sequence[str] = tuple(ATTRIBUTES)) -> None:
        self.seconds = seconds  # what a morph takes at least
        self.attributes = tuple(attributes)

    def align(self, photo: Photo, face: int | None = None) -> AlignedFace:
        pixels = load_photo(photo).pixels
        height, width = pixels.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = Image.fromarray(pixels[top : top + side, left : left + side]).resize((512, 512))
        image = np.asarray(square)
        centre = image[200:312, 200:312].reshape(-1, 3).mean(0)
        if centre[0] > 200 and centre[1] < 50 and centre[2] > 200:
            raise ZeroDivisionError("secret detail")
        if centre.max() < 8:
            raise NoFaceFoundError("No face found. Use a photo where one face looks at the camera.")
        num_faces = 5 if centre[1] > 200 and centre[0] < 50 and centre[2] < 50 else 1
        index = face or 0
        if index >= num_faces:
            raise NoFaceFoundError(f"The photo holds {num_faces} faces, not {index + 1}.", num_faces=num_faces)
        several = (f"{num_faces} faces found; the largest was taken.",) if num_faces > 1 and face is None else ()
        return AlignedFace(
            image=np.roll(image, 40 * index, axis=1),
            landmarks=LANDMARKS,
            matrix=np.eye(2, 3, dtype=np.float32),
            inside=np.ones((512, 512), bool),
            backend="builtin",
            num_faces=num_faces,
            warnings=several,
        )

    def edit(self, face: AlignedFace, strengths: Mapping[str, float], size: int = 256) -> npt.NDArray[np.uint8]:
        check_strengths(strengths, self.attributes)
        return _lightened(_small(face, size), strengths)

    def edit_warnings(self, face: AlignedFace, strengths: Mapping[str, float]) -> tuple[str, ...]:
        """Every face smiles and has nothing else."""
        check_strengths(strengths, self.attributes)
        return edit_warnings(strengths, {name: 1.0 if name == "smile" else 0.0 for name in strengths})

    def turn(self, face: AlignedFace, yaw: float = 15.0, pitch: float = 0.0, size: int = 256) -> npt.NDArray[np.uint8]:
        """Shift by a hundredth of the side per degree; a face whose middle is blue has no head."""
        check_turn(yaw, pitch)
        centre = face.image[200:312, 200:312].reshape(-1, 3).mean(0)
        if centre[2] > 200 and centre[:2].max() < 50:
            raise NoHeadError(NO_HEAD)
        moved = round(yaw * size / 100), round(-pitch * size / 100)
        return np.roll(_small(face, size), moved, axis=(1, 0)).astype(np.uint8)

    def swing(
        self, face: AlignedFace, yaw: float = 15.0, pitch: float = 0.0, num_frames: int = 24, size: int = 256
    ) -> FakeMorph:
        alphas = np.linspace(0, 1, num_frames, dtype=np.float32)
        frames = [self.turn(face, (2 * alpha - 1) * yaw, (2 * alpha - 1) * pitch, size) for alpha in alphas]
        return FakeMorph(np.stack(frames), alphas, face.warnings)

    def frame(
        self,
        a: AlignedFace,
        b: AlignedFace,
        alpha: float,
        size: int = 256,
        *,
        shape: float | None = None,
        quality: str = "best",
        edits: Mapping[str, Sequence[float]] | None = None,
    ) -> npt.NDArray[np.uint8]:
        """Dissolve by alpha and shift to the right by shape; "fast" is darker, and an edit lighter or darker."""
        first, last = (_small(face, size) for face in (a, b))
        mixed = (1 - alpha) * first + alpha * last
        moved = np.roll(mixed, round((alpha if shape is None else shape) * size / 4), axis=1)
        moved *= 0.5 if quality == "fast" else 1
        return _lightened(moved, {name: float(strengths_at(curve, alpha)) for name, curve in (edits or {}).items()})

    def morph(
        self,
        a: AlignedFace,
        b: AlignedFace,
        num_frames: int = 24,
        size: int = 256,
        interpolation: str = "slerp",
        progress: Callable[[int, int], None] | None = None,
        *,
        shape: float | None = None,
        appearance: float | None = None,
        quality: str = "best",
        edits: Mapping[str, Sequence[float]] | None = None,
    ) -> FakeMorph:
        if not 2 <= num_frames <= 120:
            raise InputError(f"The number of frames is {num_frames}. Choose from 2 to 120.")
        for name, curve in (edits or {}).items():
            for strength in curve:
                check_strengths({name: strength}, self.attributes)
        alphas = np.linspace(0, 1, num_frames, dtype=np.float32)
        frames = np.empty((num_frames, size, size, 3), np.uint8)
        for i, alpha in enumerate(alphas):
            mixed, moved = (alpha if held is None else held for held in (appearance, shape))
            frames[i] = self.frame(a, b, mixed, size, shape=moved, quality=quality)
            frames[i] = _lightened(
                frames[i], {name: float(strengths_at(curve, alpha)) for name, curve in (edits or {}).items()}
            )
            time.sleep(self.seconds / num_frames)
            if progress is not None:
                progress(i + 1, num_frames)
        ends = ((a, 0), (b, -1))
        said = [
            self.edit_warnings(face, {name: curve[at] for name, curve in (edits or {}).items()}) for face, at in ends
        ]
        return FakeMorph(frames, alphas, tuple(dict.fromkeys(said[0] + said[1])))


def _small(face: AlignedFace, size: int) -> npt.NDArray[np.float32]:
    return np.asarray(Image.fromarray(face.image).resize((size, size), Image.Resampling.NEAREST), np.float32)


def _lightened(pixels: npt.NDArray[Any], strengths: Mapping[str, float]) -> npt.NDArray[np.uint8]:
    """Make a picture lighter by the sum of the strengths, 1 by 60 of 255 steps."""
    lighter = np.asarray(pixels, np.float32) + 60 * sum(strengths.values())
    return lighter.clip(0, 255).astype(np.uint8)


def chosen(morpher: FakeMorpher, path: Path, colour: tuple[int, int, int]) -> ChosenFace:
    """Draw a photo and choose its face."""
    image = Image.new("RGB", (120, 160), colour)
    image.paste("white", (10, 30, 40, 60))
    image.save(path)
    return ChosenFace(str(path), 0, morpher.align(path))
