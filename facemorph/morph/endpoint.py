"""A face as one end of a morph."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from facemorph.head import Head
from facemorph.morph import layers, maps, mattes, outline, regions, traits, views, warp
from facemorph.morph.codec import Codec
from facemorph.morph.landmark_windows import MAP_SIZE
from facemorph.morph.layers import Layers
from facemorph.morph.regions import Regions
from facemorph.morph.traits import Traits
from facemorph.morph.views import TexturedHead

NUM_LANDMARKS = 68
LEAST_PERSON = 0.6
"""A mask that leaves out more of the face than this has failed."""


@dataclass(frozen=True)
class Endpoint:
    """A face as one end of a morph.

    Attributes:
        crop: (1, 3, S, S) in [0, 1].
        small: (1, 3, m, m), the same, small.
        points: (N, 2) float64 control points, parts of the side.
        layers: the crop, taken apart.
        regions: where they lie.
        radii: (D,) float64, how far the head reaches (`outline.radii`).
        traits: of the face.
        compact: (1, D) code, who the face is; None where the autoencoder has none.
        textured: the photo on its own head; None where no head explains it.
        separate: whether the person could be told from the background; else all of the crop counts as body.
    """

    crop: torch.Tensor
    small: torch.Tensor
    points: torch.Tensor
    layers: Layers
    regions: Regions
    radii: torch.Tensor
    traits: Traits
    compact: torch.Tensor | None
    textured: TexturedHead | None
    separate: bool

    @property
    def landmarks(self) -> torch.Tensor:
        """(68, 2) float64, parts of the side."""
        return self.points[:NUM_LANDMARKS]

    @property
    def crown(self) -> torch.Tensor:
        """(2,) float32, the place of the upper edge of the crop over the nose, parts of the side."""
        return torch.stack([self.points[27, 0], torch.zeros((), dtype=self.points.dtype)]).float()

    @property
    def between_eyes(self) -> torch.Tensor:
        """(2,) float64, parts of the side."""
        return self.points[36:48].mean(0)


def prepare(
    crop: torch.Tensor, landmarks: npt.NDArray[np.float32], size: int, codec: Codec, head: Head | None = None
) -> Endpoint:
    """Make a face ready for any number of frames.

    Args:
        crop: (1, 3, C, C) in [0, 1], the canonical crop.
        landmarks: (68, 2) float32, pixels of the crop.
        size: side S of the frames in pixels.
        codec: the networks.
        head: the mean head; without it faces turn in the plane of the picture.
    """
    points = warp.control_points(landmarks, crop.shape[-1])
    sized = maps.resize(crop, size).clamp(0, 1)
    classes = codec.classes(crop)
    drawn = mattes.draw(mattes.kinds(classes), sized)
    kinds = layers.refine(sized, drawn / drawn.sum(1, keepdim=True).clamp_min(1e-6))
    person = maps.resize(1 - kinds[:, :1], regions.OUTLINE_SIZE)
    separate = bool(regions.at_points(person, points[:NUM_LANDMARKS]).mean() > LEAST_PERSON)
    if not separate:
        kinds = torch.tensor([0.0, 1.0, 0.0, 0.0]).reshape(1, 4, 1, 1).expand_as(kinds)
        person = torch.ones_like(person)
    small, whole = maps.resize(crop, codec.image_size), layers.split(sized, kinds)
    marks = points[:NUM_LANDMARKS].float().numpy()
    bearded = traits.beard(small, marks)
    places = regions.measure(kinds, classes, whole, points[:NUM_LANDMARKS], bearded)
    seen = regions.at_points(places.seen, points[:NUM_LANDMARKS])[0, 0]
    tone = places.tones[0]
    skin = () if tone is None else tuple(tone[0].tolist())
    return Endpoint(
        sized,
        maps.resize(sized, MAP_SIZE),
        points,
        whole,
        places,
        outline.radii(person, points[36:48].mean(0)),
        traits.read(small, marks, seen.numpy(), bearded, skin, float(classes[:, regions.GLASSES].mean())),
        codec.encode(small)[1],
        None if head is None else views.texture(head, points[:NUM_LANDMARKS].numpy(), places.seen * places.skin),
        separate,
    )


def reduced(end: Endpoint, size: int) -> Endpoint:
    """Return a face for frames of another side."""
    whole = end.layers
    body, hair, background, crop = (maps.resize(x, size) for x in (whole.body, whole.hair, whole.background, end.crop))
    hat = None if whole.hat is None else maps.resize(whole.hat, size)
    places = replace(end.regions, outline=maps.resize(end.regions.outline, size))
    return replace(end, crop=crop, layers=Layers(body, hair, hat, whole.hat_span, background), regions=places)
