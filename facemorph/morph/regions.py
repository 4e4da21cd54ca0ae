"""Where the layers of a crop lie, how far they reach, and in which colours: small maps that are warped with it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from facemorph.morph import maps, mattes
from facemorph.morph.landmark_windows import BEARD, BEARD_REACH, MAP_SIZE, near
from facemorph.morph.layers import Layers

GLASSES, SKIN, ON_SKIN = 3, [1, 2, 8, 9, 17], [3, 4, 5, 6, 7, 10, 11, 12, 15, 16]
"""Classes of the parser; the last are not of the skin's colour, but take part in its change."""
OUTLINE_SIZE = 128
"""Side of the maps at which distances are measured."""
EDGE = 3.5 / 256
"""Width of a moving edge, parts of the side."""
TOLD = 0.25
"""Part of a place that must not be covered for the edge of a body to be told there."""
LEAST_TOLD = 0.004
"""Skin or hair that fills less of a crop than this has no colour."""
ROUND = 1
"""Places of the maps by which skin is widened."""
UNDER = 2
"""Places of the maps of distance by which the colours of a body reach under what covers it."""
NEAR = 0.1
"""Difference of two colours, red, green and blue in [0, 1], that tells nothing."""
HEAD_WIDTH, HEAD_HEIGHT, TO_CHIN = 0.56, 0.75, 0.9
"""Half axes of a skull seen from the front, across, upwards and downwards, in widths of the face at its jaw, round
a point between the eyes."""


@dataclass(frozen=True)
class Regions:
    """What each place of a crop shows.

    Attributes:
        kinds: (1, 4, m, m) in [0, 1], background, body, hair and hat.
        glasses: (1, 1, m, m) in [0, 1].
        seen: (1, 1, m, m) in [0, 1], where the body is seen, and a little way on under what covers it.
        skin: (1, 1, m, m) in [0, 1], skin of face and neck with all that lies on it, and a little way on.
        mane: (1, 1, m, m) in [0, 1], how much of what covers a place is hair, and of its colour rather than the wall's.
        tones: (1, 3) each, the mean colours of skin and hair; None where there is none.
        outline: (1, 1, S, S), the distance to the outline of the body, positive inside, parts of the side, completed
            under what covers it; `within` it lies the matte of the body.
    """

    kinds: torch.Tensor
    glasses: torch.Tensor
    seen: torch.Tensor
    skin: torch.Tensor
    mane: torch.Tensor
    tones: tuple[torch.Tensor | None, torch.Tensor | None]
    outline: torch.Tensor


