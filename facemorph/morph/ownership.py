"""Which photo a place belongs to: faces blend, what surrounds them is handed over.

A face blends well once both photos are warped to it. Hair, ears and clothes of two people do not lie on each other, and
half of each is a ghost; there every place belongs to one photo at a time and changes hands quickly. Where only the
second photo has a person, the places near the face go first, so that hair grows; where only the first has, they go
last, so that it recedes. What lies behind both people simply dissolves.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from facemorph.morph import detail, warp

MAP_SIZE = 32
"""Side of the ownership maps; they are smooth."""
FACE_REACH = 0.09
"""Distance to the nearest landmark, as a part of the side, up to which a place counts as face."""
FARTHEST = 0.42
"""Distance at which a place is as far from the face as any."""
QUICKEST = 0.2
"""Part of the morph that a change of hands takes where the photos agree least."""
BOTH_PEOPLE = 0.5
"""Hair on hair blends better than hair on a wall: so much of the haste is left there."""


def hand_over(
    alphas: torch.Tensor,
    points: torch.Tensor,
    photos: tuple[torch.Tensor, torch.Tensor],
    people: tuple[torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    """Return how much of each place belongs to the second photo.

    Swapping the photos and turning alpha round gives 1 minus the same map.

    Args:
        alphas: (T,) in [0, 1].
        points: (T, N, 2) landmarks of each frame, parts of the side.
        photos: two (T, 3, s, s) in [0, 1], both photos warped to these landmarks.
        people: two (T, 1, m, m) in [0, 1], where the person is in each of them.

    Returns:
        (T, 1, MAP_SIZE, MAP_SIZE) in [0, 1]; 0 everywhere at alpha 0 and 1 at alpha 1, `alphas` itself in the face,
        behind both people, and where the photos agree.
    """
    first, second = (F.adaptive_avg_pool2d(person, MAP_SIZE).clamp(0, 1) for person in people)
    distance = distance_to_landmarks(points.float())
    face = torch.exp(-((distance / FACE_REACH) ** 2))
    mismatch = 1 - F.adaptive_avg_pool2d(detail.agreement(*photos), MAP_SIZE)
    alone = (2 * detail.local_mean(second - first)).clamp(-1, 1)
    haste = mismatch * torch.maximum(first, second) * (BOTH_PEOPLE + (1 - BOTH_PEOPLE) * alone.abs())
    haste = (1 - face) * detail.local_mean(F.max_pool2d((1 - face) * haste, 5, 1, 2))
    duration = 1 - (1 - QUICKEST) * haste
    order = ((distance - FACE_REACH) / (FARTHEST - FACE_REACH)).clamp(0, 1)
    start = (1 - duration) * (0.5 + (order - 0.5) * alone)
    return ((alphas.reshape(-1, 1, 1, 1) - start) / duration).clamp(0, 1)


def distance_to_landmarks(points: torch.Tensor) -> torch.Tensor:
    """Return the distance of each place to the nearest of (T, N, 2) points, (T, 1, MAP_SIZE, MAP_SIZE), in sides."""
    grid = warp.cell_centres(MAP_SIZE)
    return torch.cdist(grid.expand(len(points), -1, -1), points).amin(-1).reshape(-1, 1, MAP_SIZE, MAP_SIZE)
