"""`FaceMorpher`: align → encode → morph → decode → render, wired together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from facemorph import checkpoint, images
from facemorph.align import AlignedFace, Aligner
from facemorph.errors import InputError
from facemorph.models import Autoencoder, Latent, LatentPrior, PaceNetwork, PersonMask, load_autoencoder
from facemorph.morph import (
    Endpoint,
    Interpolation,
    Quality,
    choose_alphas,
    positions,
    prepare,
    render_frames,
    resize,
)
from facemorph.render import RenderedFile, RenderOptions, render

DEFAULT_CHECKPOINT = checkpoint.CHECKPOINTS / "face-autoencoder"
PACE_NETWORK = checkpoint.CHECKPOINTS / "pace-network"
PERSON_MASK = checkpoint.CHECKPOINTS / "person-mask"
LATENT_PRIOR = checkpoint.CHECKPOINTS / "latent-prior"
REPAIR = 1.0
"""How faulty the latent prior takes a code for that belongs to two photos by halves."""
REPAIR_STEPS = 2
NUM_FRAMES = (2, 240)
SIZES = (64, 512)
FRAMES_AT_ONCE = 12
"""Frames up to 256 px that are rendered together; fewer of larger ones, which fill the processor's cache sooner."""
NO_PRIOR = "This autoencoder has no latent prior, so the frames are as with the quality 'fast'."
NO_MASK = (
    "The person in photo {} could not be told from the background, "
    "so hair and background dissolve instead of changing hands."
)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Morph:
    """The frames of a morph.

    Attributes:
        frames: (T, S, S, 3) uint8 RGB; the first and the last are the aligned photos.
        alphas: (T,) float32, position of each frame, increasing from 0 to 1.
        warnings: sentences for the user.
    """

    frames: npt.NDArray[np.uint8]
    alphas: npt.NDArray[np.float32]
    warnings: tuple[str, ...] = ()

    def save(
        self, path: str | PathLike[str], *, fps: float = 20.0, ping_pong: bool = True, hold: float = 0.5
    ) -> RenderedFile:
        """Write the morph; the suffix decides how: .gif, .webp, .mp4, or .png for a strip of its frames.

        Args:
            path: where to.
            fps: frames per second.
            ping_pong: play back to the first face as well, so that a loop has no jump.
            hold: seconds to rest on each face.

        Returns:
            The file, its size, and what could not be done as asked.

        Raises:
            RenderError: an unknown suffix, a folder that cannot be written, or no encoder for the format.
        """
        return render(Path(path), self.frames, self.alphas, RenderOptions(fps=fps, ping_pong=ping_pong, hold=hold))


