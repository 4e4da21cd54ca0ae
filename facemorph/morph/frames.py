"""Frames of a morph: warp both photos to one geometry, blend their codes, decode, add the details back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from facemorph.morph import detail, ownership, paths, schedule, warp

NUM_LANDMARKS = 68
Interpolation: TypeAlias = Literal["slerp", "linear"]


class Codec(Protocol):
    """The networks as the morph uses them: tensors in, tensors out."""

    image_size: int

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(B, 3, s, s) in [0, 1] → spatial (B, C, h, w) and compact (B, D) code; None where there is no such code."""

    def decode(self, spatial: torch.Tensor, compact: torch.Tensor | None) -> torch.Tensor:
        """Codes → (B, 3, s, s) in about [0, 1]."""

    def person(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, s, s) in [0, 1] → (B, 1, m, m) in [0, 1], where the person is."""


@dataclass(frozen=True)
class Endpoint:
    """A face as one end of a morph.

    Attributes:
        points: (N, 2) float64 control points, parts of the side.
        small: (1, 3, s, s), the crop at the autoencoder's size.
        person: (1, 1, m, m) in [0, 1], where the person is.
        residual: (1, 3, S, S), the crop minus its reconstruction, at the size of the frames.
    """

    points: torch.Tensor
    small: torch.Tensor
    person: torch.Tensor
    residual: torch.Tensor


def prepare(crop: torch.Tensor, landmarks: npt.NDArray[np.float32], size: int, codec: Codec) -> Endpoint:
    """Make a face ready for any number of frames.

    Args:
        crop: (1, 3, C, C) in [0, 1], the canonical crop.
        landmarks: (68, 2) float32, pixels of the crop.
        size: side S of the frames in pixels.
        codec: the autoencoder.
    """
    small = resize(crop, codec.image_size)
    return Endpoint(
        warp.control_points(landmarks, crop.shape[-1]),
        small,
        codec.person(small),
        resize(crop, size) - resize(codec.decode(*codec.encode(small)), size),
    )


def resize(x: torch.Tensor, size: int) -> torch.Tensor:
    """Bring (B, C, S, S) to `size`, antialiased on the way down, bicubic on the way up."""
    if x.shape[-1] == size:
        return x
    down = size < x.shape[-1]
    if down and x.shape[-1] % size == 0:
        return F.interpolate(x, size=(size, size), mode="area")
    return F.interpolate(x, size=(size, size), mode="bicubic", antialias=down, align_corners=False)


def render_frames(
    a: Endpoint, b: Endpoint, alphas: torch.Tensor, codec: Codec, interpolation: Interpolation = "slerp"
) -> torch.Tensor:
    """Render the frames of a morph.

    Args:
        a, b: both ends.
        alphas: (T,) in [0, 1]; 0 gives `a`'s crop, 1 gives `b`'s.
        codec: the autoencoder.
        interpolation: of the compact code, along the great circle or the chord; the spatial code is blended linearly
            with its local norm kept ("slerp") or plainly ("linear").

    Returns:
        (T, 3, S, S) in [0, 1].
    """
    flow_a, flow_b = flows(a, b, alphas)
    small_a, small_b = warp.warp(a.small, flow_a), warp.warp(b.small, flow_b)
    weight = _hand_over(a, b, alphas, (flow_a, flow_b), (small_a, small_b))
    decoded = codec.decode(*_blend(codec.encode(small_a), codec.encode(small_b), alphas, weight, interpolation))
    residual = detail.blend_details(
        warp.warp(a.residual, flow_a),
        warp.warp(b.residual, flow_b),
        _enlarge(weight, a.residual.shape[-1]),
        detail.agreement(small_a, small_b),
    )
    return (resize(decoded, a.residual.shape[-1]) + residual).clamp(0, 1)


def flows(a: Endpoint, b: Endpoint, alphas: torch.Tensor) -> list[torch.Tensor]:
    """Return the backward flows (T, 2, g, g) of both ends to the landmarks at each alpha."""
    return warp.backward_flows(points_at(a, b, alphas), a.points, b.points)


def points_at(a: Endpoint, b: Endpoint, alphas: torch.Tensor) -> torch.Tensor:
    """Return the control points at each alpha, (T, N, 2) float64."""
    return torch.lerp(a.points.unsqueeze(0), b.points.unsqueeze(0), alphas.double().reshape(-1, 1, 1))


def choose_alphas(a: Endpoint, b: Endpoint, num_frames: int) -> torch.Tensor:
    """Return `num_frames` positions between which the eye sees equal change (`schedule.perceptual_alphas`).

    The pace is measured on small frames, warped and mixed without the autoencoder: a few per cent of the morph's cost.
    """
    alphas = schedule.even_alphas(schedule.PROBE_FRAMES)
    flow_a, flow_b = flows(a, b, alphas)
    small_a, small_b = warp.warp(a.small, flow_a), warp.warp(b.small, flow_b)
    weight = _hand_over(a, b, alphas, (flow_a, flow_b), (small_a, small_b))
    probe = torch.lerp(small_a, small_b, _enlarge(weight, a.small.shape[-1])).clamp(0, 1)
    return schedule.perceptual_alphas(schedule.frame_distances(probe), num_frames)


def _hand_over(
    a: Endpoint,
    b: Endpoint,
    alphas: torch.Tensor,
    flow: tuple[torch.Tensor, torch.Tensor],
    photos: tuple[torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    people = (warp.warp(a.person, flow[0]), warp.warp(b.person, flow[1]))
    return ownership.hand_over(alphas, points_at(a, b, alphas)[:, :NUM_LANDMARKS], photos, people)


def _enlarge(weight: torch.Tensor, size: int) -> torch.Tensor:
    return F.interpolate(weight, size=(size, size), mode="bilinear", align_corners=False)


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
