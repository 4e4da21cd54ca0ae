"""Frames of a morph: composed of whole layers, then repaired by the networks where two photos meet."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from facemorph.morph import maps, paths, schedule
from facemorph.morph.codec import MorphCodec
from facemorph.morph.compose import NEAR_END, Pair, compose, smaller
from facemorph.morph.geometry import Positions, positions
from facemorph.morph.maps import resize
from facemorph.settings import Interpolation, Quality

PROBE_SIZE = 128
CHANGE = 0.14
"""Part of the morph round a change of hands in which its pace is measured."""
COLOURFUL = 0.02
"""Mean distance from gray, in [0, 1], below which a picture has less colour for the networks to change."""
LEAST_DIVIDED = 0.05
"""A frame of which no place belongs to two photos by more than this needs no repair."""
SOFT_SIZE = 32
"""Side of the map to which the networks' difference is averaged."""


def render_frames(
    pair: Pair,
    at: Positions,
    codec: MorphCodec,
    interpolation: Interpolation = "slerp",
    quality: Quality = "best",
) -> torch.Tensor:
    """Render the frames of a morph.

    Args:
        pair: both ends.
        at: where the T frames stand; where shape and appearance are both 0 stands the first crop, at 1 the second.
        codec: the networks.
        interpolation: of the compact code, along the great circle ("slerp") or the chord ("linear").
        quality: "best" lets the latent prior repair what two photos leave, "fast" does not.

    Returns:
        (T, 3, S, S) in [0, 1].
    """
    composite = compose(pair, at)
    picture = composite.picture
    between = (torch.minimum(at.appearance, 1 - at.appearance) / NEAR_END).clamp(0, 1).reshape(-1, 1, 1, 1)
    divided = (1 - (1 - 2 * composite.owner).abs()) * composite.differ * between
    chosen = divided.amax((1, 2, 3)) > LEAST_DIVIDED
    compact = _compact(pair, at.appearance[chosen], interpolation)
    if quality == "best" and chosen.any() and compact is not None:
        small, divided = resize(picture[chosen], codec.image_size), divided[chosen]
        repaired = _repairs(small, compact, divided, codec)
        picture = picture.clone()
        picture[chosen] += (
            maps.enlarge(repaired * (2 * divided).clamp_max(1), picture.shape[-1]) * composite.bare[chosen]
        )
    return picture.clamp(0, 1)


def _repairs(small: torch.Tensor, compact: torch.Tensor, divided: torch.Tensor, codec: MorphCodec) -> torch.Tensor:
    """Return what the prior changes, broadly: the difference of two decodes, (T, 3, m, m).

    Args:
        small: (T, 3, s, s) in [0, 1], the composite.
        compact: (T, D), who is to be seen.
        divided: (T, 1, m, m) in [0, 1], where two photos are seen by halves.
        codec: the networks.
    """
    spatial, own = codec.encode(small)
    repaired = codec.repair(spatial, compact, F.adaptive_avg_pool2d(divided, spatial.shape[-1]))
    change = codec.decode(repaired, compact) - codec.decode(spatial, own)
    soft = maps.enlarge(maps.box_mean(F.adaptive_avg_pool2d(change, SOFT_SIZE), 1), divided.shape[-1])
    light, colourful = maps.luma(soft), (small - maps.luma(small)).abs().mean((1, 2, 3), keepdim=True)
    return light + (soft - light) * (colourful / COLOURFUL).clamp_max(1)  # gray photos stay gray


def _compact(pair: Pair, alphas: torch.Tensor, interpolation: Interpolation) -> torch.Tensor | None:
    """Return the compact code of each of (T,) alphas, (T, D), on the way from one end's to the other's."""
    first, second = (end.compact for end in pair.ends)
    if first is None or second is None:
        return None
    first, second = (code.expand(len(alphas), -1) for code in (first, second))
    return (paths.slerp if interpolation == "slerp" else paths.lerp_unit)(first, second, alphas)


def choose_alphas(
    pair: Pair, num_frames: int, codec: MorphCodec, shape: float | None = None, appearance: float | None = None
) -> torch.Tensor:
    """Return `num_frames` alphas between which the eye sees equal change (`schedule.perceptual_alphas`)."""
    knots = schedule.probe_alphas((pair.times.inner, pair.times.outer), CHANGE)
    small = smaller(pair, PROBE_SIZE)
    for count in (schedule.SECOND_LOOK, num_frames):
        change = codec.change(probe(small, positions(knots, shape, appearance)))
        knots = schedule.perceptual_alphas(change**schedule.PACE, knots, count)
    return knots


def probe(pair: Pair, at: Positions) -> torch.Tensor:
    """Return small frames, (T, 3, PROBE_SIZE, PROBE_SIZE) in [0, 1], without the networks: to measure pace."""
    return compose(smaller(pair, PROBE_SIZE), at).picture.clamp(0, 1)
