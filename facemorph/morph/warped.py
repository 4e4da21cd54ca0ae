"""Both ends of a morph, brought to the geometry and the colours of the frames."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from facemorph.morph import contours, geometry, maps, tones
from facemorph.morph.endpoint import Endpoint
from facemorph.morph.geometry import Positions
from facemorph.morph.landmark_windows import MAP_SIZE
from facemorph.morph.ownership import Times
from facemorph.morph.regions import Regions
from facemorph.morph.warp import Sampler


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
        hidden: (T, 1, g, g) in [0, 1], what of a body is taken from its mirror image; None where no head turns.
    """

    landmarks: torch.Tensor
    samplers: list[Sampler]
    bodies: list[torch.Tensor]
    hairs: list[torch.Tensor]
    left: list[torch.Tensor]
    regions: list[Regions]
    hidden: list[torch.Tensor] | None


def bring(
    ends: tuple[Endpoint, Endpoint], left: tuple[torch.Tensor, torch.Tensor], at: Positions, times: Times
) -> Warped:
    """Bring both ends, and what their layers leave out, to the frames at these positions."""
    placed = geometry.place(*ends, at, times)
    opened = geometry.opening(*ends, at.shape, times)
    bent = contours.shifts(placed.samplers, [end.regions.outline for end in ends], opened)
    samplers = [sample.after(shift) for sample, shift in zip(placed.samplers, bent, strict=True)]
    parts = [
        torch.split(sample(torch.cat([end.layers.body[:, :3], end.layers.hair, rest], 1)), [3, 4, 3], 1)
        for end, rest, sample in zip(ends, left, samplers, strict=True)
    ]
    bodies, hairs, lefts = (list(both) for both in zip(*parts, strict=True))
    regions = [warp_regions(end.regions, sample) for end, sample in zip(ends, samplers, strict=True)]
    hidden = None
    if placed.mirrored is not None:
        hidden = placed.mirrored.hidden
        for number, end in enumerate(ends):
            sample, wide = (
                placed.mirrored.samplers[number].after(bent[number]),
                maps.enlarge(hidden[number], left[0].shape[-1]),
            )
            bodies[number] = _completed(
                bodies[number], sample(end.layers.body[:, :3]), wide, placed.mirrored.both[number]
            )
            lefts[number] = lefts[number] * (1 - wide)
            regions[number] = _mixed(
                regions[number], warp_regions(end.regions, sample), maps.enlarge(hidden[number], MAP_SIZE)
            )
    bodies, hairs = _in_the_same_colours(bodies, hairs, regions, at.appearance)
    return Warped(placed.landmarks, samplers, bodies, hairs, lefts, regions, hidden)


def warp_regions(still: Regions, sample: Sampler) -> Regions:
    """Return regions along a flow; the outline stays as it is."""
    parts = (still.kinds, still.glasses, still.seen, still.skin, still.mane)
    moved = torch.split(sample(torch.cat(parts, 1), "bilinear"), [x.shape[1] for x in parts], dim=1)
    kinds, glasses, seen, skin, mane = (x.clamp(0, 1) for x in moved)
    return replace(still, kinds=kinds, glasses=glasses, seen=seen, skin=skin, mane=mane)


def _completed(body: torch.Tensor, mirrored: torch.Tensor, hidden: torch.Tensor, both: torch.Tensor) -> torch.Tensor:
    """Return a body whose `hidden` places are its mirror image's, in the light of this side, going by `both`."""
    small = maps.resize(mirrored, MAP_SIZE), maps.resize(body, MAP_SIZE)
    light = tones.difference(small, maps.resize(both, MAP_SIZE).clamp(0, 1))
    return torch.lerp(body, mirrored + maps.enlarge(light, body.shape[-1]), hidden)


def _mixed(first: Regions, second: Regions, share: torch.Tensor) -> Regions:
    pairs = [(getattr(first, name), getattr(second, name)) for name in ("kinds", "glasses", "seen", "skin", "mane")]
    kinds, glasses, seen, skin, mane = (torch.lerp(x, y, share) for x, y in pairs)
    return replace(first, kinds=kinds, glasses=glasses, seen=seen, skin=skin, mane=mane)


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
            coloured = tones.recolour(mane, own, other, toward, where, tones.LIGHTER_HAIR)
            hairs[number] = torch.cat([coloured, hairs[number][:, 3:]], 1)
    return bodies, hairs
