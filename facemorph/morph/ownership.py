"""Which photo a place belongs to, when, and how quickly it changes hands.

Half of each of two pairs of eyes, mouths, ears or heads of hair is a ghost, and pieces of both side by side are a
patchwork. So a frame holds two pieces at most: the inner face (eyes, brows and nose), and all the rest of the person,
mouth, beard, ears and hair. Each keeps its owner's detail at full size and changes hands as a whole, within about a
tenth of the morph, one after the other; where they meet lies skin, in one colour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from facemorph.morph import maps
from facemorph.morph.landmark_windows import MAP_SIZE, distance_to, inside, near
from facemorph.morph.regions import Regions
from facemorph.morph.traits import Traits

FARTHEST, FRONT = 0.4, 0.15
"""Distance at which a place is as far from the face as any, parts of the side; width of a front, as a part of that."""
QUICK = 0.12
"""Part of the morph in which a piece changes hands."""
TURNS = 0.08
"""Part of the morph by which one piece changes hands before its middle, and the other after it."""
HIDDEN, BRIGHTER = 300.0, 400.0
"""How decidedly a face that is hidden more, or a darker one, gives up its inner part first."""
CENTRAL, FOREHEAD, HAIRLINE = 0.12, 0.25, 0.8
"""The inner face reaches from the nose to its outline but for this part of the way; and above the brows, in lengths of
the nose. To the last, so counted, reaches bare skin."""
SOFT = 2
"""Radius over which its edge is averaged, twice, in places of the maps."""
EYES, NOSE = [*range(17, 27), *range(36, 48)], [*range(27, 36)]
EYES_REACH, NOSE_REACH = 0.06, 0.04
"""How far from their landmarks the parts of a face reach, parts of the side."""
ONE_WEARS = 0.5
"""Difference of `Traits.glasses` from which one of two wears glasses."""
OTHER_SKIN, SHARPER, BARER, BEARDED = 0.2, 1.35, 0.1, 0.15
"""Distance of two skins' red, green and blue, ratio of two photos' sharpness, and differences of `Traits.hidden` and
`Traits.beard`, from which they don't fit."""
SIDEWAYS = 0.5
"""`Traits.turn` from which on a difference of it counts for more."""
ALIKE, TURNED = 0.2, 0.4
"""Difference of `Traits.turn` up to which heads are turned alike, and from which on an inner face does not fit into the
other's head."""


@dataclass(frozen=True)
class Owners:
    """How much of each place belongs to the second photo, (T, 1, MAP_SIZE, MAP_SIZE) in [0, 1] each.

    `detail` and `cover` are 0 at the first end and 1 at the second; swapping the photos and turning alpha round gives 1
    minus the same.

    Attributes:
        detail: of the body.
        shade: in [-1, 1], how much of what the second body is lighter by, broadly, the inner face takes over so that it
            matches the head that it is in.
        ring: the skin round the inner face, where they have to match.
        cover: of hair or hats, where both photos show them.
    """

    detail: torch.Tensor
    shade: torch.Tensor
    ring: torch.Tensor
    cover: torch.Tensor


@dataclass(frozen=True)
class Times:
    """When both pieces of a pair change hands: the middle of each change, alphas in (0, 1)."""

    inner: float
    outer: float

    @property
    def outwards(self) -> int:
        """1 where hair changes hands from the face outwards, -1 inwards, 0 everywhere at once."""
        return (self.outer > 0.5) - (self.outer < 0.5)


def times(first: Traits, second: Traits, brighter: float) -> Times:
    """Decide when pieces change hands.

    A face that hair hides gives up its inner part first, so that none is uncovered that nobody has; of two that are as
    bare, the darker one. Where the inner face of one does not fit into the other's head, both pieces change hands
    together: heads that are turned differently (the one seen from the front late), one of two with glasses, whose
    temples reach beyond the face, or with a beard, or under hair; skins of different colour, a sharp photo and a
    blurred one.

    Args:
        first, second: traits of both photos.
        brighter: by how much the second photo is brighter, in [-1, 1].
    """
    if turned(first, second) == 1:
        whole = whole_time(first, second)
        return Times(whole, whole)
    order = math.tanh(HIDDEN * (first.hidden - second.hidden) + BRIGHTER * brighter)
    outer = 0.5 + TURNS * order
    return Times(1 - outer if fit(first, second) else outer, outer)


