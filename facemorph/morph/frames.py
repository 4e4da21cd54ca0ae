"""Frames of a morph: warp both photos to one geometry, blend their codes, decode, add the details back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from facemorph.morph import detail, layers, maps, outline, ownership, paths, regions, schedule, traits, warp
from facemorph.morph.codec import Codec, MorphCodec
from facemorph.morph.layers import Layers
from facemorph.morph.maps import resize
from facemorph.morph.regions import Regions
from facemorph.morph.traits import Traits

NUM_LANDMARKS = 68
PROBE_SIZE = 128
LEAST_PERSON = 0.6
"""A mask that leaves out more of the face than this has failed."""
Interpolation: TypeAlias = Literal["slerp", "linear"]
Quality: TypeAlias = Literal["best", "fast"]


@dataclass(frozen=True)
class Positions:
    """Where the frames of a morph stand between its ends.

    Attributes:
        alphas: (T,) in [0, 1], what the frames are called by.
        shape: (T,) in [0, 1], where the geometry stands.
        appearance: (T,) in [0, 1], where colours, hair and all the rest stand.
    """

    alphas: torch.Tensor
    shape: torch.Tensor
    appearance: torch.Tensor


def positions(alphas: torch.Tensor, shape: float | None = None, appearance: float | None = None) -> Positions:
    """Return positions (T,) whose shape and appearance follow the alphas, or are held where a number is given."""
    held = (alphas if value is None else torch.full_like(alphas, value) for value in (shape, appearance))
    return Positions(alphas, *held)


@dataclass(frozen=True)
class Endpoint:
    """A face as one end of a morph.

    Attributes:
        points: (N, 2) float64 control points, parts of the side.
        layers: the crop at the size of the frames, as person and background.
        regions: what each place shows.
        strength: (1, 1, m, m), how strong the finest textures of the crop are (`detail.finest_strength`).
        radii: (D,) float64, how far the head reaches (`outline.radii`).
        traits: of the face.
        separate: whether the person could be told from the background; else all of the crop counts as person.
    """

    points: torch.Tensor
    layers: Layers
    regions: Regions
    strength: torch.Tensor
    radii: torch.Tensor
    traits: Traits
    separate: bool


def prepare(crop: torch.Tensor, landmarks: npt.NDArray[np.float32], size: int, codec: Codec) -> Endpoint:
    """Make a face ready for any number of frames.

    Args:
        crop: (1, 3, C, C) in [0, 1], the canonical crop.
        landmarks: (68, 2) float32, pixels of the crop.
        size: side S of the frames in pixels.
        codec: the autoencoder.
    """
    points = warp.control_points(landmarks, crop.shape[-1])
    small = resize(crop, codec.image_size)
    parts = layers.refine_mask(codec.parts(small), small)
    person = parts[:, :1]
    separate = bool(regions.at_points(person, points[:NUM_LANDMARKS]).mean() > LEAST_PERSON)
    if not separate:
        parts = torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1).expand_as(parts)
    membership = F.adaptive_avg_pool2d(regions.kinds(parts), regions.MAP_SIZE)
    sized = resize(crop, size)
    return Endpoint(
        points,
        layers.split(sized, parts[:, :1]),
        regions.measure(membership, small),
        detail.finest_strength(sized),
        outline.radii(parts[:, :1], _between_eyes(points)),
        Traits(traits.far_side(landmarks), traits.glasses(small, points[:NUM_LANDMARKS].numpy())),
        separate,
    )


def render_frames(
    a: Endpoint,
    b: Endpoint,
    positions: Positions,
    codec: MorphCodec,
    interpolation: Interpolation = "slerp",
    quality: Quality = "best",
) -> torch.Tensor:
    """Render the frames of a morph.

    Args:
        a, b: both ends.
        positions: of the T frames; where shape and appearance are both 0 stands `a`'s crop, at 1 `b`'s.
        codec: the networks.
        interpolation: of the compact code, along the great circle or the chord; the spatial code is blended linearly
            with its local norm kept ("slerp") or plainly ("linear").
        quality: "best" lets the latent prior repair what two photos leave, "fast" does not.

    Returns:
        (T, 3, S, S) in [0, 1].
    """
    (picture_a, picture_b), weight, strength = pictures(a, b, positions, codec.image_size)
    small_a, small_b = (resize(picture, codec.image_size) for picture in (picture_a, picture_b))
    code_a, code_b = codec.encode(small_a), codec.encode(small_b)
    mixed = _blend(code_a, code_b, positions.appearance, weight, interpolation)
    if quality == "best":
        divided = 1 - (1 - 2 * F.adaptive_avg_pool2d(weight, mixed[0].shape[-1])).abs()
        mixed = codec.repair(mixed[0], mixed[1], divided), mixed[1]
    decoded, bare_a, bare_b = (
        maps.enlarge(codec.decode(*code), picture_a.shape[-1]) for code in (mixed, code_a, code_b)
    )
    wide = maps.enlarge(weight, picture_a.shape[-1])
    agree = detail.agreement(small_a, small_b)
    frames = decoded + detail.blend_details(picture_a - bare_a, picture_b - bare_b, wide, agree)
    return detail.restore_strength(frames, strength).clamp(0, 1)


def pictures(
    a: Endpoint, b: Endpoint, positions: Positions, size: int
) -> tuple[tuple[torch.Tensor, torch.Tensor], torch.Tensor, torch.Tensor]:
    """Return both people as they are at each position, with the same surroundings.

    Beside them the part of the second at each place, and how strong the finest textures should be there.
    """
    alphas = positions.appearance
    flow_a, flow_b = flows(a, b, positions)
    background = layers.dissolve(a.layers.background, b.layers.background, alphas, _turn(b) - _turn(a))
    regions_a, regions_b = _warp_regions(a.regions, flow_a), _warp_regions(b.regions, flow_b)
    whole_a = _whole(a, flow_a, background, regions.recolouring(regions_a, regions_b, alphas), alphas)
    whole_b = _whole(b, flow_b, background, regions.recolouring(regions_b, regions_a, 1 - alphas), 1 - alphas)
    weight, blend = ownership.hand_over(
        alphas,
        landmarks_at(a, b, positions.shape),
        (resize(whole_a, size), resize(whole_b, size)),
        regions_a,
        regions_b,
        (a.traits, b.traits),
    )
    strong_a, strong_b = warp.warp(a.strength, flow_a), warp.warp(b.strength, flow_b)
    strength = torch.lerp(strong_a, strong_b, maps.enlarge(weight, strong_a.shape[-1]))
    weight_wide, blend_wide = maps.enlarge(weight, whole_a.shape[-1]), maps.enlarge(blend, whole_a.shape[-1])
    handed = (1 - blend_wide) * weight_wide
    return (torch.lerp(whole_a, whole_b, handed), torch.lerp(whole_a, whole_b, handed + blend_wide)), weight, strength


def _turn(end: Endpoint) -> float:
    """Return how far the tip of the nose lies to the right of the eyes, parts of the side."""
    return float(end.points[30, 0] - _between_eyes(end.points)[0])


def _whole(
    end: Endpoint, flow: torch.Tensor, background: torch.Tensor, colours: torch.Tensor, away: torch.Tensor
) -> torch.Tensor:
    person = warp.warp(end.layers.person, flow)
    factor, offset = torch.split(maps.enlarge(colours, person.shape[-1]), [1, 3], dim=1)
    return layers.compose(torch.cat([person[:, :3] * factor + offset, person[:, 3:]], 1), background, away)


def _warp_regions(still: Regions, flow: torch.Tensor) -> Regions:
    parts = (still.membership, still.distance, still.tone)
    warped = warp.warp(torch.cat(parts, 1), flow)
    membership, distance, tone = torch.split(warped, [x.shape[1] for x in parts], dim=1)
    membership = membership.clamp(0, 1)
    return Regions(membership / membership.sum(1, keepdim=True).clamp_min(1e-6), distance, tone)


def flows(a: Endpoint, b: Endpoint, positions: Positions) -> list[torch.Tensor]:
    """Return the backward flows (T, 2, g, g) of both ends to their geometry at each position.

    The face follows the shape; the outline of hair is appearance.
    """
    centre_a, centre_b = _between_eyes(a.points), _between_eyes(b.points)
    radii_a, radii_b, direction = outline.shared_radii(a.radii, b.radii)
    centre = _between(centre_a, centre_b, positions.shape).unsqueeze(1)
    reach = _between(radii_a, radii_b, positions.appearance).unsqueeze(2)
    target = torch.cat([_between(a.points, b.points, positions.shape), centre + reach * direction], 1)
    ends = [
        torch.cat([end.points, middle + radii.unsqueeze(1) * direction])
        for end, middle, radii in ((a, centre_a, radii_a), (b, centre_b, radii_b))
    ]
    return warp.backward_flows(target, *ends)


def landmarks_at(a: Endpoint, b: Endpoint, shape: torch.Tensor) -> torch.Tensor:
    """Return the landmarks at each of (T,) positions, (T, 68, 2) float64."""
    return _between(a.points[:NUM_LANDMARKS], b.points[:NUM_LANDMARKS], shape)


def _between(a: torch.Tensor, b: torch.Tensor, alphas: torch.Tensor) -> torch.Tensor:
    return torch.lerp(a.unsqueeze(0), b.unsqueeze(0), alphas.double().reshape(-1, *[1] * a.ndim))


def _between_eyes(points: torch.Tensor) -> torch.Tensor:
    return points[36:48].mean(0)


def choose_alphas(
    a: Endpoint,
    b: Endpoint,
    num_frames: int,
    codec: MorphCodec,
    shape: float | None = None,
    appearance: float | None = None,
) -> torch.Tensor:
    """Return `num_frames` alphas between which the eye sees equal change (`schedule.perceptual_alphas`)."""
    probes = probe(a, b, positions(schedule.even_alphas(schedule.PROBE_FRAMES), shape, appearance))
    return schedule.perceptual_alphas(codec.change(probes) ** schedule.PACE, num_frames)


def probe(a: Endpoint, b: Endpoint, positions: Positions) -> torch.Tensor:
    """Return small frames, (T, 3, PROBE_SIZE, PROBE_SIZE) in [0, 1], mixed without the autoencoder: to measure pace."""
    (picture_a, picture_b), weight, _ = pictures(_reduced(a), _reduced(b), positions, PROBE_SIZE)
    return torch.lerp(picture_a, picture_b, maps.enlarge(weight, PROBE_SIZE)).clamp(0, 1)


def _reduced(end: Endpoint) -> Endpoint:
    person, background = resize(end.layers.person, PROBE_SIZE), resize(end.layers.background, PROBE_SIZE)
    return replace(end, layers=Layers(person, background))


def _blend(
    a: tuple[torch.Tensor, torch.Tensor | None],
    b: tuple[torch.Tensor, torch.Tensor | None],
    alphas: torch.Tensor,
    weight: torch.Tensor,
    interpolation: Interpolation,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    weight = F.adaptive_avg_pool2d(weight, a[0].shape[-1])
    spatial = paths.mix_maps(a[0], b[0], weight) if interpolation == "slerp" else torch.lerp(a[0], b[0], weight)
    if a[1] is None or b[1] is None:
        return spatial, None
    unit = paths.slerp if interpolation == "slerp" else paths.lerp_unit
    return spatial, unit(a[1], b[1], alphas)
