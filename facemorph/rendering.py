"""Frames of aligned faces, wired to the networks: between two people, or of one head that turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from facemorph import attributes, images
from facemorph.align import AlignedFace
from facemorph.attributes import Curve
from facemorph.editing import Editing
from facemorph.errors import NoHeadError
from facemorph.head import Head
from facemorph.morph import (
    Endpoint,
    Pair,
    Positions,
    join,
    landmarks_at,
    positions,
    prepare,
    render_frames,
    turn,
)
from facemorph.networks import Networks
from facemorph.settings import Interpolation, Quality

FRAMES_AT_ONCE = 12
"""Frames up to 256 px that are rendered together; fewer of larger ones, which fill the processor's cache sooner."""
NO_PRIOR = "This autoencoder has no latent prior, so the frames are as with the quality 'fast'."
NO_HEAD = "No head explains this face, so it cannot be turned. Take a photo that shows eyes, nose and mouth."
NO_POSE = "No head explains the face in photo {}, so it is taken as seen from the front."
NO_MASK = (
    "The person in photo {} could not be told from the background, "
    "so hair and background change at once with the rest of the picture."
)

Frames = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Prepared:
    """Two people, ready for any number of frames.

    Attributes:
        pair: both photos.
        present: (2, K) in [-1, 1], what the faces have already of the attributes that are edited; None without edits.
        curves: what is edited along the way.
        interpolation, quality: how the codes are blended and repaired.
    """

    pair: Pair
    present: torch.Tensor | None
    curves: Mapping[str, Curve]
    interpolation: Interpolation
    quality: Quality


class Rendering:
    """Makes frames. Without a head that all faces share, heads don't turn on the way, and none can be turned."""

    def __init__(self, networks: Networks, editing: Editing, head: Head | None) -> None:
        self._networks, self._editing, self._head = networks, editing, head

    def endpoint(self, face: AlignedFace, size: int) -> Endpoint:
        """Make a face ready for any number of frames of side `size`."""
        return prepare(images.to_tensor(face.image), face.landmarks, size, self._networks, self._head)

    def prepared(
        self,
        a: AlignedFace,
        b: AlignedFace,
        size: int,
        curves: Mapping[str, Curve],
        interpolation: Interpolation,
        quality: Quality,
    ) -> Prepared:
        """Make two faces ready for any number of frames of side `size`."""
        pair = join(self.endpoint(a, size), self.endpoint(b, size))
        present = self._editing.present(a, b) if curves else None
        return Prepared(pair, present, curves, interpolation, quality)

    def frames(self, people: Prepared, at: Positions) -> Frames:
        """Render frames (T, S, S, 3); what the faces have already fades from one to the other."""
        rendered = render_frames(people.pair, at, self._networks, people.interpolation, people.quality)
        if people.present is not None:
            had = torch.lerp(people.present[:1], people.present[1:], at.appearance.unsqueeze(1))
            points = landmarks_at(*people.pair.ends, at.shape, people.pair.times)
            rendered = self._editing.apply(rendered, points, had, at.alphas, people.curves)
        return images.to_uint8(rendered)

    def some_at_a_time(
        self, people: Prepared, alphas: torch.Tensor, size: int, shape: float | None, appearance: float | None
    ) -> Iterator[Frames]:
        """Yield all frames, as many at once as the processor's cache holds."""
        for start in range(0, len(alphas), _at_once(size)):
            part = alphas[start : start + _at_once(size)]
            yield self.frames(people, positions(part, shape, appearance))

    def warnings(self, people: Prepared) -> tuple[str, ...]:
        """Return what is worth knowing about all frames, and about the edits at both ends."""
        ends = list(zip("AB", people.pair.ends, strict=True))
        said = tuple(NO_MASK.format(letter) for letter, end in ends if not end.separate)
        if self._head is not None:
            said += tuple(NO_POSE.format(letter) for letter, end in ends if end.textured is None)
        if people.quality == "best" and not self._networks.repairs:
            said += (NO_PRIOR,)
        if people.present is not None:
            said += self._editing.warnings(attributes.strengths_for(people.curves, "first"), people.present[0])
            said += self._editing.warnings(attributes.strengths_for(people.curves, "last"), people.present[1])
        return said

    def turned(self, face: AlignedFace, yaw: float, pitch: float, parts: torch.Tensor, size: int) -> Frames:
        """Turn the head of one face by (T,) parts of yaw and pitch, degrees; (T, S, S, 3).

        Raises:
            NoHeadError: no head explains the face.
        """
        frames = turn(self.endpoint(face, size), yaw, pitch, parts, _at_once(size))
        if frames is None:
            raise NoHeadError(NO_HEAD)
        return images.to_uint8(frames)


def _at_once(size: int) -> int:
    return FRAMES_AT_ONCE * 256 // max(size, 256)
