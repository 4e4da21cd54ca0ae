"""Heads that turn: both photos on one head in three dimensions, seen from where the frame stands.

Each photo is the texture of its own head (`facemorph.head`). The head of a frame lies between both, in a pose on the
shortest rotation between theirs, and shows at each place what either photo shows of the same point of the head (view
morphing: Seitz & Dyer 1996). A point that a photo does not show, or only at a slant, is taken from its mirror image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy.spatial.transform import Rotation

from facemorph.head import Head, HeadFit, OwnHead, Raster, fit_head, own_head, rasterise
from facemorph.head.landmarks import smoothstep
from facemorph.morph import maps
from facemorph.morph.warp import MIDDLE_SIZE, cell_centres

Array = npt.NDArray[np.floating]

DEPTH_SIZE, DEPTH_NEAR = 128, 0.1
"""Side of the map of a photo's depth; by how much, in distances between the eyes, what it shows may lie behind it."""
FROM, FULLY = 6.0, 16.0
"""Degrees between two poses from which on they differ, and from which on fully."""
SLANT = (0.05, 0.3)
"""Cosines to the viewer between which a photo begins to show a place."""
EDGEWISE = (-0.1, 0.05)
"""Cosines to the viewer between which a photo begins to show it at all."""
STRETCH = (1.15, 2.1)
"""Stretches of a photo's places in a frame between which it stops showing them."""
ISLAND, MARGIN, SOFT = 3, 1, 1
"""Places of the grid: what is seen and smaller than twice the first is not; its edge moves in by the second, and is
averaged over the third, twice."""
CONTOUR = np.linspace(195, -15, 17)
"""Directions from the middle of a face to the points of its contour, degrees from the viewer's right over the chin."""
BESIDE = 6.0
"""Degrees to both sides of such a direction in which the contour is looked for."""
MIDDLE = np.array([0.0, 0.45, -0.3])
"""The middle of a face, in the head's frame."""
EYES, INNER = slice(36, 48), slice(17, 68)
"""Landmarks."""


@dataclass(frozen=True)
class TexturedHead:
    """A photo on its own head; places are parts of the side.

    Attributes:
        head: the mean head; V are the places of its grid.
        fit: how it is turned, in the photo or elsewhere.
        own: its own head.
        landmarks: (68, 2) float64, where the photo has them by the head, with the contour of the face for the jaw.
        places: (V, 2), where the photo has each point of the surface.
        facing: (V,) cosines of the surface to the viewer.
        seen: (V,) in [0, 1], where the photo shows its skin.
        turned_to: (V,) in [0, 1], where the photo shows it, or what covers it.
        edgewise: (V,) in [0, 1], the same at whatever slant.
    """

    head: Head
    fit: HeadFit
    own: OwnHead
    landmarks: torch.Tensor
    places: Array
    facing: Array
    seen: Array
    turned_to: Array
    edgewise: Array

    def flipped(self, values: Array) -> Array:
        """Return what (..., V, C) values are at the mirror image of each point."""
        rows, columns = self.head.surface.shape[:2]
        *before, _, channels = values.shape
        return values.reshape(*before, rows, columns, channels)[..., ::-1, :].reshape(values.shape)


@dataclass(frozen=True)
class Unshown:
    """What two photos do not show of the heads of T frames: lists of two, (T, 1, m, m) in [0, 1] each.

    Attributes:
        hidden: where the photo's mirror image shows more than its place.
        unseen: where it shows neither these nor what covers them; nowhere if both are one photo, which can't lend it.
        behind: where it shows nothing of the place, or hardly and its mirror image skin: hair there lies elsewhere.
        both: where it shows place and mirror image.
    """

    hidden: list[torch.Tensor]
    unseen: list[torch.Tensor]
    behind: list[torch.Tensor]
    both: list[torch.Tensor]


@dataclass(frozen=True)
class Views:
    """Heads of T frames between two photos; maps are (T, C, m, m), places parts of the side. Lists are of two photos.

    Attributes:
        landmarks: (T, 68, 2) float64, with the contour of the face for the jaw.
        flows: (T, 2, m, m) each, backward flows to the photo.
        mirrored: (T, 2, m, m) each, those to the mirror image of a place.
        front: (T, 1, m, m) in [0, 1], where the flows hold, less where heads are hardly turned.
        unshown: what the photos do not show.
    """

    landmarks: torch.Tensor
    flows: list[torch.Tensor]
    mirrored: list[torch.Tensor]
    front: torch.Tensor
    unshown: Unshown