class FaceMorpher:
    """Morphs faces. Holds the networks only; it may serve any number of users at once."""

    def __init__(
        self,
        model: Autoencoder,
        person_mask: PersonMask,
        pace: PaceNetwork,
        aligner: Aligner,
        prior: LatentPrior | None = None,
        device: str = "cpu",
    ) -> None:
        self.codec = _Codec(model, person_mask, pace, prior, torch.device(device))
        self._aligner = aligner

    @classmethod
    def from_checkpoint(
        cls, path: str | PathLike[str] | None = None, aligner: str = "auto", device: str = "cpu"
    ) -> FaceMorpher:
        """Load an autoencoder and an aligner.

        Args:
            path: folder of the autoencoder's checkpoint; None takes the one that comes with the project.
            aligner: "builtin", "fan", or "auto" for fan where its weights lie on disk and builtin elsewhere.
            device: "cpu", "cuda", or whatever torch calls the device.

        Raises:
            CheckpointError: a checkpoint is missing, damaged or does not fit.
            AlignmentError: the aligner asked for is unknown or cannot run here.
        """
        model = load_autoencoder(DEFAULT_CHECKPOINT if path is None else Path(path))
        prior = LatentPrior.from_checkpoint(LATENT_PRIOR) if path is None else None  # it knows one autoencoder's codes
        person_mask = PersonMask.from_checkpoint(PERSON_MASK)
        pace = PaceNetwork.from_checkpoint(PACE_NETWORK)
        return cls(model, person_mask, pace, Aligner.load(aligner, device=device), prior, device)

    def align(self, photo: images.Photo, face: int | None = None) -> AlignedFace:
        """Find a face and cut its canonical crop.

        Args:
            photo: a path, a PIL image, or an (H, W, 3) uint8 RGB array.
            face: which one, counted from the largest (0); None takes the largest and warns where there are several.

        Raises:
            InputError: the photo cannot be read, or holds no such face, or the face is too small.
            AlignmentError: the landmarks determine no crop.
        """
        loaded = images.load_photo(photo)
        found = self._aligner.align(loaded.pixels, face)
        if loaded.scale == 1.0:
            return found
        matrix = found.matrix.copy()  # crop_from_loaded · loaded_from_photo, pixel centres at whole numbers
        matrix[:, 2] += matrix[:, :2].sum(1) * (loaded.scale - 1) / 2
        matrix[:, :2] *= loaded.scale
        return replace(found, matrix=matrix)

    def reconstruct(self, face: AlignedFace) -> npt.NDArray[np.uint8]:
        """Encode and decode a crop at the autoencoder's own size; (128, 128, 3) uint8."""
        with torch.inference_mode():
            small = resize(self._tensor(face), self.codec.image_size)
            frames = images.to_uint8(self.codec.decode(*self.codec.encode(small)))
        return np.asarray(frames[0])

    def frame(
        self,
        a: AlignedFace,
        b: AlignedFace,
        alpha: float,
        size: int = 256,
        *,
        shape: float | None = None,
        quality: Quality = "best",
    ) -> npt.NDArray[np.uint8]:
        """Render one frame.

        Args:
            a, b: both faces.
            alpha: position in [0, 1]; 0 shows `a`, 1 shows `b`.
            size: side in pixels.
            shape: where the geometry stands, in [0, 1]; None takes it along with alpha. Alpha 0 and shape 1 give the
                first face in the second one's shape.
            quality: "best" lets the latent prior repair what the two photos leave, "fast" does not.

        Returns:
            (size, size, 3) uint8.

        Raises:
            InputError: a setting out of range.
        """
        _check_position("alpha", alpha)
        _check_position("shape", shape)
        _check_size(size)
        _check_choice(quality, "quality", ("best", "fast"))
        with torch.inference_mode():
            ends = [self.prepare(face, size) for face in (a, b)]
            at = positions(torch.tensor([float(alpha)]), shape)
            frames = images.to_uint8(render_frames(ends[0], ends[1], at, self.codec, quality=quality))
        return np.asarray(frames[0])

    def morph(
        self,
        a: AlignedFace,
        b: AlignedFace,
        num_frames: int = 24,
        size: int = 256,
        interpolation: Interpolation = "slerp",
        progress: Progress | None = None,
        *,
        shape: float | None = None,
        appearance: float | None = None,
        quality: Quality = "best",
    ) -> Morph:
        """Render the whole way from one face to the other in steps of equal change to the eye.

        Args:
            a, b: both faces.
            num_frames: frames from `a` to `b`, both included.
            size: side in pixels, even.
            interpolation: "slerp" or "linear", how the latent codes are blended.
            progress: called with (frames done, frames in all).
            shape: hold the geometry at this position in [0, 1] while the rest goes from `a` to `b`; None moves it.
            appearance: hold everything but the geometry at this position in [0, 1]; None moves it.
            quality: "best" lets the latent prior repair what the two photos leave, "fast" does not.

        Raises:
            InputError: a setting out of range.
        """
        if not NUM_FRAMES[0] <= num_frames <= NUM_FRAMES[1]:
            raise InputError(f"{num_frames} steps were asked for. Choose from {NUM_FRAMES[0]} to {NUM_FRAMES[1]}.")
        _check_size(size)
        _check_position("shape", shape)
        _check_position("appearance", appearance)
        _check_choice(interpolation, "interpolation", ("slerp", "linear"))
        _check_choice(quality, "quality", ("best", "fast"))
        frames = np.empty((num_frames, size, size, 3), np.uint8)
        with torch.inference_mode():
            first, last = self.prepare(a, size), self.prepare(b, size)
            alphas = choose_alphas(first, last, num_frames, self.codec, shape, appearance)
            at_once = FRAMES_AT_ONCE * 256 // max(size, 256)
            for start in range(0, num_frames, at_once):
                part = alphas[start : start + at_once]
                at = positions(part, shape, appearance)
                rendered = render_frames(first, last, at, self.codec, interpolation, quality)
                frames[start : start + len(part)] = images.to_uint8(rendered)
                if progress is not None:
                    progress(start + len(part), num_frames)
        unmasked = tuple(NO_MASK.format(letter) for letter, end in (("A", first), ("B", last)) if not end.separate)
        unrepaired = (NO_PRIOR,) if quality == "best" and not self.codec.repairs else ()
        return Morph(frames, alphas.numpy(), tuple(dict.fromkeys(a.warnings + b.warnings + unmasked + unrepaired)))

    def _tensor(self, face: AlignedFace) -> torch.Tensor:
        return images.to_tensor(face.image)

    def prepare(self, face: AlignedFace, size: int) -> Endpoint:
        """Make a face ready for any number of frames of side `size`; for `facemorph.morph`, which renders them."""
        return prepare(self._tensor(face), face.landmarks, size, self.codec)


