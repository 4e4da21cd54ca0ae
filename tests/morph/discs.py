"""People drawn as discs, for what is known about their places."""

from __future__ import annotations

import torch

from facemorph.morph import regions
from facemorph.morph.regions import Regions

SIDE = regions.MAP_SIZE


def disc(radius: float) -> torch.Tensor:
    """Return a disc in the middle of the crop, (1, 1, SIDE, SIDE)."""
    ticks = (torch.arange(SIDE) + 0.5) / SIDE - 0.5
    return ((ticks[:, None].square() + ticks.square()).sqrt() < radius).float()[None, None]


def parts(person: float, hair: float = 0.0) -> torch.Tensor:
    """Return a person of radius `person` whose hair begins at radius `hair`; 0 for no hair."""
    whole = disc(person)
    return torch.cat([whole, whole * (1 - disc(hair)) if hair else torch.zeros_like(whole)], 1)


def shown(masks: torch.Tensor, picture: torch.Tensor | None = None) -> Regions:
    """Measure these masks over a picture, (1, 3, s, s) in [0, 1]; white where none is given."""
    white = torch.ones(1, 3, SIDE, SIDE)
    return regions.measure(regions.kinds(masks), white if picture is None else picture)
