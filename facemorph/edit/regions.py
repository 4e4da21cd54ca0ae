"""Where on a head an edit of an attribute may show, as soft masks in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from facemorph.attributes import Region
from facemorph.morph import maps, warp
from facemorph.morph.landmark_windows import inside

MOUTH_BESIDE, MOUTH_ABOVE, MOUTH_BELOW = 1.25, 1.1, 1.7
"""How far the region of the mouth reaches from its middle, in distances between the eyes: up to the eyes, below the
chin."""
EYES_BESIDE, EYES_ABOVE, EYES_BELOW = 1.25, 0.75, 0.62
"""The same from between the eyes: temples, brows and the rims of glasses."""
FOREHEAD_BESIDE, FOREHEAD_ABOVE, FOREHEAD_BELOW = 1.7, 2.2, 0.5
"""The same from between the brows: forehead and the hair round it, down to the eyes."""
INNER = 0.7
"""Up to this part of a region an edit shows in full."""
UNSURE, SURE = 0.25, 0.75
"""Nothing is tinted where the masks are less sure of hair than the first, all where they are surer than the second."""
SKIN_UNSURE, SKIN_SURE = 0.5, 0.95
"""The same for skin, whose edges lie before what is far lighter or darker."""
LIPS, OPENING = slice(48, 60), slice(60, 68)
FEATURES = (slice(36, 42), slice(42, 48), LIPS)
"""Landmarks around what is no skin: eyes and lips."""
JAW, BROWS, NOSTRILS = slice(0, 17), (slice(17, 22), slice(22, 27)), slice(31, 36)
THICK = 0.07
"""Thickness of brows and nostrils, above landmarks that lie below or in them, in heights of the face below the eyes."""
FOREHEAD = 0.75
"""The forehead is the jaw turned up, by so much of its height."""
OUTLINE = 0.03
"""Half of what it takes, in parts of the side, from the outline of the face to where skin is taken for skin in full."""
CLEAR = 1 / 64
"""So far from features, in parts of the side, skin is taken for skin; so softly it begins."""


def around_mouth(points: torch.Tensor, size: int) -> torch.Tensor:
    """Return the region of mouth and chin of (B, 68, 2) landmarks, parts of the side, (B, 1, size, size)."""
    centre = points[:, 48:68].mean(1, keepdim=True)
    return _oval(points, centre, (MOUTH_BESIDE, MOUTH_ABOVE, MOUTH_BELOW), size)


def around_eyes(points: torch.Tensor, size: int) -> torch.Tensor:
    """Return the region of eyes, brows and temples of (B, 68, 2) landmarks, parts of the side, (B, 1, size, size)."""
    centre = points[:, 36:48].mean(1, keepdim=True)
    return _oval(points, centre, (EYES_BESIDE, EYES_ABOVE, EYES_BELOW), size)


def around_forehead(points: torch.Tensor, size: int) -> torch.Tensor:
    """Return the region of forehead and hairline of (B, 68, 2) landmarks, parts of the side, (B, 1, size, size)."""
    centre = points[:, 17:27].mean(1, keepdim=True)
    return _oval(points, centre, (FOREHEAD_BESIDE, FOREHEAD_ABOVE, FOREHEAD_BELOW), size)


def region_of_change(
    change: torch.Tensor, regions: Sequence[Region], points: torch.Tensor, head: torch.Tensor
) -> torch.Tensor:
    """Return where an edit through the code may show: wherever one of the attributes that change does.

    Args:
        change: (B, K), what is added to the attributes.
        regions: of the K attributes; what is only tinted does not show here.
        points: (B, 68, 2) landmarks, parts of the side.
        head: (B, 1, m, m) in [0, 1], where head and hair are.

    Returns:
        (B, 1, m, m) in [0, 1], never more than `head`.
    """
    size = head.shape[-1]
    masks: dict[Region, torch.Tensor] = {
        "head": torch.ones_like(head),
        "mouth": around_mouth(points, size),
        "eyes": around_eyes(points, size),
        "forehead": around_forehead(points, size),
    }
    shown = torch.zeros_like(head)
    for column, region in enumerate(regions):
        if region in masks:
            changes = (change[:, column] != 0).reshape(-1, 1, 1, 1)
            shown = torch.where(changes, torch.maximum(shown, masks[region]), shown)
    return head * shown


def part_masks(parts: torch.Tensor, points: torch.Tensor, size: int) -> dict[Region, torch.Tensor]:
    """Return where the parts are that can be tinted.

    Args:
        parts: (B, 2, m, m) in [0, 1], person and hair.
        points: (B, 68, 2) landmarks, parts of the side.
        size: side of the masks.

    Returns:
        By part (B, 1, size, size) in [0, 1]. The skin is that of face and neck, without eyes and lips.
    """
    person, hair = torch.split(maps.enlarge(parts, size).clamp(0, 1), 1, dim=1)
    hair = ((person * hair - UNSURE) / (SURE - UNSURE)).clamp(0, 1)
    bare = 1 - torch.stack([inside(points[:, outline].float(), size) for outline in FEATURES]).amax(0)
    lips = inside(points[:, LIPS].float(), size) * (1 - inside(points[:, OPENING].float(), size))
    skin = ((person - SKIN_UNSURE) / (SKIN_SURE - SKIN_UNSURE)).clamp(0, 1) * (1 - hair) * bare
    return {"hair": hair, "skin": skin, "lips": person * lips}


def face_skin(points: torch.Tensor, size: int) -> torch.Tensor:
    """Return where the face is bare of features: no eyes, brows, nostrils, lips, (B, 1, size, size) in [0, 1].

    Args:
        points: (B, 68, 2) landmarks, parts of the side.
        size: side of the mask.
    """
    points, reach = points.float(), max(1, round(CLEAR * size))
    eyes = points[:, 36:48].mean(1, keepdim=True)
    down = points[:, 8:9] - eyes
    height = down.norm(dim=2, keepdim=True)
    axis = down / height
    jaw = points[:, JAW]
    forehead = jaw - (1 + FOREHEAD) * ((jaw - eyes) * axis).sum(2, keepdim=True) * axis
    features = [points[:, outline] for outline in FEATURES]
    for line in (*BROWS, NOSTRILS):
        features.append(torch.cat([points[:, line], (points[:, line] - THICK * down).flip(1)], 1))
    covered = torch.stack([inside(outline, size) for outline in features]).amax(0)
    covered = F.max_pool2d(covered, 2 * reach + 1, 1, reach)
    face, edge = inside(torch.cat([jaw, forehead.flip(1)], 1), size), max(1, round(OUTLINE * size))
    within = (2 * maps.box_mean(maps.box_mean(face, edge), edge) - 1).clamp(0, 1)
    bare = face * (1 - covered)
    return within * bare * maps.box_mean(maps.box_mean(bare, reach), reach)


def _oval(points: torch.Tensor, centre: torch.Tensor, reach: tuple[float, float, float], size: int) -> torch.Tensor:
    points = points.float()
    unit = (points[:, 42:48].mean(1) - points[:, 36:42].mean(1)).norm(dim=1).reshape(-1, 1)
    away = (warp.cell_centres(size).unsqueeze(0) - centre.float()) / unit.unsqueeze(2)
    x, y = away.unbind(2)
    beside, above, below = reach
    radius = torch.hypot(x / beside, y / torch.where(y < 0, above, below))
    return ((1 - radius) / (1 - INNER)).clamp(0, 1).reshape(-1, 1, size, size)