@dataclass(frozen=True)
class _Posed:
    """The head of one frame: (V, 3) projected vertices, (V,) cosines to the viewer, and (68, 2) landmarks."""

    vertices: Array
    cosines: Array
    landmarks: Array


def texture(head: Head, landmarks: npt.NDArray[np.float64], bare: torch.Tensor) -> TexturedHead | None:
    """Lay a photo on its own head; None where no head explains the landmarks.

    Args:
        head: the mean head.
        landmarks: (68, 2), parts of the side.
        bare: (1, 1, m, m) in [0, 1], where skin is seen.
    """
    fit = fit_head(head, landmarks)
    if not fit.told:
        return None
    own = own_head(head, fit, landmarks)
    facing = own.normals().reshape(-1, 3) @ fit.rotation[2]
    vertices = fit.project(own.surface.reshape(-1, 3))
    nearest = _drawn(vertices, head, DEPTH_SIZE).map(vertices[:, 2:], -np.inf)[..., 0]
    x, y = (np.clip(np.round(vertices[:, i] * DEPTH_SIZE - 0.5), 0, DEPTH_SIZE - 1).astype(int) for i in (0, 1))
    before = vertices[:, 2] > nearest[y, x] - DEPTH_NEAR * fit.scale
    grid = torch.from_numpy(2 * vertices[:, :2] - 1).float().reshape(1, 1, -1, 2)
    shown = F.grid_sample(bare, grid, padding_mode="zeros", align_corners=False)[0, 0, 0].numpy()
    contour = _contour(vertices[:, :2], fit.project(MIDDLE)[:2], head, fit.rotation)
    marks = torch.from_numpy(np.concatenate([contour, fit.project(own.points)[INNER, :2]]))
    turned_to, edgewise = before * smoothstep(*SLANT, facing), before * smoothstep(*EDGEWISE, facing)
    return TexturedHead(head, fit, own, marks, vertices[:, :2], facing, turned_to * shown, turned_to, edgewise)


def turned(a: TexturedHead | None, b: TexturedHead | None) -> float:
    """Return how far two heads are turned differently, in [0, 1]; 0 where one of them is not told.

    One photo in two poses is turned fully.
    """
    if a is None or b is None:
        return 0.0
    angle = _angle(a, b)
    return float(angle > 0) if a.places is b.places else float(smoothstep(FROM, FULLY, np.array(angle)))


def draw(a: TexturedHead, b: TexturedHead, heads: torch.Tensor, shares: torch.Tensor) -> Views:
    """Draw the heads of frames.

    Args:
        a, b: both photos.
        heads: (T,) in [0, 1], how far the head has turned from the first to the second.
        shares: (T, 68) in [0, 1], how far each landmark has moved.
    """
    at = heads.double().numpy()
    posed = [_pose(a, b, x, share) for x, share in zip(at, shares.double().numpy(), strict=True)]
    cosines = np.stack([x.cosines for x in posed])
    shown = []
    for photo in (a, b):
        facing, seen = (photo.flipped(x[:, None])[:, 0] for x in (photo.facing, photo.seen))
        shown.append(_shown(cosines, photo.facing, photo.seen, a.head))
        shown.append(_shown(cosines, facing, seen, a.head))
        shown.append(_shown(cosines, photo.facing, photo.turned_to, a.head))
        shown.append(np.broadcast_to(photo.edgewise, cosines.shape))
    places = [x for photo in (a, b) for x in (photo.places, photo.flipped(photo.places))]
    drawn = []
    for number, frame in enumerate(posed):
        everything = [*places, a.head.front.reshape(-1, 1), *(x[number][:, None] for x in shown)]
        drawn.append(_drawn(frame.vertices, a.head, MIDDLE_SIZE).map(np.concatenate(everything, 1)))
    laid = torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2)
    here = cell_centres(MIDDLE_SIZE).T.reshape(2, MIDDLE_SIZE, MIDDLE_SIZE)
    flows = [laid[:, 2 * i : 2 * i + 2] - here for i in range(4)]
    front, *maps_of = (laid[:, i : i + 1] for i in range(8, 17))
    unshown, turn = Unshown([], [], [], []), turned(a, b)
    lends = float(a.places is not b.places)
    for way, (bare, mirror, shows, edgewise) in zip((at, 1 - at), (maps_of[:4], maps_of[4:]), strict=True):
        away = torch.from_numpy(smoothstep(FROM, FULLY, _angle(a, b) * way)).float().reshape(-1, 1, 1, 1)
        away = turn * away * front
        unshown.hidden.append(away * (1 - bare) * mirror)
        unshown.unseen.append(lends * away * (1 - shows) * (1 - mirror))
        unshown.behind.append(away * torch.maximum(1 - edgewise, (1 - shows) * mirror))
        unshown.both.append(front * bare * mirror)
    landmarks = torch.from_numpy(np.stack([x.landmarks for x in posed]))
    return Views(landmarks, flows[::2], flows[1::2], turn * front, unshown)


