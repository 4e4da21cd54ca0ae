"""Hair and hats: opaque layers before a body that come, go and change hands by edges that move.

Hair recedes to its roots, the hair that both photos share, along the way that leads there inside it, and grows from
there; a hat leaves from its brim upwards. One photo's hair recedes before the other's grows, so that no more than one
thing changes at a time; where two heads of hair share little, as those of heads turned to different sides, the other's
grows first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.ndimage import distance_transform_edt

from facemorph.morph import maps, mattes, warp
from facemorph.morph.endpoint import Endpoint
from facemorph.morph.landmark_windows import MAP_SIZE
from facemorph.morph.regions import EDGE
from facemorph.morph.warp import Sampler

ROOTS = 0.16
"""Way from the roots, in parts of the side, to which hair has receded half way."""
LEAST_SHARED = 0.01
"""Hair that two photos share on less than this part of the crop is no root for either's."""
LITTLE_SHARED = 0.6
"""Part of the smaller head of hair below which two share little."""
AT_ROOTS = 0.05
"""Part of its time in which hair at the roots goes, under the hair or hat that has come instead."""
RECEDING = 0.035
"""Width of the edge of hair that recedes, parts of the side: locks end thinly."""
STRANDS, STRAND = 0.016, 0.05
"""By so much, in parts of the side, hair that is darker or lighter by the second breaks a moving edge."""


