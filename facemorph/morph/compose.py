"""A frame without the networks: whole layers of two photos in one geometry, one over the other, each opaque.

From behind to the front: backgrounds dissolve; bodies (face, neck, clothes) follow an outline between both of theirs,
and where something covers one of them the other stands in; hair and hats lie before them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from facemorph.morph import covers, geometry, maps, ownership, tones, warped
from facemorph.morph.covers import Cover, Roots
from facemorph.morph.endpoint import Endpoint, reduced
from facemorph.morph.geometry import Positions
from facemorph.morph.landmark_windows import MAP_SIZE
from facemorph.morph.ownership import Times
from facemorph.morph.regions import within
from facemorph.morph.warp import Sampler

NEAR_END = 0.12
"""Part of the morph in which what the layers leave out of a photo goes where its edges do not stay."""
ALIKE = 0.05
"""Difference of two photos, in [0, 1], at which they no longer show the same."""
MOVED = 0.25
"""Difference of a matte from a photo's at which its edge has moved."""
UNLIKE = 0.066
"""Mean difference of two inner faces from which neither fits into the other's head."""


@dataclass(frozen=True)
class Pair:
    """Two ends of a morph, and what is the same in all of its frames.

    Attributes:
        ends: both.
        roots: where their hair recedes to.
        left: (1, 3, S, S) of either photo, what the layers leave out of it.
        times: when their pieces change hands.
    """

    ends: tuple[Endpoint, Endpoint]
    roots: Roots
    left: tuple[torch.Tensor, torch.Tensor]
    times: Times


@dataclass(frozen=True)
class Composite:
    """Frames as the layers give them.

    Attributes:
        picture: (T, 3, S, S).
        bare: (T, 1, S, S) in [0, 1], where the body is seen.
        owner: (T, 1, m, m) in [0, 1], the part of the second photo in the body.
        differ: (T, 1, m, m) in [0, 1], where the photos show different things.
    """

    picture: torch.Tensor
    bare: torch.Tensor
    owner: torch.Tensor
    differ: torch.Tensor


def join(a: Endpoint, b: Endpoint) -> Pair:
    """Make a pair ready for any number of frames."""
    start, end = (geometry.positions(torch.tensor([alpha])) for alpha in (0.0, 1.0))
    times = ownership.times(a.traits, b.traits, float(maps.luma(b.small).mean() - maps.luma(a.small).mean()))
    if times.inner != times.outer and _unlike(a, b, times) > UNLIKE:
        times = Times(times.outer, times.outer)
    at_end, at_start = (geometry.place(a, b, there, times).samplers for there in (end, start))
    roots = covers.find_roots(a, b, at_end[0], at_start[1])
    none = torch.zeros_like(a.crop)
    pair = Pair((a, b), roots, (none, none), times)
    left = a.crop - compose(pair, start).picture, b.crop - compose(pair, end).picture
    return replace(pair, left=left)


def _unlike(a: Endpoint, b: Endpoint, times: Times) -> float:
    """Return the mean difference of the light of two inner faces half way, in [0, 1], but for what is broad."""
    middle = geometry.positions(torch.tensor([0.5]))
    placed = geometry.place(a, b, middle, times)
    first, second = (sample(end.small, "bilinear") for end, sample in zip((a, b), placed.samplers, strict=True))
    regions = warped.warp_regions(a.regions, placed.samplers[0]), warped.warp_regions(b.regions, placed.samplers[1])
    owners = ownership.hand_over(middle.shape, placed.landmarks, regions, times)
    seen = regions[0].seen * regions[1].seen
    fine = maps.luma(second - first - tones.difference((first, second), owners.ring * seen)).abs()
    inner = owners.shade.abs() * seen
    return float((fine * inner).sum() / inner.sum().clamp_min(1e-3))


def smaller(pair: Pair, size: int) -> Pair:
    """Return a pair for frames of another side."""
    left = maps.resize(pair.left[0], size), maps.resize(pair.left[1], size)
    return replace(pair, ends=(reduced(pair.ends[0], size), reduced(pair.ends[1], size)), left=left)


def compose(pair: Pair, at: Positions) -> Composite:
    """Compose the frames at these positions."""
    (a, b), alphas = pair.ends, at.appearance
    moved = warped.bring(pair.ends, pair.left, at, pair.times)
    size, turning = a.crop.shape[-1], alphas.reshape(-1, 1, 1, 1)
    regions = moved.regions[0], moved.regions[1]
    owners = ownership.hand_over(alphas, moved.landmarks, regions, pair.times)
    time = ownership.step(alphas, pair.times.outer)
    owner = maps.among(owners.detail, *(x.seen for x in regions))
    coverage, outlines = _body_outline(pair, moved.samplers, time)
    if moved.turned_up is not None:
        coverage = torch.maximum(coverage, maps.enlarge(torch.lerp(moved.turned_up[0], moved.turned_up[1], time), size))
    wide = maps.among(maps.enlarge(owner, size), *outlines)
    background = torch.lerp(a.layers.background, b.layers.background, turning)
    cover = covers.lay(
        pair.ends,
        (moved.hairs[0], moved.hairs[1]),
        moved.samplers,
        pair.roots,
        time,
        maps.enlarge(owners.cover, size),
    )
    body = torch.lerp(moved.bodies[0], moved.bodies[1], wide)
    if pair.times.inner != pair.times.outer:
        small = maps.resize(moved.bodies[0], MAP_SIZE), maps.resize(moved.bodies[1], MAP_SIZE)
        known = owners.ring * regions[0].seen * regions[1].seen
        body = body + maps.enlarge(owners.shade * tones.difference(small, known), size)
    picture = torch.lerp(torch.lerp(background, body, coverage), cover.colours, cover.matte)
    alike = _alike(*(sample(end.small, "bilinear") for end, sample in zip(pair.ends, moved.samplers, strict=True)))
    nominal = maps.enlarge(owners.detail, size)
    part = torch.lerp(torch.lerp(turning.expand_as(wide), nominal, coverage), cover.owner, cover.matte)
    left = _left_out(moved.left, alphas, part, (coverage, outlines), cover)
    return Composite(picture + left, coverage * (1 - cover.matte), owner, 1 - alike)


def _body_outline(pair: Pair, samplers: list[Sampler], time: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Return the matte of the body, (T, 1, S, S), whose outline lies between both (Raya & Udupa 1990), and both."""
    moved = [sample(end.regions.outline, "bilinear") for end, sample in zip(pair.ends, samplers, strict=True)]
    return within(torch.lerp(moved[0], moved[1], time)), [within(distance) for distance in moved]


def _left_out(
    left: list[torch.Tensor],
    alphas: torch.Tensor,
    part: torch.Tensor,
    coverage: tuple[torch.Tensor, list[torch.Tensor]],
    cover: Cover,
) -> torch.Tensor:
    """Return what the layers leave out of the photos: true edges, where a photo's own edges are the frame's."""
    added = torch.zeros_like(left[0])
    early = [(1 - away / NEAR_END).clamp(0, 1).reshape(-1, 1, 1, 1) for away in (alphas, 1 - alphas)]
    for number, weight in enumerate((1 - part, part)):
        moved = (cover.matte - cover.whole[number]).abs() + (coverage[0] - coverage[1][number]).abs()
        own, other = early[number], early[1 - number]
        added = added + left[number] * (own + weight * (1 - moved / MOVED).clamp(0, 1) * (1 - own) * (1 - other))
    return added


def _alike(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    difference = F.max_pool2d((a - b).square().mean(1, keepdim=True), 3, 1, 1)
    return torch.exp(-difference / ALIKE**2)
