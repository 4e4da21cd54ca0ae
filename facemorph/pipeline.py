"""`FaceMorpher`: align → encode → morph → decode → render, wired together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from facemorph import attributes, checkpoint, images
from facemorph.align import AlignedFace, Aligner
from facemorph.attributes import Curve
from facemorph.codec import Codec
from facemorph.errors import InputError
from facemorph.models import AttributeEditor, Autoencoder, LatentPrior, PaceNetwork, PersonMask, load_autoencoder
from facemorph.morph import (
    Endpoint,
    Interpolation,
    Positions,
    Quality,
    choose_alphas,
    edit_pictures,
    landmarks_at,
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
ATTRIBUTE_EDITOR = checkpoint.CHECKPOINTS / "attribute-editor"
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
        editor: AttributeEditor | None = None,
    ) -> None:
        self.codec = Codec(model, person_mask, pace, prior, editor, torch.device(device))
        self._aligner = aligner
        self._known: tuple[str, ...] = () if editor is None else editor.config.attributes
        self._offered: tuple[str, ...] = () if editor is None else editor.config.offered

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes that `edit` and `morph` can change."""
        return self._offered

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
        own = path is None  # prior and editor know one autoencoder's codes
        prior = LatentPrior.from_checkpoint(LATENT_PRIOR) if own else None
        editor = AttributeEditor.from_checkpoint(ATTRIBUTE_EDITOR) if own else None
        person_mask = PersonMask.from_checkpoint(PERSON_MASK)
        pace = PaceNetwork.from_checkpoint(PACE_NETWORK)
        return cls(model, person_mask, pace, Aligner.load(aligner, device=device), prior, device, editor)

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

    def edit(self, face: AlignedFace, strengths: Mapping[str, float], size: int = 256) -> npt.NDArray[np.uint8]:
        """Change attributes of one face and keep the person, the rest of the face and the background.

        Args:
            face: the face.
            strengths: by attribute, in [-1, 1]; 0 changes nothing.
            size: side in pixels.

        Returns:
            (size, size, 3) uint8.

        Raises:
            UnknownAttributeError: an attribute that is not among `attributes`.
            StrengthError: a strength out of range.
            InputError: another setting out of range.
        """
        _check_size(size)
        attributes.check_strengths(strengths, self.attributes)
        with torch.inference_mode():
            picture = resize(self._tensor(face), size).clamp(0, 1)
            if not any(strengths.values()):
                return np.asarray(images.to_uint8(picture)[0])
            present = self._present(face)
            points = (torch.from_numpy(face.landmarks).double() + 0.5).unsqueeze(0) / face.image.shape[0]
            curves = {name: (strength,) for name, strength in strengths.items()}
            edited = self._changed(picture, present, points, torch.zeros(1), curves)
        return np.asarray(images.to_uint8(edited)[0])

    def edit_warnings(self, face: AlignedFace, strengths: Mapping[str, float]) -> tuple[str, ...]:
        """Return what is worth knowing about an edit: attributes that the face has already, or that contradict.

        Raises:
            UnknownAttributeError: an attribute that is not among `attributes`.
            StrengthError: a strength out of range.
        """
        attributes.check_strengths(strengths, self.attributes)
        if not any(strengths.values()):
            return ()
        with torch.inference_mode():
            return self._warnings_of(strengths, self._present(face)[0])

    def frame(
        self,
        a: AlignedFace,
        b: AlignedFace,
        alpha: float,
        size: int = 256,
        *,
        shape: float | None = None,
        quality: Quality = "best",
        edits: Mapping[str, Curve] | None = None,
    ) -> npt.NDArray[np.uint8]:
        """Render one frame.

        Args:
            a, b: both faces.
            alpha: position in [0, 1]; 0 shows `a`, 1 shows `b`.
            size: side in pixels.
            shape: where the geometry stands, in [0, 1]; None takes it along with alpha. Alpha 0 and shape 1 give the
                first face in the second one's shape.
            quality: "best" lets the latent prior repair what the two photos leave, "fast" does not.
            edits: attributes to change, as in `morph`.

        Returns:
            (size, size, 3) uint8.

        Raises:
            InputError: a setting out of range.
        """
        _check_position("alpha", alpha)
        _check_position("shape", shape)
        _check_size(size)
        _check_choice(quality, "quality", ("best", "fast"))
        attributes.check_curves(edits or {}, self.attributes)
        with torch.inference_mode():
            ends = self.prepare(a, size), self.prepare(b, size)
            at = positions(torch.tensor([float(alpha)]), shape)
            rendered = render_frames(ends[0], ends[1], at, self.codec, quality=quality)
            if edits:
                rendered = self._edited(rendered, self._present(a, b), ends, at, edits)
            frames = images.to_uint8(rendered)
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
        edits: Mapping[str, Curve] | None = None,
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
            edits: attributes to change along the way: for each, its strengths in [-1, 1] at even distances from `a` to
                `b` (`facemorph.attributes.curve` makes the usual ones).

        Raises:
            UnknownAttributeError: an attribute that is not among `attributes`.
            StrengthError: a strength out of range.
            InputError: another setting out of range.
        """
        if not NUM_FRAMES[0] <= num_frames <= NUM_FRAMES[1]:
            raise InputError(f"{num_frames} steps were asked for. Choose from {NUM_FRAMES[0]} to {NUM_FRAMES[1]}.")
        _check_size(size)
        _check_position("shape", shape)
        _check_position("appearance", appearance)
        _check_choice(interpolation, "interpolation", ("slerp", "linear"))
        _check_choice(quality, "quality", ("best", "fast"))
        attributes.check_curves(edits or {}, self.attributes)
        frames = np.empty((num_frames, size, size, 3), np.uint8)
        with torch.inference_mode():
            first, last = self.prepare(a, size), self.prepare(b, size)
            alphas = choose_alphas(first, last, num_frames, self.codec, shape, appearance)
            both = self._present(a, b) if edits else None
            at_once = FRAMES_AT_ONCE * 256 // max(size, 256)
            for start in range(0, num_frames, at_once):
                part = alphas[start : start + at_once]
                at = positions(part, shape, appearance)
                rendered = render_frames(first, last, at, self.codec, interpolation, quality)
                if edits and both is not None:
                    rendered = self._edited(rendered, both, (first, last), at, edits)
                frames[start : start + len(part)] = images.to_uint8(rendered)
                if progress is not None:
                    progress(start + len(part), num_frames)
        unmasked = tuple(NO_MASK.format(letter) for letter, end in (("A", first), ("B", last)) if not end.separate)
        unrepaired = (NO_PRIOR,) if quality == "best" and not self.codec.repairs else ()
        said = a.warnings + b.warnings + unmasked + unrepaired
        if edits and both is not None:
            said += self._warnings_of(attributes.strengths_for(edits, "first"), both[0])
            said += self._warnings_of(attributes.strengths_for(edits, "last"), both[1])
        return Morph(frames, alphas.numpy(), tuple(dict.fromkeys(said)))

    def _edited(
        self,
        frames: torch.Tensor,
        both: torch.Tensor,
        ends: tuple[Endpoint, Endpoint],
        at: Positions,
        edits: Mapping[str, Curve],
    ) -> torch.Tensor:
        """Return frames of a morph with their attributes changed.

        What the faces have already, `both` (2, K), fades from one to the other.
        """
        present = torch.lerp(both[:1], both[1:], at.appearance.unsqueeze(1))
        return self._changed(frames, present, landmarks_at(*ends, at.shape), at.alphas, edits)

    def _changed(
        self,
        pictures: torch.Tensor,
        present: torch.Tensor,
        points: torch.Tensor,
        alphas: torch.Tensor,
        edits: Mapping[str, Curve],
    ) -> torch.Tensor:
        readings = [present.numpy(), self.codec.likely(present).numpy()]  # what one of them allows is done
        added = attributes.changes_along(edits, self._known, readings, alphas.numpy())
        kinds = [attributes.ATTRIBUTES[name] for name in self._known]
        return edit_pictures(pictures, points, present, torch.from_numpy(added), kinds, self.codec)

    def _present(self, *faces: AlignedFace) -> torch.Tensor:
        """Return how far faces have each attribute that the editor knows, (N, K) in [-1, 1]."""
        size = self.codec.image_size
        return torch.cat([self.codec.present(resize(self._tensor(face), size)) for face in faces])

    def _warnings_of(self, strengths: Mapping[str, float], present: torch.Tensor) -> tuple[str, ...]:
        likely = self.codec.likely(present.unsqueeze(0))[0].tolist()
        return attributes.edit_warnings(strengths, dict(zip(self._known, likely, strict=True)))

    def _tensor(self, face: AlignedFace) -> torch.Tensor:
        return images.to_tensor(face.image)

    def prepare(self, face: AlignedFace, size: int) -> Endpoint:
        """Make a face ready for any number of frames of side `size`; for `facemorph.morph`, which renders them."""
        return prepare(self._tensor(face), face.landmarks, size, self.codec)


def _check_position(name: str, value: float | None) -> None:
    if value is not None and not 0.0 <= value <= 1.0:
        raise InputError(f"{name} is {value}. Choose a position from 0 (the first face) to 1 (the second).")


def _check_choice(value: str, name: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"'{value}' is no {name}. Choose {' or '.join(choices)}.")


def _check_size(size: int) -> None:
    if not SIZES[0] <= size <= SIZES[1] or size % 2:
        raise InputError(f"The size is {size} pixels. Choose an even number from {SIZES[0]} to {SIZES[1]}.")
