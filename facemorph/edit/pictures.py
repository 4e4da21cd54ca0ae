"""Edits of attributes: warp to the geometry that the attributes ask for, change the code there, keep the rest.

What is only a colour does not go through the code: hair, skin or lips are tinted at full resolution. So are wrinkles
softened or deepened.

Works on any picture whose landmarks are known: an aligned crop, or the frames of a morph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from facemorph.attributes import TINTED, Attribute, Painting
from facemorph.edit.paint import paint
from facemorph.edit.regions import face_skin, part_masks, region_of_change
from facemorph.edit.skin import change_texture
from facemorph.edit.tint import colour_of, recolour
from facemorph.morph import maps, warp
from facemorph.morph.codec import Codec
from facemorph.morph.maps import resize

BELOW_CHIN = 0.05
"""Beginning at this part of the side below the chin, only hair is edited."""
SOFT = 1
"""By so many pixels of the small picture the edges of a tint are softened."""
LEAST = 0.4
"""Where a mask is less sure of the person than this, nothing is edited."""


class EditCodec(Codec, Protocol):
    """What an edit needs besides; K attributes, points in parts of the side."""

    def move(self, change: torch.Tensor) -> torch.Tensor:
        """(B, K) changes of attributes → (B, 68, 2), by how much landmarks move."""

    def changed(
        self, x: torch.Tensor, points: torch.Tensor, present: torch.Tensor, change: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures (B, 3, s, s) in the geometry of `points` → decoded as they are, and with changed attributes."""

    def tint(self, change: torch.Tensor, column: int, colour: torch.Tensor, skin: torch.Tensor) -> torch.Tensor:
        """Colours of a part (B, 4) and of the skin (B, 3), of `edit.tint` → of the part as (B, K) changes make it."""


def edit_pictures(
    pictures: torch.Tensor,
    points: torch.Tensor,
    present: torch.Tensor,
    change: torch.Tensor,
    kinds: Sequence[Attribute],
    codec: EditCodec,
) -> torch.Tensor:
    """Change attributes of faces.

    Args:
        pictures: (B, 3, S, S) in [0, 1].
        points: (B, 68, 2) landmarks, parts of the side.
        present: (B, K) in [-1, 1], the attributes that the faces have.
        change: (B, K), added to them.
        kinds: the K attributes: where each shows and how it is painted.
        codec: the networks.

    Returns:
        (B, 3, S, S) in [0, 1]; exactly the picture where nothing is to change.
    """
    tinted = torch.tensor([kind.region in TINTED for kind in kinds])
    for painting in dict.fromkeys(kind.painting for kind in kinds):
        alike = torch.tensor([kind.painting == painting for kind in kinds])
        part = torch.where(alike & ~tinted, change, 0.0)
        target = points + codec.move(part)
        pictures = _through_the_code(pictures, (points, target), present, part, kinds, painting, codec)
        points = target
        pictures = _roughened(pictures, points, part, kinds, codec)  # at once: what comes later lies on the skin
    return _tinted(pictures, points, torch.where(tinted, change, 0.0), kinds, codec)


def _through_the_code(
    pictures: torch.Tensor,
    moved: tuple[torch.Tensor, torch.Tensor],
    present: torch.Tensor,
    change: torch.Tensor,
    kinds: Sequence[Attribute],
    painting: Painting,
    codec: EditCodec,
) -> torch.Tensor:
    size, chosen = pictures.shape[-1], change.abs().amax(1) > 0
    if not chosen.any():
        return pictures
    edited = pictures.clone()
    pictures, points, target, present, change = (x[chosen] for x in (pictures, *moved, present, change))
    warped = warp.warp(pictures, _flow(points, target))
    small, original = resize(warped, codec.image_size), resize(pictures, codec.image_size)
    before, after = codec.changed(small, target, present, change)
    result = paint(warped, before, after, change.sum(1) > 0, painting)
    regions = [kind.region for kind in kinds]
    lower = torch.maximum(points[:, 8, 1], target[:, 8, 1])
    shown = region_of_change(change, regions, points, _head(codec, small, original, lower))
    edited[chosen] = torch.lerp(pictures, result.clamp(0, 1), maps.enlarge(shown, size).clamp(0, 1))
    return edited


def _roughened(
    pictures: torch.Tensor, points: torch.Tensor, change: torch.Tensor, kinds: Sequence[Attribute], codec: EditCodec
) -> torch.Tensor:
    rougher = (change * torch.tensor([kind.roughens for kind in kinds])).sum(1)
    chosen = rougher != 0
    if not chosen.any():
        return pictures
    edited, size = pictures.clone(), codec.image_size
    pictures, points = pictures[chosen], points[chosen]
    skin = part_masks(codec.parts(resize(pictures, size)), points, size)["skin"] * face_skin(points, size)
    edited[chosen] = change_texture(pictures, skin, rougher[chosen])
    return edited


def _tinted(
    pictures: torch.Tensor, points: torch.Tensor, change: torch.Tensor, kinds: Sequence[Attribute], codec: EditCodec
) -> torch.Tensor:
    chosen = change.abs().amax(1) > 0
    if not chosen.any():
        return pictures
    edited = pictures.clone()
    pictures, points, change = (x[chosen] for x in (pictures, points, change))
    size = codec.image_size
    small = resize(pictures, size)
    masks = part_masks(codec.parts(small), points, size)
    for column in change.abs().amax(0).nonzero()[:, 0].tolist():
        mask = masks[kinds[column].region]
        before = colour_of(small, mask)
        after = codec.tint(change, column, before, colour_of(small, masks["skin"])[:, :3])
        soft = maps.enlarge(maps.box_mean(mask, SOFT), pictures.shape[-1]).clamp(0, 1)
        pictures = recolour(pictures, soft, before, after)
        small = resize(pictures, size)
    edited[chosen] = pictures
    return edited


def _flow(points: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the backward flow (B, 2, g, g) that brings landmarks to their targets and leaves the border."""
    border = warp.border_points().expand(len(points), -1, -1)
    ends = [torch.cat([each.double(), border], 1) for each in (target, points)]
    return warp.backward_flows(*ends)[0]


def _head(codec: Codec, warped: torch.Tensor, original: torch.Tensor, chin: torch.Tensor) -> torch.Tensor:
    """Return where the head is, (B, 1, m, m) in [0, 1]: the person down to the chin (B,), and all of the hair."""
    count = len(warped)
    parts = codec.parts(torch.cat([warped, original]))
    parts = ((torch.maximum(parts[:count], parts[count:]) - LEAST) / (1 - LEAST)).clamp(0, 1)
    person, hair = torch.split(parts, 1, dim=1)
    size = person.shape[-1]
    height = (torch.arange(size) + 0.5).reshape(1, 1, -1, 1) / size
    above = ((chin.float().reshape(-1, 1, 1, 1) + BELOW_CHIN - height) / BELOW_CHIN + 1).clamp(0, 1)
    return maps.box_mean(torch.maximum(person * above, hair), 1)
