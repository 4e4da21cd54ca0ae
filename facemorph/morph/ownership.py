"""Which photo a place belongs to.

A face blends well once both photos are warped to it. Hair, ears and clothes of two people do not lie on each other, and
half of each is a ghost; there every place belongs to one photo at a time. Where the photos show different things (hair
here, a wall there) the outline between the two decides: it moves from the one photo's to the other's (shape-based
interpolation, Raya & Udupa 1990), so that hair grows, recedes, and has an edge at every moment. Where they show the
same thing they blend if they agree, and else change hands quickly, one place after the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt

from facemorph.morph import detail, layers, warp
from facemorph.morph.traits import Traits

MAP_SIZE = 64
"""Side of the ownership maps."""
TONE_SIZE = 32
"""Side of the maps of colour."""
DARK = 0.1
"""Added to brightnesses before they are compared, in [0, 1]: what is nearly black has no contrast to gain."""
MOST_GAIN = 1.6
"""Contrast is changed by no more than this."""
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


@dataclass(frozen=True)
class Regions:
    """What each place of a crop shows.

    Attributes:
        membership: (1, K, m, m) in [0, 1], summing to 1 over the kinds; the first is what lies behind the person.
        distance: (1, K, m, m), distance to the outline of each kind, positive inside it, parts of the side.
        tone: (1, 3 · K, m, m), the colour round each place of what is of each kind.
    """

    membership: torch.Tensor
    distance: torch.Tensor
    tone: torch.Tensor


def kinds(parts: torch.Tensor) -> torch.Tensor:
    """Return what each place shows: background, body, hair, (1, 3, m, m), of (1, 2, m, m) person and hair masks."""
    person, hair = parts[:, :1], parts[:, 1:]
    hair = torch.minimum(hair, person)
    return torch.cat([1 - person, person - hair, hair], 1)


def at_points(x: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Return (1, C, N): (1, C, m, m) maps at (N, 2) points, parts of the side."""
    grid = (2 * points - 1).to(x.dtype).reshape(1, 1, -1, 2)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)[:, :, 0]


def regions(membership: torch.Tensor, crop: torch.Tensor) -> Regions:
    """Measure the distance of each place to the outline of each kind, and the colours of the kinds.

    Args:
        membership: (1, K, m, m) in [0, 1].
        crop: (1, 3, S, S) in [0, 1].
    """
    largest = F.one_hot(membership.argmax(1), membership.shape[1]).movedim(-1, 1)
    distance = torch.cat([signed_distance(kind) for kind in largest[0].bool()]).unsqueeze(0)
    small = F.adaptive_avg_pool2d(crop, TONE_SIZE)
    known = F.adaptive_avg_pool2d(membership, TONE_SIZE).square()
    tone = torch.cat([_blur(layers.fill(small, kind)) for kind in torch.split(known, 1, dim=1)], 1)
    return Regions(membership, distance, F.interpolate(tone, size=membership.shape[-2:], mode="bilinear"))


def recolouring(first: Regions, second: Regions, alphas: torch.Tensor) -> torch.Tensor:
    """Return what gives the first person's hair and skin the colours of this part of the morph.

    So both people have the same colours at any moment, each place keeps the texture of one of them, and no edge of
    colour tells where it changes hands.

    Args:
        first, second: (T, …), warped to the same landmarks.
        alphas: (T,) in [0, 1]; 0 leaves the first person as it is, 1 brings it to the second one's colours.

    Returns:
        (T, 4, m, m): a factor, and what is added to premultiplied RGB after it.
    """
    own, other = _tones(first), _tones(second)
    aim = torch.lerp(own, other, alphas.reshape(-1, 1, 1, 1, 1))
    brightness, aimed = (tone.mean(2, keepdim=True) + DARK for tone in (own, aim))
    gain = (aimed / brightness).clamp(1 / MOST_GAIN, MOST_GAIN)
    share = first.membership[:, 1:].unsqueeze(2)
    factor = first.membership[:, :1] + (share * gain).sum(1)
    return torch.cat([factor, (share * (aim - gain * own)).sum(1)], 1)


def signed_distance(inside: torch.Tensor) -> torch.Tensor:
    """Return the distance to the outline of a (m, m) bool mask, positive inside, parts of the side, (1, m, m) float32.

    What the edge of the picture cuts off goes on beyond it. Nothing is farther than one half.
    """
    size = inside.shape[-1]
    wide = F.pad(inside[None, None].float(), (size // 4,) * 4, mode="replicate")[0, 0].bool().numpy()
    distance = torch.from_numpy(distance_transform_edt(wide) - distance_transform_edt(~wide))
    whole = size / 2 if wide.all() else -size / 2
    if wide.all() or not wide.any():
        distance = torch.full_like(distance, whole)
    middle = slice(size // 4, size // 4 + size)
    return (distance[middle, middle] / size).clamp(-0.5, 0.5).float().unsqueeze(0)


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
        traits: of both photos.
        first, second: what both photos show, (T, K, m, m), warped as well.

    Returns:
        Two (T, 1, MAP_SIZE, MAP_SIZE) in [0, 1]: the part of the second photo, 0 everywhere at alpha 0 and 1 at alpha
        1; and where the latent codes of both are mixed: where both show a person, or both show what is behind.
    """
    alpha = alphas.reshape(-1, 1, 1, 1)
    distance = distance_to_landmarks(points.float())
    to_eyes = distance_to_landmarks(points[:, EYES].float())
    face = torch.exp(-((distance / FACE_REACH) ** 2))
    mismatch = 1 - F.adaptive_avg_pool2d(detail.agreement(*photos), MAP_SIZE)
    haste = (1 - face) * detail.local_mean(F.max_pool2d((1 - face) * mismatch, 5, 1, 2))
    duration = 1 - (1 - QUICKEST) * haste
    order = ((distance - FACE_REACH) / (FARTHEST - FACE_REACH)).clamp(0, 1)
    grows = torch.tanh(40 * (first.membership[:, :1] - second.membership[:, :1]).mean((2, 3), keepdim=True))
    start = (1 - duration) * (0.5 + (order - 0.5) * grows)
    within = torch.lerp(((alpha - start) / duration).clamp(0, 1), _blend_faces(alpha, *traits), face)
    piece, counts = _hand_over_glasses(alpha, *traits)
    within = torch.lerp(within, piece, counts * torch.exp(-((to_eyes / EYEWEAR) ** 4)))
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
    behind, hidden = first.membership[:, :1], second.membership[:, :1]
    return weight, behind * hidden + (1 - behind) * (1 - hidden)


def distance_to_landmarks(points: torch.Tensor) -> torch.Tensor:
    """Return the distance of each place to the nearest of (T, N, 2) points, (T, 1, MAP_SIZE, MAP_SIZE), in sides."""
    grid = warp.cell_centres(MAP_SIZE)
    return torch.cdist(grid.expand(len(points), -1, -1), points).amin(-1).reshape(-1, 1, MAP_SIZE, MAP_SIZE)


def _tones(regions: Regions) -> torch.Tensor:
    """Return the colours of body and hair, (T, 2, 3, m, m)."""
    tone = regions.tone
    return tone.reshape(len(tone), -1, 3, *tone.shape[-2:])[:, 1:]


def _blur(x: torch.Tensor) -> torch.Tensor:
    for _ in range(2):
        x = F.avg_pool2d(F.pad(x, (3,) * 4, mode="replicate"), 7, 1)
    return x


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
