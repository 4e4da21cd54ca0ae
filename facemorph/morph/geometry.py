"""How a pair moves: where landmarks and outlines are at each position, and the flows that bring both photos there."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from facemorph.morph import maps, outline, ownership, warp
from facemorph.morph.endpoint import Endpoint

TURNING = 0.28
"""Part of the morph in which a head turns."""
TURN_SHARE = 0.95
"""Share of the way of landmarks that heads turned differently go in that time."""


@dataclass(frozen=True)
class Positions:
    """Where the frames of a morph stand between its ends.

    Attributes:
        alphas: (T,) in [0, 1], what the frames are called by.
        shape: (T,) in [0, 1], where the geometry stands.
        appearance: (T,) in [0, 1], where colours, hair and all the rest stand.
    """

    alphas: torch.Tensor
    shape: torch.Tensor
    appearance: torch.Tensor


def positions(alphas: torch.Tensor, shape: float | None = None, appearance: float | None = None) -> Positions:
    """Return positions (T,) whose shape and appearance follow the alphas, or are held where a number is given."""
    held = (alphas if value is None else torch.full_like(alphas, value) for value in (shape, appearance))
    return Positions(alphas, *held)


def flows(a: Endpoint, b: Endpoint, positions: Positions) -> list[torch.Tensor]:
    """Return the backward flows (T, 2, g, g) of both ends to their geometry at each position.

    The face follows the shape; the outline of hair is appearance.
    """
    radii_a, radii_b, direction = outline.shared_radii(a.radii, b.radii)
    shape = _turning(a, b, positions.shape)
    centre = _between(a.between_eyes, b.between_eyes, shape).unsqueeze(1)
    reach = _between(radii_a, radii_b, positions.appearance).unsqueeze(2)
    target = torch.cat([_between(a.points, b.points, shape), centre + reach * direction], 1)
    ends = [
        torch.cat([end.points, end.between_eyes + radii.unsqueeze(1) * direction])
        for end, radii in ((a, radii_a), (b, radii_b))
    ]
    return warp.backward_flows(target, *ends)


def landmarks_at(a: Endpoint, b: Endpoint, shape: torch.Tensor) -> torch.Tensor:
    """Return the landmarks at each of (T,) positions, (T, 68, 2) float64."""
    return _between(a.landmarks, b.landmarks, _turning(a, b, shape))


def _turning(a: Endpoint, b: Endpoint, shape: torch.Tensor) -> torch.Tensor:
    """Return where the geometry of (T,) positions stands: heads turn while they change hands.

    What a photo does not show of a head that turns is smeared, so a photo is turned little for as long as it is seen.
    """
    turned = ownership.turned(a.traits, b.traits)
    middle = ownership.whole_time(a.traits, b.traits) if turned == 1 else 0.5
    return torch.lerp(shape, maps.smoothstep((shape - middle) / TURNING + 0.5), TURN_SHARE * turned)


def _between(a: torch.Tensor, b: torch.Tensor, alphas: torch.Tensor) -> torch.Tensor:
    return torch.lerp(a.unsqueeze(0), b.unsqueeze(0), alphas.double().reshape(-1, *[1] * a.ndim))
