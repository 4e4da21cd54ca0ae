"""From 68 landmarks to the canonical crop.

Convention: matrices are (2, 3) similarities in pixel coordinates with the origin at the centre of the top-left pixel;
`crop_from_photo` maps a point of the photo to the crop. Sampling uses bicubic interpolation after an antialiased
reduction, `align_corners=False` semantics.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image

from facemorph.errors import AlignmentError
from facemorph.images import to_tensor, to_uint8

EYE_DISTANCE = 0.27
"""Distance between the eye centres, as a part of the crop's side."""
EYE_LEVEL = 0.48
"""Height of the eyes in the crop, as a part of its side, from the top: crown and chin both stay inside."""
MIN_EYE_TO_MOUTH = 0.8
"""On a turned head the eyes move together; the eye distance is taken to be at least this times eyes-to-mouth."""
FILL_BLUR = 0.16
"""Outside the photo the reflected picture is blurred the more the farther out, fully at this part of the side."""
BLURS = (4, 16, 64)
"""Pixels that the fill's blurs spread over, from the photo's edge outwards; the last leaves no second face to see."""
NO_ALIASING = 0.75
"""Sampling at this scale and above needs no reduction first."""

LEFT_EYE, RIGHT_EYE, MOUTH_CORNERS = slice(36, 42), slice(42, 48), [48, 54]

FloatArray = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]


def crop_from_photo_matrix(landmarks: FloatArray, size: int) -> FloatArray:
    """Return the similarity that brings the eyes of `landmarks` to their place in a crop of `size` pixels.

    Args:
        landmarks: (68, 2) float (x, y) in photo pixels, iBUG order.
        size: side of the crop in pixels.

    Returns:
        (2, 3) float32, crop_from_photo.

    Raises:
        AlignmentError: the landmarks are not finite, or both eyes lie in one place.
    """
    left, right = landmarks[LEFT_EYE].mean(0), landmarks[RIGHT_EYE].mean(0)
    middle, across = (left + right) / 2, right - left
    eye_to_mouth = float(np.linalg.norm(landmarks[MOUTH_CORNERS].mean(0) - middle))
    apart = float(np.linalg.norm(across))
    if not np.isfinite(landmarks).all() or apart < 1e-3 or eye_to_mouth < 1e-3:
        raise AlignmentError(
            "The landmarks of this face determine no crop (both eyes lie in one place). Use a photo where the face is "
            "turned to the camera."
        )
    scale = EYE_DISTANCE * size / max(apart, MIN_EYE_TO_MOUTH * eye_to_mouth)
    cos, sin = scale * across / apart
    rotation = np.array([[cos, sin], [-sin, cos]])
    target = np.array([0.5 * size - 0.5, EYE_LEVEL * size - 0.5])
    return np.column_stack([rotation, target - rotation @ middle]).astype(np.float32)


def transform_points(matrix: FloatArray, points: FloatArray) -> FloatArray:
    """Apply a (2, 3) affine `matrix` to (N, 2) `points`."""
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def invert_matrix(matrix: FloatArray) -> FloatArray:
    """Invert a (2, 3) affine matrix."""
    inverse = np.linalg.inv(matrix[:, :2].astype(np.float64))
    return np.column_stack([inverse, -inverse @ matrix[:, 2]]).astype(np.float32)


def sample_square(photo: Picture, matrix: FloatArray, size: int, mode: str) -> tuple[torch.Tensor, FloatArray]:
    """Sample a square out of a photo; outside it the photo is reflected, as often as needed.

    Args:
        photo: (H, W, 3) uint8 RGB.
        matrix: (2, 3) square_from_photo.
        size: side of the square in pixels.
        mode: "bilinear" or "bicubic".

    Returns:
        x: (1, 3, size, size) float32 in about [0, 1] (bicubic sampling overshoots a little).
        beyond: (size, size) float32, how many pixels of the photo each place lies outside it; 0 inside.
    """
    columns, rows = _grid(invert_matrix(matrix), size)
    height, width = photo.shape[:2]
    beyond = np.maximum(_outside(columns, width), _outside(rows, height))
    if beyond.any():
        columns, rows = _reflect(columns, width), _reflect(rows, height)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    margin = 3 / min(scale, 1.0)
    left, right = _span(columns, width, margin)
    top, bottom = _span(rows, height, margin)
    part = _reduce(np.ascontiguousarray(photo[top:bottom, left:right]), scale)
    grid = torch.empty(1, size, size, 2)
    grid[0, ..., 0] = torch.from_numpy((columns - left + 0.5) * (2 / (right - left)) - 1)
    grid[0, ..., 1] = torch.from_numpy((rows - top + 0.5) * (2 / (bottom - top)) - 1)
    x = F.grid_sample(to_tensor(part), grid, mode=mode, padding_mode="border", align_corners=False)
    return x, beyond


