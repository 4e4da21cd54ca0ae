"""`FaceMorpher`: align → encode → morph → decode → render, wired together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from facemorph import attributes, checkpoint, images, settings
from facemorph.align import AlignedFace, Aligner, check_faces
from facemorph.attributes import Curve
from facemorph.editing import Editing
from facemorph.models import (
    AttributeEditor,
    Autoencoder,
    LatentPrior,
    PaceNetwork,
    PartsParser,
    load_autoencoder,
)
from facemorph.morph import Endpoint, choose_alphas, classify, positions, resize
from facemorph.networks import Networks
from facemorph.rendering import Rendering
from facemorph.result import Morph
from facemorph.settings import Interpolation, Quality

DEFAULT_CHECKPOINT = checkpoint.CHECKPOINTS / "face-autoencoder"
PACE_NETWORK = checkpoint.CHECKPOINTS / "pace-network"
LATENT_PRIOR = checkpoint.CHECKPOINTS / "latent-prior"
PARTS_PARSER = checkpoint.CHECKPOINTS / "parts-parser"

Progress = Callable[[int, int], None]


class FaceMorpher:
    """Morphs faces. Holds the networks only; it may serve any number of users at once."""

    def __init__(
        self,
        model: Autoencoder,
        parser: PartsParser,
        pace: PaceNetwork,
        aligner: Aligner,
        prior: LatentPrior | None = None,
        device: str = "cpu",
        editor: AttributeEditor | None = None,
    ) -> None:
        self.networks = Networks(model, parser, pace, prior, editor, torch.device(device))
        self._editing = Editing(self.networks, None if editor is None else editor.config)
        self._aligner = aligner
        self._rendering = Rendering(self.networks, self._editing, None if aligner.head is None else aligner.head.coarse)

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes that `edit` and `morph` can change."""
        return self._editing.offered

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
            InputError: torch does not have the device.
        """
        settings.check_device(device)
        model = load_autoencoder(DEFAULT_CHECKPOINT if path is None else Path(path))
        own = path is None  # prior and editor know one autoencoder's codes
        prior = LatentPrior.from_checkpoint(LATENT_PRIOR) if own else None
        editor = AttributeEditor.from_checkpoint(checkpoint.ATTRIBUTE_EDITOR) if own else None
        pace = PaceNetwork.from_checkpoint(PACE_NETWORK)
        parser = PartsParser.from_checkpoint(PARTS_PARSER)
        return cls(model, parser, pace, Aligner.load(aligner, device=device), prior, device, editor)

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
        check_faces(face)
        with torch.inference_mode():
            small = resize(self._tensor(face), self.networks.image_size)
            frames = images.to_uint8(self.networks.decode(*self.networks.encode(small)))
        return np.asarray(frames[0])

    def parts(self, face: AlignedFace, size: int = 256) -> npt.NDArray[np.uint8]:
        """Tell which part of a head each place of a crop shows.

        Args:
            face: the face.
            size: side in pixels, even.

        Returns:
            (size, size) uint8: 0 background, 1 skin, … 13 hair, … 18 cloth, as `facemorph.models.parts_parser.CLASSES`
            names them; left and right are the person's own.

        Raises:
            InputError: no aligned face, or a size out of range.
        """
        check_faces(face)
        settings.check_size(size)
        with torch.inference_mode():
            return np.asarray(classify(self._tensor(face), size, self.networks)[0])

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
            InputError: no aligned faces, or another setting out of range.
        """
        check_faces(face)
        settings.check_size(size)
        attributes.check_strengths(strengths, self.attributes)
        with torch.inference_mode():
            picture = resize(self._tensor(face), size).clamp(0, 1)
            if not any(strengths.values()):
                return np.asarray(images.to_uint8(picture)[0])
            points = (torch.from_numpy(face.landmarks).double() + 0.5).unsqueeze(0) / face.image.shape[0]
            curves = {name: (strength,) for name, strength in strengths.items()}
            edited = self._editing.apply(picture, points, self._editing.present(face), torch.zeros(1), curves)
        return np.asarray(images.to_uint8(edited)[0])

    def edit_warnings(self, face: AlignedFace, strengths: Mapping[str, float]) -> tuple[str, ...]:
        """Return what is worth knowing about an edit: attributes that the face has already, or that contradict.

        Raises:
            UnknownAttributeError: an attribute that is not among `attributes`.
            StrengthError: a strength out of range.
        """
        check_faces(face)
        attributes.check_strengths(strengths, self.attributes)
        if not any(strengths.values()):
            return ()
        with torch.inference_mode():
            return self._editing.warnings(strengths, self._editing.present(face)[0])

    def frame(
        self,
        a: AlignedFace,
        b: AlignedFace,
        alpha: float,
        size: int = 256,
        *,
        shape: float | None = None,
        quality: Quality = "best",
        edits: Mapping[str, Curve | float] | None = None,
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
        check_faces(a, b)
        settings.check_position("alpha", alpha)
        settings.check_held("shape", shape)
        settings.check_size(size)
        settings.check_choice(quality, "quality", ("best", "fast"))
        curves = attributes.as_curves({} if edits is None else edits, self.attributes)
        with torch.inference_mode():
            people = self._rendering.prepared(a, b, size, curves, "slerp", quality)
            frames = self._rendering.frames(people, positions(torch.tensor([float(alpha)]), shape))
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
        edits: Mapping[str, Curve | float] | None = None,
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
                `b` (`facemorph.attributes.curve` makes the usual ones), or one for the whole way.

        Raises:
            UnknownAttributeError: an attribute that is not among `attributes`.
            StrengthError: a strength out of range.
            InputError: no aligned faces, or another setting out of range.
        """
        check_faces(a, b)
        settings.check_num_frames(num_frames)
        settings.check_size(size)
        settings.check_held("shape", shape)
        settings.check_held("appearance", appearance)
        settings.check_choice(interpolation, "interpolation", ("slerp", "linear"))
        settings.check_choice(quality, "quality", ("best", "fast"))
        curves = attributes.as_curves({} if edits is None else edits, self.attributes)
        frames = np.empty((num_frames, size, size, 3), np.uint8)
        with torch.inference_mode():
            people = self._rendering.prepared(a, b, size, curves, interpolation, quality)
            alphas = choose_alphas(people.pair, num_frames, self.networks, shape, appearance)
            done = 0
            for part in self._rendering.some_at_a_time(people, alphas, size, shape, appearance):
                frames[done : done + len(part)] = part
                done += len(part)
                if progress is not None:
                    progress(done, num_frames)
            said = a.warnings + b.warnings + self._rendering.warnings(people)
        return Morph(frames, alphas.numpy(), tuple(dict.fromkeys(said)))

    def turn(self, face: AlignedFace, yaw: float = 15.0, pitch: float = 0.0, size: int = 256) -> npt.NDArray[np.uint8]:
        """Turn the head of one face.

        Args:
            face: the face.
            yaw: degrees from -25 to 25, positive to the viewer's right.
            pitch: degrees from -15 to 15, positive upwards.
            size: side in pixels.

        Returns:
            (size, size, 3) uint8.

        Raises:
            InputError: no aligned face, a face that no head explains, or a setting out of range.
        """
        return np.asarray(self._turned(face, yaw, pitch, torch.ones(1), size)[0])

    def swing(
        self, face: AlignedFace, yaw: float = 15.0, pitch: float = 0.0, num_frames: int = 24, size: int = 256
    ) -> Morph:
        """Turn the head of one face from one side to the other: from (-yaw, -pitch) to (yaw, pitch).

        Args, raises: as `turn`, and the number of frames.
        """
        settings.check_num_frames(num_frames)
        alphas = torch.linspace(0, 1, num_frames)
        frames = self._turned(face, yaw, pitch, -torch.cos(torch.pi * alphas), size)
        return Morph(frames, alphas.numpy(), face.warnings)

    def _turned(
        self, face: AlignedFace, yaw: float, pitch: float, parts: torch.Tensor, size: int
    ) -> npt.NDArray[np.uint8]:
        check_faces(face)
        settings.check_turn(yaw, pitch)
        settings.check_size(size)
        with torch.inference_mode():
            return self._rendering.turned(face, float(yaw), float(pitch), parts, size)

    def _tensor(self, face: AlignedFace) -> torch.Tensor:
        return images.to_tensor(face.image)

    def prepare(self, face: AlignedFace, size: int) -> Endpoint:
        """Make a face ready for any number of frames of side `size`; for `facemorph.morph`, which renders them."""
        return self._rendering.endpoint(face, size)
