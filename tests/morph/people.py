"""Drawn people whose parts are known, as ends of a morph without any network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from facemorph.morph import endpoint
from facemorph.morph.endpoint import Endpoint
from tests.drawn import template

SIZE = 128
UNIT, CENTRE = 0.17, (0.5, 0.45)
"""Distance between the eyes, and the place between them, parts of the side."""
BACKGROUND, SKIN, HAIR, HAT, CLOTH = 0, 1, 13, 14, 18
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Person:
    """Somebody drawn.

    Attributes:
        crop: (1, 3, SIZE, SIZE) in [0, 1].
        label: (SIZE, SIZE), the class of each place.
        landmarks: (68, 2) in pixels.
    """

    crop: torch.Tensor
    label: torch.Tensor
    landmarks: npt.NDArray[np.float32]


class Known:
    """A codec that knows the parts of one person."""

    image_size = 128

    def __init__(self, label: torch.Tensor) -> None:
        self._classes = F.one_hot(label, 19).permute(2, 0, 1)[None].float()

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        return F.avg_pool2d(x, 8), None

    def decode(self, spatial: torch.Tensor, compact: torch.Tensor | None) -> torch.Tensor:
        return F.interpolate(spatial, scale_factor=8)

    def parts(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([1 - self._classes[:, :1], self._classes[:, HAIR : HAIR + 1]], 1)

    def classes(self, x: torch.Tensor) -> torch.Tensor:
        return self._classes


def draw_person(
    hair: float = 0.0,
    length: float = 0.0,
    hat: float = 0.0,
    skin: Colour = (0.8, 0.6, 0.5),
    hair_colour: Colour = (0.3, 0.2, 0.1),
    hat_colour: Colour = (0.1, 0.5, 0.2),
    backdrop: Colour = (0.4, 0.5, 0.7),
    texture: float = 0.0,
) -> Person:
    """Draw somebody; lengths are in distances between the eyes.

    Args:
        hair: how far hair stands off the head; 0 for a bald one.
        length: how far it falls beside the face, from the eyes down.
        hat: how far a hat rises over the forehead; 0 for none.
        skin, hair_colour, hat_colour, backdrop: RGB in [0, 1].
        texture: standard deviation of noise.
    """
    ticks = (np.arange(SIZE) + 0.5) / SIZE
    x, y = np.meshgrid((ticks - CENTRE[0]) / UNIT, (ticks - CENTRE[1]) / UNIT)
    face = (x / 1.05) ** 2 + ((y - 0.35) / 1.25) ** 2 < 1
    label = np.zeros((SIZE, SIZE), int)
    if hair or length:
        head = (x / (1.05 + hair)) ** 2 + ((y + 0.1) / (1.1 + hair)) ** 2 < 1
        label[head & (y < 0.3)] = HAIR
        label[(np.abs(x) < 1.05 + hair) & (np.abs(x) > 0.8) & (y >= 0) & (y < length)] = HAIR
    label[(np.abs(x) < 0.6) & (y > 1.2)] = SKIN
    label[(np.abs(x) < 1.8) & (y > 2.2)] = CLOTH
    label[face & ((y > -0.5) | (label != HAIR))] = SKIN
    if hat:
        label[(np.abs(x) < 1.2) & (y < -0.45) & (y > -0.6 - hat)] = HAT
    colours = {BACKGROUND: backdrop, SKIN: skin, HAIR: hair_colour, HAT: hat_colour, CLOTH: (0.2, 0.2, 0.3)}
    picture = np.zeros((SIZE, SIZE, 3))
    for which, colour in colours.items():
        picture[label == which] = colour
    for eye in (-0.5, 0.5):
        picture[((x - eye) / 0.2) ** 2 + (y / 0.1) ** 2 < 1] = (0.1, 0.1, 0.1)
    picture[(x / 0.4) ** 2 + ((y - 1.05) / 0.12) ** 2 < 1] = (0.6, 0.2, 0.2)
    picture += texture * np.random.default_rng(0).standard_normal(picture.shape)
    crop = torch.from_numpy(picture.clip(0, 1)).float().permute(2, 0, 1)[None]
    landmarks = (template() * UNIT + CENTRE) * SIZE - 0.5
    return Person(crop, torch.from_numpy(label), landmarks.astype(np.float32))


def end_of(person: Person, size: int = SIZE) -> Endpoint:
    """Make somebody drawn one end of a morph."""
    return endpoint.prepare(person.crop, person.landmarks, size, Known(person.label))
