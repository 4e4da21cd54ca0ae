"""What each place of a crop shows, drawn to the photo's edges: background, body, hair, hat."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt

from facemorph.morph import maps
from facemorph.morph.codec import Codec

BACKGROUND, HAIR, HAT = 0, 13, 14
"""Classes of the parser that are kinds of their own; all others are body."""
GUIDE_SIZE = 128
"""Side at which the guided filter is solved; its solution is applied at full size (He & Sun 2015)."""
REACH = 3
"""Radius of the guided filter, pixels of that size."""
EDGE = 1e-3
"""Variance of colour that counts as an edge for the guided filter."""
SHARPEN = 1.5
"""Contrast of the mattes round one half: the parser's edges are softer than hair is."""


def kinds(classes: torch.Tensor) -> torch.Tensor:
    """Return background, body, hair and hat, (B, 4, m, m) in [0, 1], of the classes (B, 19, m, m)."""
    behind, hair, hat = (classes[:, k : k + 1] for k in (BACKGROUND, HAIR, HAT))
    return torch.cat([behind, (1 - behind - hair - hat).clamp(0, 1), hair, hat], 1)


def draw(coarse: torch.Tensor, crop: torch.Tensor) -> torch.Tensor:
    """Draw coarse masks to the edges of the photo (fast guided filter, He & Sun 2015, RGB guide).

    Args:
        coarse: (1, C, m, m) in [0, 1].
        crop: (1, 3, S, S) in [0, 1].

    Returns:
        (1, C, S, S) in [0, 1].
    """
    box = functools.partial(maps.box_mean, reach=REACH)
    size = min(GUIDE_SIZE, crop.shape[-1])
    guide, count = maps.resize(crop, size), coarse.shape[1]
    target = F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=False)
    mean, mean_target = box(guide), box(target)
    variance = box(_products(guide, guide)) - _products(mean, mean)
    shared = box(_products(guide, target)) - _products(mean, mean_target)
    covariance = variance[0].permute(1, 2, 0).reshape(size, size, 3, 3) + EDGE * torch.eye(3)
    solved = torch.linalg.solve(covariance, shared[0].permute(1, 2, 0).reshape(size, size, 3, count))
    slope = solved.permute(2, 3, 0, 1)  # (3, C, g, g)
    offset = mean_target - (slope * mean[0].unsqueeze(1)).sum(0)
    smooth = maps.enlarge(box(torch.cat([slope.reshape(1, -1, size, size), offset], 1)), crop.shape[-1])
    slopes, offsets = torch.split(smooth, [3 * count, count], 1)
    drawn = (slopes.reshape(1, 3, count, *crop.shape[2:]) * crop.unsqueeze(2)).sum(1) + offsets
    clear: torch.Tensor = ((drawn - 0.5) * SHARPEN + 0.5).clamp(0, 1)
    return clear


def classify(crop: torch.Tensor, size: int, codec: Codec) -> torch.Tensor:
    """Tell which class each place of crops (1, 3, S, S) shows, drawn to their edges, (1, size, size) uint8."""
    drawn = draw(codec.classes(crop), maps.resize(crop, size).clamp(0, 1))
    return drawn.argmax(1).to(torch.uint8)


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


def way_inside(inside: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
    """Return the way from each place of a mask to `start` within the mask, over its eight neighbours.

    Args:
        inside: (m, m) bool.
        start: (m, m) bool, where the ways end.

    Returns:
        (m, m) float32, parts of the side; 2 where no way leads, also outside the mask.
    """
    size = inside.shape[-1]
    way = torch.where(start & inside, 0.0, torch.inf)
    diagonal = 2**0.5
    for _ in range(3 * size):
        wide = F.pad(way[None, None], (1,) * 4, value=torch.inf)[0, 0]
        straight = torch.stack([wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:]]).amin(0) + 1
        slanted = torch.stack([wide[:-2, :-2], wide[:-2, 2:], wide[2:, :-2], wide[2:, 2:]]).amin(0) + diagonal
        nearer = torch.where(inside, torch.minimum(way, torch.minimum(straight, slanted)), torch.inf)
        if torch.equal(nearer, way):
            break
        way = nearer
    return (way / size).clamp_max(2.0)


def _products(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the products of all channels of (1, A, g, g) and (1, B, g, g), (1, A · B, g, g)."""
    return (a.unsqueeze(2) * b.unsqueeze(1)).flatten(1, 2)