class _Codec:
    """The networks as `facemorph.morph` sees them; bfloat16 where the processor multiplies it natively."""

    def __init__(
        self,
        model: Autoencoder,
        person_mask: PersonMask,
        pace: PaceNetwork,
        prior: LatentPrior | None,
        device: torch.device,
    ) -> None:
        self._model = model.to(device)
        self._person_mask = person_mask.to(device)
        self._pace = pace.to(device)
        self._prior = None if prior is None else prior.to(device)
        self._device = device
        self._reduced = device.type == "cuda" or _has_bfloat16()
        self.image_size = model.config.image_size
        self.repairs = prior is not None

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        with self._precision():
            z = self._model.encode(self._placed(x)).mode()
        return z.spatial.float().cpu(), None if z.compact is None else z.compact.float().cpu()

    def decode(self, spatial: torch.Tensor, compact: torch.Tensor | None) -> torch.Tensor:
        z = Latent(self._placed(spatial), None if compact is None else compact.to(self._device))
        with self._precision():
            return self._model.decode(z).float().cpu().contiguous()

    def repair(self, spatial: torch.Tensor, compact: torch.Tensor | None, divided: torch.Tensor) -> torch.Tensor:
        if self._prior is None or compact is None:
            return spatial
        noise = torch.zeros_like(spatial[:1])
        with self._precision():
            repaired: torch.Tensor = self._prior.refine(
                spatial.to(self._device),
                compact.to(self._device),
                REPAIR * divided.to(self._device),
                noise,
                REPAIR_STEPS,
            )
        return repaired.float().cpu()

    def change(self, frames: torch.Tensor) -> torch.Tensor:
        size = self._pace.config.image_size
        change: torch.Tensor = self._pace(self._placed(resize(frames, size)))
        return change.cpu()

    def parts(self, x: torch.Tensor) -> torch.Tensor:
        size = self._person_mask.config.image_size
        masks: torch.Tensor = self._person_mask.parts(self._placed(resize(x, size)))
        return masks.cpu()

    def _placed(self, x: torch.Tensor) -> torch.Tensor:
        return x.to(self._device).contiguous(memory_format=torch.channels_last)

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast(self._device.type, torch.bfloat16) if self._reduced else nullcontext()


def _has_bfloat16() -> bool:
    if not hasattr(torch.cpu, "get_capabilities"):
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _check_position(name: str, value: float | None) -> None:
    if value is not None and not 0.0 <= value <= 1.0:
        raise InputError(f"{name} is {value}. Choose a position from 0 (the first face) to 1 (the second).")


def _check_choice(value: str, name: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"'{value}' is no {name}. Choose {' or '.join(choices)}.")


def _check_size(size: int) -> None:
    if not SIZES[0] <= size <= SIZES[1] or size % 2:
        raise InputError(f"The size is {size} pixels. Choose an even number from {SIZES[0]} to {SIZES[1]}.")