@dataclass(frozen=True)
class Roots:
    """Where a pair's hair recedes to.

    Attributes:
        ways: (1, 1, m, m) for either photo, the way from each place of its hair to the roots, parts of the side.
        shared: whether the heads of hair share most of the smaller one.
    """

    ways: tuple[torch.Tensor, torch.Tensor]
    shared: bool

    def gone(self, time: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return how far the hair of either photo is gone, (T, 1, 1, 1) in [0, 1] each, at (T, 1, 1, 1) times."""
        early, late = _halves(time)
        return (early, 1 - late) if self.shared else (late, 1 - early)


@dataclass(frozen=True)
class Cover:
    """What lies before the bodies of frames.

    Attributes:
        colours: (T, 3, S, S).
        matte: (T, 1, S, S) in [0, 1].
        owner: (T, 1, S, S) in [0, 1], the part of the second photo.
        whole: two (T, 1, S, S), the mattes of either photo's hair and hat, had nothing of them gone.
    """

    colours: torch.Tensor
    matte: torch.Tensor
    owner: torch.Tensor
    whole: tuple[torch.Tensor, torch.Tensor]


def find_roots(a: Endpoint, b: Endpoint, a_at_b: Sampler, b_at_a: Sampler) -> Roots:
    """Find where the hair of a pair recedes to.

    Args:
        a, b: both ends.
        a_at_b: along the flow of the first to the geometry of the second.
        b_at_a: the same of the second to that of the first.
    """
    (way_a, shared_a), (way_b, shared_b) = _ways(a, b, b_at_a), _ways(b, a, a_at_b)
    return Roots((way_a, way_b), max(shared_a, shared_b) > LITTLE_SHARED)


def lay(
    ends: tuple[Endpoint, Endpoint],
    hairs: tuple[torch.Tensor, torch.Tensor],
    samplers: list[Sampler],
    roots: Roots,
    time: torch.Tensor,
    turn: torch.Tensor,
) -> Cover:
    """Lay hair and hats of both photos over each other.

    Args:
        ends: both ends.
        hairs: (T, 4, S, S) each, warped, in the colours of the frames, and its matte.
        samplers: along the flow of each.
        roots: of the pair.
        time: (T, 1, 1, 1) in [0, 1], how far covers have changed hands.
        turn: (T, 1, S, S) in [0, 1], the part of the second photo where both have hair.
    """
    gone, rooted = roots.gone(time), (((1 - time) / AT_ROOTS).clamp_max(1), (time / AT_ROOTS).clamp_max(1))
    left = [
        torch.cat([hair[:, :3], _left(hair, sample(way, "bilinear"), g, r)], 1)
        for hair, way, sample, g, r in zip(hairs, roots.ways, samplers, gone, rooted, strict=True)
    ]
    colours, owner = _one_of(left[0], left[1], turn)
    matte, whole = torch.maximum(left[0][:, 3:], left[1][:, 3:]), [hair[:, 3:].clamp(0, 1) for hair in hairs]
    hats = _hats(ends, samplers)
    for number, hat in hats.items():
        whole[number] = torch.maximum(whole[number], hat[:, 3:])
    if hats:
        if len(hats) == 2:
            hat, whose = _one_of(hats[0], hats[1], turn)
            worn = torch.lerp(hats[0][:, 3:], hats[1][:, 3:], turn)
        else:
            ((number, alone),) = hats.items()
            hat, whose = alone[:, :3], torch.full_like(owner, number)
            rows = samplers[number](_rows(alone.shape[-1]), "bilinear")
            worn = alone[:, 3:] * _not_lifted(ends[number].layers.hat_span, gone[number], rows)
        colours, owner = torch.lerp(colours, hat, worn), torch.lerp(owner, whose, worn)
        matte = torch.maximum(matte, worn)
    return Cover(colours, matte, owner, (whole[0], whole[1]))


def _hats(ends: tuple[Endpoint, Endpoint], samplers: list[Sampler]) -> dict[int, torch.Tensor]:
    """Return the warped hats, (T, 4, S, S) colours and matte, by the number of the end that wears one."""
    hats = {}
    for number, (end, sample) in enumerate(zip(ends, samplers, strict=True)):
        if end.layers.hat is not None:
            warped = sample(end.layers.hat)
            hats[number] = torch.cat([warped[:, :3], warped[:, 3:].clamp(0, 1)], 1)
    return hats


def _one_of(a: torch.Tensor, b: torch.Tensor, turn: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the colours of two like covers (T, 4, S, S), and the part of the second: `turn` where both are."""
    share = maps.among(turn, a[:, 3:], b[:, 3:])
    return torch.lerp(a[:, :3], b[:, :3], share), share


def _halves(time: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how far the first and the second half of the time have gone."""
    return (2 * time).clamp_max(1), (2 * time - 1).clamp_min(0)


def _left(hair: torch.Tensor, way: torch.Tensor, gone: torch.Tensor, rooted: torch.Tensor) -> torch.Tensor:
    """Return what is left of the matte of warped hair, and of its roots `rooted`.

    The edge of what is gone follows the strands.
    """
    light = maps.luma(hair[:, :3])
    size = light.shape[-1]
    strands = ((light - maps.enlarge(maps.resize(light, MAP_SIZE), size)) / STRAND).clamp(-1, 1)
    ways = maps.enlarge(way, size)
    ways = ways + STRANDS * strands * 4 * gone * (1 - gone)
    reach = ROOTS * (1 / gone.clamp_min(1e-3) - 1)
    kept = torch.where(gone <= 0, 1.0, ((reach - ways) / RECEDING + 1).clamp(0, 1))
    return hair[:, 3:].clamp(0, 1) * kept * rooted


def _rows(size: int) -> torch.Tensor:
    """Return the row of each place of a crop, (1, 1, S, S), parts of the side."""
    return warp.cell_centres(size)[:, 1].reshape(1, 1, size, size)


def _not_lifted(span: tuple[float, float], gone: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return the part of a hat that is not gone, (T, 1, S, S) in [0, 1].

    Args:
        span: rows of its own crop between which it lies.
        gone: (T, 1, 1, 1) in [0, 1].
        rows: (T, 1, S, S), which row of its own crop each place of the frames shows.
    """
    brim = torch.lerp(torch.tensor(span[1] + EDGE), torch.tensor(span[0] - EDGE), gone)
    lifted = ((brim - rows) / EDGE).clamp(0, 1)
    return torch.where(gone <= 0, 1.0, torch.where(gone >= 1, 0.0, lifted))


def _ways(own: Endpoint, other: Endpoint, sample: Sampler) -> tuple[torch.Tensor, float]:
    """Return the ways to the roots in one's own geometry, and the part of the smaller head of hair that they fill."""
    mine = own.regions.kinds[0, 2] > 0.5
    theirs = sample(other.regions.kinds)[0, 2:].sum(0) > 0.5
    if not mine.any():
        return torch.zeros(1, 1, MAP_SIZE, MAP_SIZE), 1.0
    roots = mine & theirs
    shared = float(roots.sum() / torch.minimum(mine.sum(), theirs.sum()).clamp_min(1))
    if roots.float().mean() >= LEAST_SHARED:
        way = mattes.way_inside(mine, roots)
    else:  # nothing is left at the end: what is nearest to the crown goes last
        away = (warp.cell_centres(MAP_SIZE) - own.crown).norm(dim=1).reshape(MAP_SIZE, MAP_SIZE)
        way, shared = mattes.way_inside(mine, mine & (away <= away[mine].min() + 1e-6)) + RECEDING + EDGE, 1.0
    nearest = distance_transform_edt(~mine.numpy(), return_distances=False, return_indices=True)
    return way[nearest[0], nearest[1]][None, None], shared