def fit(first: Traits, second: Traits) -> bool:
    """Tell whether the inner face of one looks right in the other's head, when both are turned alike."""
    sharp, blurred = (f(first.sharpness, second.sharpness) for f in (max, min))
    skins = math.dist(first.skin, second.skin) if first.skin and second.skin else 0.0
    differently = (
        abs(first.glasses - second.glasses) > ONE_WEARS,
        abs(first.hidden - second.hidden) > BARER,
        abs(first.beard - second.beard) > BEARDED,
        skins > OTHER_SKIN,
        sharp > SHARPER * max(blurred, 1e-4),
    )
    return not any(differently)


def turned(first: Traits, second: Traits) -> float:
    """Return how differently two heads are turned, in [0, 1]; near the profile a little counts as much."""
    differently = abs(first.turn - second.turn) * max(1.0, max(abs(first.turn), abs(second.turn)) / SIDEWAYS) ** 2
    return min(max((differently - ALIKE) / (TURNED - ALIKE), 0.0), 1.0)


def whole_time(first: Traits, second: Traits) -> float:
    """Return the middle of the change where heads change hands as a whole, an alpha: late if the first is frontal."""
    more = abs(second.turn) - abs(first.turn)
    return 0.5 + TURNS * ((more > 0) - (more < 0))


def step(alphas: torch.Tensor, middle: float) -> torch.Tensor:
    """Return how far a piece has changed hands at (T,) alphas, (T, 1, 1, 1) in [0, 1]."""
    return maps.smoothstep((alphas.reshape(-1, 1, 1, 1) - middle) / QUICK + 0.5)


def present(alphas: torch.Tensor, times: Times) -> tuple[torch.Tensor, torch.Tensor]:
    """Return in which of (T,) frames either photo's body is seen, (T,) bool each."""
    inner, outer = (step(alphas, middle).flatten() for middle in (times.inner, times.outer))
    return torch.minimum(inner, outer) < 1, torch.maximum(inner, outer) > 0


def hand_over(
    alphas: torch.Tensor,
    points: torch.Tensor,
    regions: tuple[Regions, Regions],
    times: Times,
) -> Owners:
    """Return who owns each place.

    Args:
        alphas: (T,) in [0, 1].
        points: (T, N, 2) landmarks of each frame, parts of the side.
        regions: of both photos, warped to them.
        times: when pieces change hands.
    """
    points, outer = points.float(), step(alphas, times.outer)
    if times.inner == times.outer:
        none = torch.zeros(len(points), 1, MAP_SIZE, MAP_SIZE)
        return Owners(outer.expand_as(none), none, none, _sweep(outer, distance_to(points), times.outwards))
    inner = _inner_face(points, regions)
    owned = torch.lerp(outer, step(alphas, times.inner), inner)
    ring = _region(torch.cat([points[:, :17], _above_brows(points, HAIRLINE)], 1)) * (1 - inner)
    shade = (outer - step(alphas, times.inner)) * inner
    return Owners(owned, shade, ring, _sweep(outer, distance_to(points), times.outwards))


def _inner_face(points: torch.Tensor, regions: tuple[Regions, Regions]) -> torch.Tensor:
    """Return the inner face, (T, 1, m, m) in [0, 1]: eyes, brows and nose, and the skin between and around them."""
    cheeks = points[:, [0, 1, 2, 31, 33, 35, 14, 15, 16]]
    skin = _region(torch.lerp(torch.cat([cheeks, _above_brows(points, FOREHEAD)], 1), points[:, 30:31], CENTRAL))
    parts = near(points[:, EYES], EYES_REACH), near(points[:, NOSE], NOSE_REACH)
    return torch.stack([skin, *parts, *(region.glasses for region in regions)]).amax(0)


def _above_brows(points: torch.Tensor, lengths: float) -> torch.Tensor:
    """Return a line above the brows by so many lengths of the nose, from the right of the picture, (T, 10, 2)."""
    return (points[:, 17:27] + lengths * (points[:, 27:28] - points[:, 33:34])).flip(1)


def _region(outline: torch.Tensor) -> torch.Tensor:
    return maps.smooth_mean(inside(outline, MAP_SIZE), SOFT)


def _sweep(time: torch.Tensor, distance: torch.Tensor, outwards: int) -> torch.Tensor:
    """Return what a front has passed that goes from the face outwards (1), or inwards (-1)."""
    place = 0.5 + outwards * ((distance / FARTHEST).clamp(0, 1) - 0.5)
    return ((time * (1 + FRONT) - place) / FRONT).clamp(0, 1)
