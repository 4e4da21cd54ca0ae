"""Both ends of a morph, brought to the geometry and the colours of the frames."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from facemorph.morph import contours, geometry, maps, ownership, tones
from facemorph.morph.endpoint import Endpoint
from facemorph.morph.geometry import Positions
from facemorph.morph.landmark_windows import MAP_SIZE
from facemorph.morph.layers import fill
from facemorph.morph.ownership import Times
from facemorph.morph.regions import Regions
from facemorph.morph.warp import Sampler

WARPED = ("kinds", "glasses", "seen", "skin", "mane")
"""Those of `Regions` that are warped with the colours."""
LEAST_HIDDEN = 0.05
"""What is taken from a mirror image nowhere by more than this is not."""


@dataclass(frozen=True)
class Warped:
    """Both ends in T frames: lists of two.

    Attributes:
        landmarks: (T, 68, 2) float64, parts of the side.
        samplers: along the flows to either photo.
        bodies: (T, 3, S, S).
        hairs: (T, 4, S, S), colours and matte.
        left: (T, 3, S, S), what the layers leave out of the photos.
        regions: what lies where.
        turned_up: (T, 1, g, g) in [0, 1], what of a body its photo does not show; None where no head turns.
    """

    landmarks: torch.Tensor
    samplers: list[Sampler]
    bodies: list[torch.Tensor]
    hairs: list[torch.Tensor]
    left: list[torch.Tensor]
    regions: list[Regions]
    turned_up: list[torch.Tensor] | None


def bring(
    ends: tuple[Endpoint, Endpoint], left: tuple[torch.Tensor, torch.Tensor], at: Positions, times: Times
) -> Warped:
    """Bring both ends, and what their layers leave out, to the frames at these positions."""
    placed = geometry.place(*ends, at, times)
    opened = geometry.opening(*ends, at.shape, times)
    bent = contours.shifts(placed.samplers, [end.regions for end in ends], opened)
    samplers = [sample.after(shift) for sample, shift in zip(placed.samplers, bent, strict=True)]
    parts = [
        torch.split(sample(torch.cat([end.layers.body[:, :3], end.layers.hair, rest], 1)), [3, 4, 3], 1)
        for end, rest, sample in zip(ends, left, samplers, strict=True)
    ]
    bodies, hairs, lefts = (list(both) for both in zip(*parts, strict=True))
    regions = [warp_regions(end.regions, sample) for end, sample in zip(ends, samplers, strict=True)]
    turned_up = None
    unshown = placed.unshown
    if placed.mirrored is not None and unshown is not None:
        turned_up = [x + y for x, y in zip(unshown.hidden, unshown.unseen, strict=True)]
        for number, needed in enumerate(ownership.present(at.appearance, times)):
            sample, hidden = placed.mirrored[number].after(bent[number]), unshown.hidden[number]
            chosen = needed & (hidden.amax((1, 2, 3)) > LEAST_HIDDEN)
            if chosen.any():
                photo = bodies[number], lefts[number], regions[number]
                completed = _complete(ends[number], photo, sample.only(chosen), hidden, unshown.both[number], chosen)
                bodies[number], lefts[number], regions[number] = completed
    bodies, hairs = _in_the_same_colours(bodies, hairs, regions, at.appearance)
    if unshown is not None:
        bodies = _lent(bodies, unshown.unseen)
        hairs = [_before(hair, behind) for hair, behind in zip(hairs, unshown.behind, strict=True)]
    return Warped(placed.landmarks, samplers, bodies, hairs, lefts, regions, turned_up)


def warp_regions(still: Regions, sample: Sampler) -> Regions:
    """Return regions along a flow; the outline stays as it is."""
    parts = [getattr(still, name) for name in WARPED]
    moved = torch.split(sample(torch.cat(parts, 1), "bilinear"), [x.shape[1] for x in parts], dim=1)
    kinds, glasses, seen, skin, mane = (x.clamp(0, 1) for x in moved)
    return replace(still, kinds=kinds, glasses=glasses, seen=seen, skin=skin, mane=mane)


def _complete(
    end: Endpoint,
    photo: tuple[torch.Tensor, torch.Tensor, Regions],
    sample: Sampler,
    hidden: torch.Tensor,
    both: torch.Tensor,
    chosen: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, Regions]:
    """Take the hidden places of the chosen (T,) frames from the mirror image, in the light of this side.

    Args:
        end: whose they are.
        photo: body, what is left out, and regions, of all frames.
        sample: along the flows to the mirror image, of the chosen frames.
        hidden, both: (T, 1, g, g) in [0, 1], as `views.Unshown` has them.
        chosen: (T,) bool.
    """
    (body, left, places), size = (photo[0].clone(), photo[1].clone(), photo[2]), photo[0].shape[-1]
    wide, mirrored = maps.enlarge(hidden[chosen], size), sample(end.layers.body[:, :3])
    small = maps.resize(mirrored, MAP_SIZE), maps.resize(body[chosen], MAP_SIZE)
    light = tones.difference(small, maps.resize(both[chosen], MAP_SIZE).clamp(0, 1))
    body[chosen] = torch.lerp(body[chosen], mirrored + maps.enlarge(light, size), wide)
    left[chosen] *= 1 - wide
    share, mirror = maps.enlarge(hidden[chosen], MAP_SIZE), warp_regions(end.regions, sample)
    pairs = (getattr(places, name) for name in WARPED), (getattr(mirror, name) for name in WARPED)
    kinds, glasses, seen, skin, mane = (
        _put(x, chosen, torch.lerp(x[chosen], y, share)) for x, y in zip(*pairs, strict=True)
    )
    return body, left, replace(places, kinds=kinds, glasses=glasses, seen=seen, skin=skin, mane=mane)


def _lent(bodies: list[torch.Tensor], unseen: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return bodies whose `unseen` places are the other's, and where it shows nothing either, of what lies around."""
    if max(float(x.max()) for x in unseen) <= LEAST_HIDDEN:
        return bodies
    size, lent = bodies[0].shape[-1], []
    for number, (body, own, other) in enumerate(zip(bodies, unseen, unseen[::-1], strict=True)):
        known = 1 - maps.resize(own, MAP_SIZE).clamp(0, 1)
        around = maps.enlarge(fill(maps.resize(body, MAP_SIZE), known), size)
        instead = torch.lerp(bodies[1 - number], around, maps.enlarge(other, size))
        lent.append(torch.lerp(body, instead, maps.enlarge(own, size)))
    return lent


