"""Edits of attributes: warp to the geometry that the attributes ask for, change the code there, keep the rest.

Works on any picture whose landmarks are known: an aligned crop, or the frames of a morph.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from facemorph.attributes import Region
from facemorph.morph import detail, maps, warp
from facemorph.morph.codec import Codec, EditCodec
from facemorph.morph.maps import resize
from facemorph.morph.edit_regions import region_of_change

CHANGED = 0.2
"""Change, in [0, 1], at which the details of the photo no longer belong to what is there now."""
BELOW_CHIN = 0.05
"""Beginning at this part of the side below the chin, only hair is edited."""
LEAST = 0.4
"""Where a mask is less sure of the person than this, nothing is edited."""


def edit_pictures(
    pictures: torch.Tensor,
    points: torch.Tensor,
    present: torch.Tensor,
    change: torch.Tensor,
    regions: Sequence[Region],
    codec: EditCodec,
) -> torch.Tensor:
    """Change attributes of faces.

    Args:
        pictures: (B, 3, S, S) in [0, 1].
        points: (B, 68, 2) landmarks, parts of the side.
        present: (B, K) in [-1, 1], the attributes that the faces have.
        change: (B, K), added to them.
        regions: of the K attributes, where each shows; the rest stays.
        codec: the networks.

    Returns:
        (B, 3, S, S) in [0, 1]; exactly the picture where nothing is to change.
    """
    size, chosen = pictures.shape[-1], change.abs().amax(1) > 0
    if not chosen.any():
        return pictures
    edited = pictures.clone()
    pictures, points, present, change = (x[chosen] for x in (pictures, points, present, change))
    target = points + codec.move(change)
    warped = warp.warp(pictures, _flow(points, target))
    small, original = resize(warped, codec.image_size), resize(pictures, codec.image_size)
    spatial, compact = codec.encode(small)
    changed = codec.change_code(spatial, compact, target, present, change)
    before, after = codec.decode(spatial, compact), codec.decode(changed, compact)
    delta = after - before
    kept = torch.exp(-detail.local_mean(delta.square().mean(1, keepdim=True)) / CHANGED**2)
    details = warped - maps.enlarge(before, size)
    result = warped + maps.enlarge(delta, size) - (1 - maps.enlarge(kept, size)) * details
    shown = region_of_change(change, regions, points, *_head(codec, small, original, target))
    edited[chosen] = torch.lerp(pictures, result.clamp(0, 1), maps.enlarge(shown, size).clamp(0, 1))
    return edited


def _flow(points: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the backward flow (B, 2, g, g) that brings landmarks to their targets and leaves the border."""
    border = warp.border_points().expand(len(points), -1, -1)
    ends = [torch.cat([each.double(), border], 1) for each in (target, points)]
    return warp.backward_flows(*ends)[0]


def _head(
    codec: Codec, warped: torch.Tensor, original: torch.Tensor, points: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the head, the person down to the chin and all of the hair, and the hair: (B, 1, m, m) in [0, 1] each."""
    count = len(warped)
    parts = codec.parts(torch.cat([warped, original]))
    parts = ((torch.maximum(parts[:count], parts[count:]) - LEAST) / (1 - LEAST)).clamp(0, 1)
    person, hair = torch.split(parts, 1, dim=1)
    size = person.shape[-1]
    height = (torch.arange(size) + 0.5).reshape(1, 1, -1, 1) / size
    chin = points[:, 8, 1].float().reshape(-1, 1, 1, 1)
    above = ((chin + BELOW_CHIN - height) / BELOW_CHIN + 1).clamp(0, 1)
    return maps.box_mean(torch.maximum(person * above, hair), 1), hair