def _grid(matrix: FloatArray, size: int) -> tuple[FloatArray, FloatArray]:
    """Return the x and the y, (size, size) each, where `matrix` brings the pixels of a square."""
    ticks = np.arange(size, dtype=np.float32)
    columns, rows = (line[0] * ticks[None] + (line[1] * ticks + line[2])[:, None] for line in matrix)
    return columns, rows


def _outside(places: FloatArray, length: int) -> FloatArray:
    outside: FloatArray = np.maximum(np.maximum(-0.5 - places, places - (length - 0.5)), 0, dtype=np.float32)
    return outside


def _reflect(places: FloatArray, length: int) -> FloatArray:
    """Fold places on a line into [-0.5, length - 0.5]."""
    folded: FloatArray = (length - np.abs((places + 0.5) % (2 * length) - length) - 0.5).astype(np.float32)
    return folded


def _span(places: FloatArray, length: int, margin: float) -> tuple[int, int]:
    """Return the part of a line, as a range of whole pixels, that holds all places and a margin."""
    first = int(min(max(np.floor(places.min() - margin), 0), length - 1))
    last = int(max(min(np.ceil(places.max() + margin) + 1, length), first + 1))
    return first, last


def _reduce(photo: Picture, scale: float) -> Picture:
    """Reduce `photo` by `scale` where that is small, so that sampling it at crop resolution does not alias."""
    height, width = photo.shape[:2]
    new = (max(2, round(width * scale)), max(2, round(height * scale)))
    if scale >= NO_ALIASING or new == (width, height):
        return photo
    return np.asarray(Image.fromarray(photo).resize(new, Image.Resampling.BICUBIC, reducing_gap=2.0))


def crop_photo(photo: Picture, matrix: FloatArray, size: int) -> tuple[Picture, npt.NDArray[np.bool_]]:
    """Cut the crop that `matrix` describes out of a photo; what lies outside is reflected and softly blurred.

    Args:
        photo: (H, W, 3) uint8 RGB.
        matrix: (2, 3) crop_from_photo.
        size: side of the crop in pixels.

    Returns:
        image: (size, size, 3) uint8.
        inside: (size, size) bool, True where the crop shows the photo.
    """
    sampled, beyond = sample_square(photo, matrix, size, "bicubic")
    inside = beyond <= 0
    if not inside.all():
        scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        depth = torch.from_numpy(beyond * np.float32(scale / (FILL_BLUR * size)))
        sampled = _soften(sampled.clamp(0, 1), depth.reshape(1, 1, size, size).clamp(0, 1))
    return to_uint8(sampled)[0], inside


def _soften(x: torch.Tensor, depth: torch.Tensor) -> torch.Tensor:
    """Blend `x` (B, 3, S, S) towards stronger and stronger blurs of itself as `depth` (B, 1, S, S) goes from 0 to 1."""
    blurred = x
    for level, factor in enumerate(BLURS):
        blurred = torch.lerp(blurred, _blur(x, factor), (depth * len(BLURS) - level).clamp(0, 1))
    return blurred


def _blur(x: torch.Tensor, factor: int) -> torch.Tensor:
    small = F.avg_pool2d(x, factor, ceil_mode=True)
    for _ in range(2):
        small = F.avg_pool2d(F.pad(small, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return F.interpolate(small, size=x.shape[-2:], mode="bilinear", align_corners=False)
