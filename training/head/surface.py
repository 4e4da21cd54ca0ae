"""The dense mean head: the teacher's mean mesh, pulled to our 68 points, seen from inside on a grid, closed behind.

A ray in every direction of the grid meets the head once. Where the teacher's mesh ends, at the hairline, the jaw and
before the ears, the logarithm of the radius goes on as a thin plate towards that of an ellipsoid, the skull.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.interpolate import RBFInterpolator
from scipy.spatial import Delaunay, cKDTree

from facemorph.head.landmarks import LEFT_EYE, RIGHT_EYE, smoothstep

Array = npt.NDArray[np.float64]

CENTRE = np.array([0.0, 0.45, -0.95])
"""Where the rays start, in the head's frame."""
AZIMUTH = 118.0
"""Degrees to each side that the grid's columns reach; 0 is forwards."""
ELEVATION = (-64.0, 80.0)
"""Degrees from the first to the last row; positive is downwards."""
DENSER = 0.35
"""How much nearer to each other the columns are in front: the spacing there is 1 - this of the mean."""
SKULL_CENTRE, SKULL_AXES = np.array([0.0, -0.25, -1.25]), np.array([1.24, 1.62, 1.55])
CLEARANCE = 32.0
"""Degrees from the teacher's mesh at which the skull is certain."""
STIFFNESS = 0.03
"""Of the spline that bends the mesh to the 68 points."""
SMOOTHING = 3e-4
"""Of the radius on the rays that meet a vertex."""
FADE = (4.0, 14.0)
"""Degrees outside the teacher's mesh between which the front ends."""


def mean_mesh(meshes: Array, rounds: int = 5) -> Array:
    """Return the (V, 3) mean of (N, V, 3) meshes by generalised Procrustes analysis (Gower 1975), of size 1.

    It is turned as the first mesh is: `upright` turns it.
    """
    shapes = meshes - meshes.mean(1, keepdims=True)
    shapes = shapes / np.sqrt((shapes**2).sum((1, 2), keepdims=True))
    mean = shapes[0]
    for _ in range(rounds):
        turned = shapes @ best_rotations(mean, shapes).transpose(0, 2, 1)
        distance = np.sqrt(((turned - mean) ** 2).sum((1, 2)))
        weights = 1 / (1 + (distance / np.median(distance)) ** 4)
        mean = (turned * weights[:, None, None]).sum(0) / weights.sum()
        mean = mean / np.sqrt((mean**2).sum())
    return np.asarray(mean)


def best_rotations(mean: Array, shapes: Array) -> Array:
    """Return the (N, 3, 3) rotations that bring centred (N, V, 3) shapes nearest to centred `mean` (Kabsch 1976)."""
    u, _, v = np.linalg.svd(np.einsum("vi,nvj->nij", mean, shapes))
    sign = np.linalg.det(u @ v)
    u[:, :, 2] *= sign[:, None]
    return np.asarray(u @ v)


def upright(mesh: Array, marks: npt.NDArray[np.int64], points: Array) -> Array:
    """Bring a mesh into the head's frame by the similarity that lays its vertices `marks` (68,) on `points` (68, 3)."""
    own = mesh[marks]
    scale = np.linalg.norm(own[RIGHT_EYE].mean(0) - own[LEFT_EYE].mean(0))
    start = (mesh - own.mean(0)) / scale
    rotation = best_rotations(points - points.mean(0), start[marks][None])[0]
    return np.asarray(start @ rotation.T + points.mean(0))


def pulled_to(mesh: Array, marks: npt.NDArray[np.int64], points: Array) -> Array:
    """Bend an upright mesh so that its vertices `marks` (68,) lie on `points` (68, 3): a spline with the kernel |r|."""
    spline = RBFInterpolator(mesh[marks], points - mesh[marks], kernel="linear", degree=0, smoothing=STIFFNESS)
    return np.asarray(mesh + spline(mesh))


def grid_directions(rows: int, columns: int) -> tuple[Array, Array]:
    """Return the azimuth and the elevation, (rows, columns) radians, of the grid's rays."""
    t = np.linspace(-1, 1, columns)
    azimuth = np.radians(AZIMUTH) * ((1 - DENSER) * t + DENSER * t**3)
    elevation = np.radians(np.linspace(*ELEVATION, rows))
    return np.broadcast_to(azimuth, (rows, columns)), np.broadcast_to(elevation[:, None], (rows, columns))


def directions(azimuth: Array, elevation: Array) -> Array:
    """Return (..., 3) unit vectors."""
    level = np.cos(elevation)
    return np.stack([np.sin(azimuth) * level, np.sin(elevation), np.cos(azimuth) * level], -1)


def skull_radius(ray: Array) -> Array:
    """Return where (..., 3) unit rays from `CENTRE` leave the ellipsoid."""
    start, ray = (CENTRE - SKULL_CENTRE) / SKULL_AXES, ray / SKULL_AXES
    a, b, c = (ray**2).sum(-1), (ray * start).sum(-1), (start**2).sum() - 1
    return np.asarray((np.sqrt(b**2 - a * c) - b) / a)


def degrees_outside(grid: Array, rays: Array) -> Array:
    """Return by how many degrees (G, 3) unit vectors miss the outline of a mesh, seen by (V, 3) `rays`; 0 inside."""
    inside = Delaunay(stereographic(rays)).find_simplex(stereographic(grid)) >= 0
    chord, _ = cKDTree(grid[inside]).query(grid)
    return np.asarray(np.degrees(2 * np.arcsin(np.minimum(chord / 2, 1))))


def stereographic(rays: Array) -> Array:
    """Project (N, 3) unit vectors from the back of the sphere on the plane in front, (N, 2)."""
    return rays[:, :2] / np.maximum(1 + rays[:, 2:], 1e-3)


def dense_surface(mesh: Array, rows: int, columns: int) -> tuple[Array, Array]:
    """Return the symmetric (rows, columns, 3) surface and its (rows, columns) front mask.

    Args:
        mesh: (V, 3) vertices of a face in the head's frame.
        rows, columns: of the grid.
    """
    mesh = np.concatenate([mesh, mesh * (-1, 1, 1)])
    rays = mesh - CENTRE
    radius = np.linalg.norm(rays, axis=1)
    rays = rays / radius[:, None]
    grid = directions(*grid_directions(rows, columns))
    around = directions(*(np.radians(x) for x in np.meshgrid(np.arange(-180, 180, 12.0), np.arange(-84, 85, 12.0))))
    around = around.reshape(-1, 3)
    away = np.degrees(np.arccos(np.clip((around @ rays.T).max(1), -1, 1)))
    around = around[away > CLEARANCE]
    known = np.concatenate([rays, around])
    values = np.concatenate([np.log(radius) - np.log(skull_radius(rays)), np.zeros(len(around))])
    # a thin plate in three dimensions has the kernel |r|³; on the sphere it has no edge to run wild beyond
    plate = RBFInterpolator(known, values, kernel="cubic", degree=1, smoothing=SMOOTHING)
    offset = plate(grid.reshape(-1, 3)).reshape(rows, columns)
    surface = CENTRE + grid * (skull_radius(grid) * np.exp(offset))[..., None]
    front = 1 - smoothstep(*FADE, degrees_outside(grid.reshape(-1, 3), rays)).reshape(rows, columns)
    mirrored = surface[:, ::-1] * (-1, 1, 1)
    return (surface + mirrored) / 2, (front + front[:, ::-1]) / 2
