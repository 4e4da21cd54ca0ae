"""Which photo a place belongs to.

A face blends well once both photos are warped to it. Hair, ears and clothes of two people do not lie on each other, and
half of each is a ghost; there every place belongs to one photo at a time. Where the photos show different things (hair
here, a wall there) the outline between the two decides: it moves from the one photo's to the other's (shape-based
interpolation, Raya & Udupa 1990), so that hair grows, recedes, and has an edge at every moment. Where they show the
same thing they blend if they agree, and else change hands quickly, one place after the other.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from facemorph.morph import detail, warp
from facemorph.morph.regions import MAP_SIZE, Regions
from facemorph.morph.traits import Traits

FACE_REACH = 0.09
"""Distance to the nearest landmark, as a part of the side, up to which a place counts as face."""
FARTHEST = 0.42
"""Distance at which a place is as far from the face as any."""
QUICKEST = 0.2
"""Part of the morph that a change of hands takes where the photos agree least."""
OUTLINE = 0.03
"""Width of a moving outline, as a part of the side."""
EYES = [27, 28, *range(36, 48)]
"""Landmarks round which glasses sit."""
EYEWEAR = 0.085
"""Distance from these that glasses reach, parts of the side."""
GLASSES_LEAD = 0.15
"""Glasses go this part of the morph before its middle, and come as much after it."""
TURNED = 0.3
"""A face whose far side is no narrower than this counts as seen from the front."""
MOST_FAVOUR = 8.0
"""A face seen from the front is favoured over a profile by no more than this."""
OUTLINE_SPAN = 0.4
"""Part of the morph in which outlines move: a face with half of either's hair is the least like a photo."""
EXACT = 0.04
"""Nothing changes hands faster than this part of the morph at either end, so that the ends are exact."""


