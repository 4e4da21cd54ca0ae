"""How a pair moves: where landmarks and outlines are at each position, and the flows that bring both photos there."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from facemorph.morph import maps, outline, ownership, warp
from facemorph.morph.endpoint import NUM_LANDMARKS, Endpoint
from facemorph.morph.ownership import Times

MOVING = 0.28
"""Part of the morph in which a head turns, and a mouth opens."""
MOVE_SHARE = 0.95
"""Share of their way that landmarks go in that time."""
OPENS = 0.15
"""Difference of `Traits.gape` from which one of two mouths is open."""
MOUTH, CHIN = slice(48, 68), 8
BESIDE_CHIN = (0.15, 0.4, 0.7, 0.9)
"""How much the landmarks on either side of the chin follow it, farthest first."""


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


def flows(a: Endpoint, b: Endpoint, at: Positions, times: Times) -> list[torch.Tensor]:
    """Return the backward flows (T, 2, g, g) of both ends to their geometry at each position.

    The face follows the shape; the outline of hair is appearance.
    """
    radii_a, radii_b, direction = outline.shared_radii(a.radii, b.radii)
    head = turning(a, b, at.shape, times)
    centre = _between(a.between_eyes, b.between_eyes, head).unsqueeze(1)
    reach = _between(radii_a, radii_b, at.appearance).unsqueeze(2)
    border = _between(a.points[NUM_LANDMARKS:], b.points[NUM_LANDMARKS:], head)
    target = torch.cat([landmarks_at(a, b, at.shape, times), border, centre + reach * direction], 1)
    ends = [
        torch.cat([end.points, end.between_eyes + radii.unsqueeze(1) * direction])
        for end, radii in ((a, radii_a), (b, radii_b))
    ]
    return warp.backward_flows(target, *ends)


def landmarks_at(a: Endpoint, b: Endpoint, shape: torch.Tensor, times: Times) -> torch.Tensor:
    """Return the landmarks at each of (T,) positions, (T, 68, 2) float64: those of the jaw follow it, in part."""
    head, jaw = (_between(a.landmarks, b.landmarks, f(a, b, shape, times)) for f in (turning, opening))
    share = head.new_zeros(NUM_LANDMARKS, 1)
    share[MOUTH] = 1
    share[CHIN - len(BESIDE_CHIN) : CHIN + len(BESIDE_CHIN) + 1, 0] = torch.tensor(
        [*BESIDE_CHIN, 1, *BESIDE_CHIN[::-1]]
    )
    return torch.lerp(head, jaw, share)


def opening(a: Endpoint, b: Endpoint, shape: torch.Tensor, times: Times) -> torch.Tensor:
    """Return where the jaw of (T,) positions stands: a mouth opens while it changes hands.

    So no photo's is drawn far open, nor shut.
    """
    opens = min(abs(a.traits.gape - b.traits.gape) / OPENS, 1.0)
    return torch.lerp(turning(a, b, shape, times), _round(shape, times), MOVE_SHARE * opens)


def turning(a: Endpoint, b: Endpoint, shape: torch.Tensor, times: Times) -> torch.Tensor:
    """Return where the geometry of (T,) positions stands: heads turn while they change hands.

    What a photo does not show of a head that turns is smeared, so a photo is turned little for as long as it is seen.
    """
    return torch.lerp(shape, _round(shape, times), MOVE_SHARE * ownership.turned(a.traits, b.traits))


def _round(shape: torch.Tensor, times: Times) -> torch.Tensor:
    """Return positions at which all moves while the head changes hands."""
    return maps.smoothstep((shape - times.outer) / MOVING + 0.5)


def _between(a: torch.Tensor, b: torch.Tensor, alphas: torch.Tensor) -> torch.Tensor:
    return torch.lerp(a.unsqueeze(0), b.unsqueeze(0), alphas.double().reshape(-1, *[1] * a.ndim))