def _before(hair: torch.Tensor, behind: torch.Tensor) -> torch.Tensor:
    """Return hair (T, 4, S, S) that is none on places which turn into view."""
    return torch.cat([hair[:, :3], hair[:, 3:] * (1 - maps.enlarge(behind, hair.shape[-1]))], 1)


def _put(x: torch.Tensor, chosen: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    x = x.clone()
    x[chosen] = values
    return x


def _in_the_same_colours(
    bodies: list[torch.Tensor], hairs: list[torch.Tensor], regions: list[Regions], alphas: torch.Tensor
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    skins, manes = (tuple(region.tones[number] for region in regions) for number in (0, 1))
    bodies, hairs = list(bodies), list(hairs)
    for number, toward in enumerate((alphas, 1 - alphas)):
        own, other = skins[number], skins[1 - number]
        if own is not None and other is not None:
            bodies[number] = tones.recolour(bodies[number], own, other, toward, regions[number].skin)
        own, other = manes[number], manes[1 - number]
        if own is not None and other is not None:
            mane, where = hairs[number][:, :3], regions[number].mane
            coloured = tones.recolour(mane, own, other, tones.HAIR_WAY * toward, where, tones.LIGHTER_HAIR)
            hairs[number] = torch.cat([coloured, hairs[number][:, 3:]], 1)
    return bodies, hairs
