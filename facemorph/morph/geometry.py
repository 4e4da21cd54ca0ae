"""How a pair moves: where landmarks and outlines are at each position, and the flows that bring both photos there."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch

from facemorph.morph import maps, outline, ownership, views, warp
from facemorph.morph.endpoint import NUM_LANDMARKS, Endpoint
from facemorph.morph.ownership import Times
from facemorph.morph.views import Unshown
from facemorph.morph.warp import Sampler

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


@dataclass(frozen=True)
class Placed:
    """Both ends in the geometry of T frames: lists of two.

    Attributes:
        landmarks: (T, 68, 2) float64, parts of the side.
        samplers: along the flows to either photo.
        mirrored: along the flows to the mirror image of each place; None where no head turns.
        unshown: where that is needed; None where no head turns.
    """

    landmarks: torch.Tensor
    samplers: list[Sampler]
    mirrored: list[Sampler] | None = None
    unshown: Unshown | None = None


def place(a: Endpoint, b: Endpoint, at: Positions, times: Times) -> Placed:
    """Bring both ends to their geometry at each position.

    Hair goes with the face. Heads that are turned differently turn in three
    dimensions; what is round them follows their contours.
    """
    head = turning(a, b, at.shape, times)
    shares = torch.lerp(head.unsqueeze(1), opening(a, b, at.shape, times).unsqueeze(1), _jaw())
    landmarks = torch.lerp(a.landmarks, b.landmarks, shares.double().unsqueeze(2))
    turned = views.turned(a.textured, b.textured)
    if a.textured is None or b.textured is None or turned == 0:
        return Placed(landmarks, _flat(a, b, head, landmarks, [a.landmarks, b.landmarks]))
    seen = views.draw(a.textured, b.textured, head, shares)
    own = [torch.lerp(x.landmarks, x.textured.landmarks, turned) for x in (a, b) if x.textured is not None]
    landmarks = torch.lerp(landmarks, seen.landmarks, turned)
    flat = _flat(a, b, head, landmarks, own)
    flows = [torch.lerp(sample.flow, flow, seen.front) for sample, flow in zip(flat, seen.flows, strict=True)]
    mirrored = [Sampler(torch.lerp(flow, x, seen.front)) for flow, x in zip(flows, seen.mirrored, strict=True)]
    return Placed(landmarks, [Sampler(x) for x in flows], mirrored, seen.unshown)


def _flat(
    a: Endpoint,
    b: Endpoint,
    head: torch.Tensor,
    landmarks: torch.Tensor,
    own: list[torch.Tensor],
) -> list[Sampler]:
    """Return samplers along splines that bring the `own` landmarks (68, 2) of both ends to `landmarks` (T, 68, 2)."""
    anchors = outline.anchors(a.radii, b.radii)
    centre = _between(a.between_eyes, b.between_eyes, head).unsqueeze(1)
    border = _between(a.points[NUM_LANDMARKS:], b.points[NUM_LANDMARKS:], head)
    target = torch.cat([landmarks, border, centre + anchors], 1)
    ends = [
        torch.cat([marks, end.points[NUM_LANDMARKS:], end.between_eyes + anchors])
        for end, marks in zip((a, b), own, strict=True)
    ]
    return [Sampler(flow) for flow in warp.backward_flows(target, *ends)]


def landmarks_at(a: Endpoint, b: Endpoint, shape: torch.Tensor, times: Times) -> torch.Tensor:
    """Return the landmarks at each of (T,) positions, (T, 68, 2) float64."""
    return place(a, b, Positions(shape, shape, shape), times).landmarks


@functools.cache
def _jaw() -> torch.Tensor:
    """Return how far each landmark goes with the mouth, (68,) in [0, 1]."""
    share = torch.zeros(NUM_LANDMARKS)
    share[MOUTH] = 1
    share[CHIN - len(BESIDE_CHIN) : CHIN + len(BESIDE_CHIN) + 1] = torch.tensor([*BESIDE_CHIN, 1, *BESIDE_CHIN[::-1]])
    return share


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
