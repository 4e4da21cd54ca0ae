"""What each place of a crop shows: background, body or hair, how deep inside it lies, and in which colour."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt

from facemorph.morph import layers, maps

MAP_SIZE = 64
"""Side of the maps."""
TONE_SIZE = 32
"""Side of the maps of colour."""
TONE_REACH = 3
"""Radius over which a colour is averaged, twice, in places of these maps."""
DARK = 0.1
"""Added to brightnesses before they are compared, in [0, 1]: what is nearly black has no contrast to gain."""
MOST_GAIN = 1.6
"""Contrast is changed by no more than this."""


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


def measure(membership: torch.Tensor, crop: torch.Tensor) -> Regions:
    """Measure the distance of each place to the outline of each kind, and the colours of the kinds.

    Args:
        membership: (1, K, m, m) in [0, 1].
        crop: (1, 3, S, S) in [0, 1].
    """
    largest = F.one_hot(membership.argmax(1), membership.shape[1]).movedim(-1, 1)
    distance = torch.cat([signed_distance(kind) for kind in largest[0].bool()]).unsqueeze(0)
    small = F.adaptive_avg_pool2d(crop, TONE_SIZE)
    known = F.adaptive_avg_pool2d(membership, TONE_SIZE).square()
    tone = torch.cat([_smooth(layers.fill(small, kind)) for kind in torch.split(known, 1, dim=1)], 1)
    return Regions(membership, distance, maps.enlarge(tone, membership.shape[-1]))


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


def _tones(regions: Regions) -> torch.Tensor:
    """Return the colours of body and hair, (T, 2, 3, m, m)."""
    tone = regions.tone
    return tone.reshape(len(tone), -1, 3, *tone.shape[-2:])[:, 1:]


def _smooth(x: torch.Tensor) -> torch.Tensor:
    return maps.box_mean(maps.box_mean(x, TONE_REACH), TONE_REACH)