def hand_over(
    alphas: torch.Tensor,
    points: torch.Tensor,
    photos: tuple[torch.Tensor, torch.Tensor],
    first: Regions,
    second: Regions,
    traits: tuple[Traits, Traits],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how much of each place belongs to the second photo, and where that is left to the latent codes.

    Swapping the photos and turning alpha round gives 1 minus the same first map, and the same second one.

    Args:
        alphas: (T,) in [0, 1].
        points: (T, N, 2) landmarks of each frame, parts of the side.
        photos: two (T, 3, s, s) in [0, 1], both photos warped to these landmarks.
        first, second: what both photos show, (T, K, m, m), warped as well.
        traits: of both photos.

    Returns:
        Two (T, 1, MAP_SIZE, MAP_SIZE) in [0, 1]: the part of the second photo, 0 everywhere at alpha 0 and 1 at alpha
        1; and where the latent codes of both are mixed: where both show a person, or both show what is behind.
    """
    alpha = alphas.reshape(-1, 1, 1, 1)
    within = _within_a_kind(alpha, points.float(), photos, first.membership[:, :1] - second.membership[:, :1], traits)
    weight = torch.zeros_like(within)
    kinds = range(first.membership.shape[1])
    for here in kinds:
        for there in kinds:
            part = first.membership[:, here : here + 1] * second.membership[:, there : there + 1]
            if here == there:
                weight = weight + part * (alpha if here == 0 else within)
            else:
                weight = weight + part * _outline(alpha, first.distance, second.distance, here, there)
    weight = weight.clamp_max(alpha / EXACT).maximum(1 - (1 - alpha) / EXACT).clamp(0, 1)
    behind_first, behind_second = first.membership[:, :1], second.membership[:, :1]
    return weight, behind_first * behind_second + (1 - behind_first) * (1 - behind_second)


def distance_to_landmarks(points: torch.Tensor) -> torch.Tensor:
    """Return the distance of each place to the nearest of (T, N, 2) points, (T, 1, MAP_SIZE, MAP_SIZE), in sides."""
    grid = warp.cell_centres(MAP_SIZE)
    return torch.cdist(grid.expand(len(points), -1, -1), points).amin(-1).reshape(-1, 1, MAP_SIZE, MAP_SIZE)


def _within_a_kind(
    alpha: torch.Tensor,
    points: torch.Tensor,
    photos: tuple[torch.Tensor, torch.Tensor],
    gained: torch.Tensor,
    traits: tuple[Traits, Traits],
) -> torch.Tensor:
    """Return the part of the second photo where both show a body, or both show hair.

    Faces blend. Elsewhere it goes the quicker the less the photos agree, from the face outwards where the second person
    covers more of the picture (`gained`, (T, 1, m, m) in [-1, 1]), and inwards where the first does.
    """
    distance = distance_to_landmarks(points)
    face = torch.exp(-((distance / FACE_REACH) ** 2))
    mismatch = 1 - F.adaptive_avg_pool2d(detail.agreement(*photos), MAP_SIZE)
    haste = (1 - face) * detail.local_mean(F.max_pool2d((1 - face) * mismatch, 5, 1, 2))
    duration = 1 - (1 - QUICKEST) * haste
    order = ((distance - FACE_REACH) / (FARTHEST - FACE_REACH)).clamp(0, 1)
    grows = torch.tanh(40 * gained.mean((2, 3), keepdim=True))
    start = (1 - duration) * (0.5 + (order - 0.5) * grows)
    within = torch.lerp(((alpha - start) / duration).clamp(0, 1), _blend_faces(alpha, *traits), face)
    piece, counts = _hand_over_glasses(alpha, *traits)
    to_eyes = distance_to_landmarks(points[:, EYES])
    return torch.lerp(within, piece, counts * torch.exp(-((to_eyes / EYEWEAR) ** 4)))


def _blend_faces(alpha: torch.Tensor, first: Traits, second: Traits) -> torch.Tensor:
    """Let faces blend; a face seen from the front stays until the other's profile is near, then it changes hands."""
    sides = [min(1.0, traits.far_side / TURNED) for traits in (first, second)]
    ratio = min(max((sides[1] / sides[0]) ** 2, 1 / MOST_FAVOUR), MOST_FAVOUR)
    favoured = alpha * ratio / (1 + (ratio - 1) * alpha)
    part: torch.Tensor = ((favoured - 0.5) / min(ratio, 1 / ratio) ** 0.5 + 0.5).clamp(0, 1)
    return part


def _hand_over_glasses(alpha: torch.Tensor, first: Traits, second: Traits) -> tuple[torch.Tensor, float]:
    """Return the part of the second photo round the eyes, and how much it counts: glasses come and go as one piece."""
    worn = first.glasses - second.glasses
    duration = 1 - (1 - QUICKEST) * abs(worn)
    part = ((alpha - (1 - duration) * (0.5 - GLASSES_LEAD * worn)) / duration).clamp(0, 1)
    alike = min(first.far_side / second.far_side, second.far_side / first.far_side)
    return part, abs(worn) * alike**2


def _outline(alpha: torch.Tensor, first: torch.Tensor, second: torch.Tensor, here: int, there: int) -> torch.Tensor:
    """Return the part of kind `there`, which the second photo shows, where the first shows `here`."""
    alpha = ((alpha - 0.5) / OUTLINE_SPAN + 0.5).clamp(0, 1)
    # Masks are soft: a place may show some of a kind that it lies outside of. It waits for its turn like the rest.
    start, end = _lead(first, here, there).clamp_min(OUTLINE), _lead(second, here, there).clamp_max(-OUTLINE)
    ahead = torch.lerp(start, end, alpha)
    gate = (0.5 - ahead / (2 * OUTLINE)).clamp(0, 1)
    smooth: torch.Tensor = gate * gate * (3 - 2 * gate)
    return smooth


def _lead(distance: torch.Tensor, here: int, there: int) -> torch.Tensor:
    """Return how much farther inside kind `here` than inside `there` a place lies.

    Against the background all of the person counts: hair grows from the head, not from where other hair is.
    """
    if here == 0:
        return 2 * distance[:, :1]
    if there == 0:
        return -2 * distance[:, :1]
    return distance[:, here : here + 1] - distance[:, there : there + 1]