def _pose(a: TexturedHead, b: TexturedHead, at: float, shares: Array) -> _Posed:
    """Pose the head of a frame: the eyes' middle and the size go straight, the rotation by the shortest way."""
    head, own = a.head, [photo.own.points - a.head.points for photo in (a, b)]
    moved = ((1 - shares[:, None]) * own[0] + shares[:, None] * own[1]).astype(np.float32)
    scale = a.fit.scale ** (1 - at) * b.fit.scale**at
    rotation = Rotation.from_rotvec(at * _rotation_vector(a, b)).as_matrix() @ a.fit.rotation
    points = scale * (head.points + moved) @ rotation.T
    eyes = [photo.fit.project(photo.own.points[EYES])[:, :2].mean(0) for photo in (a, b)]
    place = (1 - at) * eyes[0] + at * eyes[1] - points[EYES, :2].mean(0)
    vertices = scale * (head.surface.reshape(-1, 3) + head.spread @ moved) @ rotation.T
    vertices[:, :2] += place
    normals = [photo.own.normals().reshape(-1, 3) for photo in (a, b)]
    normal = (1 - at) * normals[0] + at * normals[1]
    cosines = normal @ rotation[2] / np.maximum(np.linalg.norm(normal, axis=1), 1e-6)
    contour = _contour(vertices[:, :2], scale * (rotation @ MIDDLE)[:2] + place, head, rotation)
    return _Posed(vertices, cosines, np.concatenate([contour, points[INNER, :2] + place]))


def _rotation_vector(a: TexturedHead, b: TexturedHead) -> Array:
    """Return the shortest rotation from one pose to the other, (3,) its axis by its angle in radians."""
    return np.asarray(Rotation.from_matrix(b.fit.rotation @ a.fit.rotation.T).as_rotvec())


def _angle(a: TexturedHead, b: TexturedHead) -> float:
    return float(np.degrees(np.linalg.norm(_rotation_vector(a, b))))


def _drawn(vertices: Array, head: Head, size: int) -> Raster:
    scaled = vertices * size
    scaled[:, :2] -= 0.5
    return rasterise(scaled, head.triangles, (size, size))


def _contour(places: Array, middle: Array, head: Head, rotation: Array) -> Array:
    """Return the contour of a projected face, (17, 2): how far it reaches from its middle in each direction."""
    offset = (places - middle)[head.front.reshape(-1) > 0.5]
    angle, length = np.degrees(np.arctan2(offset[:, 1], offset[:, 0])), np.linalg.norm(offset, axis=1)
    directions = CONTOUR + np.degrees(np.arctan2(rotation[1, 0], rotation[0, 0]))
    away = np.abs((angle - directions[:, None] + 180) % 360 - 180)
    reach = np.where(away < BESIDE, length * np.cos(np.radians(away)), 0).max(1, keepdims=True)
    radians = np.radians(directions)
    return np.asarray(middle + reach * np.stack([np.cos(radians), np.sin(radians)], 1))


def _shown(cosines: Array, facing: Array, seen: Array, head: Head) -> Array:
    """Return where a photo shows the points of frames, (T, V) in [0, 1]; `cosines` (T, V) are those of the frames."""
    stretch = np.maximum(cosines, 0) / np.maximum(facing, 1e-3)
    shown = torch.from_numpy(seen * (1 - smoothstep(*STRETCH, stretch))).float().reshape(-1, 1, *head.surface.shape[:2])
    opened = _widened(_narrowed(shown, ISLAND), ISLAND)
    return maps.smooth_mean(_narrowed(opened, MARGIN), SOFT).flatten(1).numpy()


def _widened(x: torch.Tensor, reach: int) -> torch.Tensor:
    across = F.max_pool2d(x, (1, 2 * reach + 1), 1, (0, reach))
    return F.max_pool2d(across, (2 * reach + 1, 1), 1, (reach, 0))


def _narrowed(x: torch.Tensor, reach: int) -> torch.Tensor:
    return -_widened(-x, reach)