def at_points(x: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Return (1, C, N): (1, C, m, m) maps at (N, 2) points, parts of the side."""
    grid = (2 * points - 1).to(x.dtype).reshape(1, 1, -1, 2)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)[:, :, 0]


def measure(kinds: torch.Tensor, classes: torch.Tensor, whole: Layers, points: torch.Tensor, beard: float) -> Regions:
    """Measure where the layers of a crop lie.

    Args:
        kinds: (1, 4, S, S) in [0, 1], mattes of background, body, hair and hat.
        classes: (1, 19, m, m) in [0, 1], the parser's.
        whole: the layers.
        points: (68, 2) landmarks, parts of the side.
        beard: how sure it is that there is one, in [0, 1]; its colour is none of the skin's.
    """
    middle = maps.resize(kinds, OUTLINE_SIZE).clamp(0, 1)
    small = maps.resize(middle, MAP_SIZE)
    cover = middle[:, 2:].sum(1, keepdim=True).clamp_max(1)
    bare = (2 - 2 * maps.smooth_mean(maps.narrowed(cover, UNDER), UNDER)).clamp_max(1)
    inside = middle[0, 1] + cover[0, 0] * skull(points, OUTLINE_SIZE) > 0.5  # together: no gap at the hairline
    distance = _at_edges(maps.box_mean(mattes.signed_distance(inside).unsqueeze(0), 1), kinds)
    seen = maps.resize(bare * (1.5 * maps.box_mean(middle[:, 1:2], 1)).clamp(0, 1), MAP_SIZE)
    glasses = F.max_pool2d((2 * maps.resize(classes[:, GLASSES : GLASSES + 1], MAP_SIZE)).clamp(0, 1), 5, 1, 2)
    bare, covered = (
        maps.resize(classes[:, group].sum(1, keepdim=True), MAP_SIZE).clamp(0, 1) for group in (SKIN, ON_SKIN)
    )
    hairy = beard * near(points[BEARD].unsqueeze(0).float(), BEARD_REACH)
    tones = _mean(whole.body, bare * (1 - hairy)), _mean(whole.hair, small[:, 2:3])
    skin = F.max_pool2d((bare + covered).clamp(0, 1), 2 * ROUND + 1, 1, ROUND)
    return Regions(small, glasses, seen, maps.box_mean(skin, 1), _mane(whole, small, tones[1]), tones, distance)


def within(outline: torch.Tensor) -> torch.Tensor:
    """Return the matte, in [0, 1], of what lies within an outline that is given as a signed distance."""
    return maps.smoothstep(outline / EDGE + 0.5)


def _at_edges(distance: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """Return a distance (1, 1, M, M) at full size, such that `within` it lies the matte of the body.

    Under what covers the body, and far from edges, it stays as it is.
    """
    bare = kinds[:, :2].sum(1, keepdim=True)
    matte = (kinds[:, 1:2] / bare.clamp_min(1e-3)).clamp(0, 1)
    level = EDGE * -torch.sin(torch.asin(1 - 2 * matte) / 3)  # the inverse of a smoothstep
    distance = maps.enlarge(distance, kinds.shape[-1])
    sharp = torch.where(matte >= 1, distance.clamp_min(EDGE / 2), level)
    sharp = torch.where(matte <= 0, distance.clamp_max(-EDGE / 2), sharp)
    return torch.lerp(distance, sharp, (bare / TOLD).clamp(0, 1))


def skull(points: torch.Tensor, size: int) -> torch.Tensor:
    """Return which cells a bare head would fill above the jaw, (size, size) bool, of (68, 2) landmarks."""
    ticks = (torch.arange(size, dtype=points.dtype) + 0.5) / size
    centre, width = points[27], (points[16] - points[0]).norm()
    x, y = ticks[None, :] - centre[0], ticks[:, None] - centre[1]
    high = torch.where(y < 0, HEAD_HEIGHT, TO_CHIN) * width
    within: torch.Tensor = (x / (HEAD_WIDTH * width)).square() + (y / high).square() < 1
    return within


def _mane(whole: Layers, kinds: torch.Tensor, tone: torch.Tensor | None) -> torch.Tensor:
    """Return how much of covers is hair of its own colour: a matte takes in some of a wall that is bright like hair."""
    hair, hat = kinds[:, 2:3], kinds[:, 3:]
    among = (1 - hat / (hair + hat).clamp_min(0.05)).clamp(0, 1)
    if tone is None:
        return among
    colours, wall = (maps.resize(x, MAP_SIZE) for x in (whole.hair[:, :3], whole.background))
    to_hair, to_wall = ((colours - x).norm(dim=1, keepdim=True) for x in (tone.reshape(1, 3, 1, 1), wall))
    own: torch.Tensor = ((to_wall + NEAR) / (to_hair + NEAR)).clamp(0, 1)
    return among * own


def _mean(layer: torch.Tensor, kind: torch.Tensor) -> torch.Tensor | None:
    """Return the mean colour (1, 3) of a layer (1, 4, S, S) in the places of a map; None where it hardly is."""
    if float(kind.mean()) < LEAST_TOLD:
        return None
    small = maps.resize(layer[:, :3], MAP_SIZE)
    return (small * kind).sum((2, 3)) / kind.sum((2, 3))
