"""What happens to photos: faded, gray, blurred, noisy, badly compressed, partly covered."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]


def _tones(picture: Picture, rng: np.random.Generator) -> Picture:
    """Change gamma, contrast, brightness and colour cast by one lookup table per channel."""
    ramp = np.linspace(0, 1, 256) ** np.exp(rng.normal(0, 0.3))
    low, high = (0.0, 1.0) if rng.random() < 0.4 else (rng.uniform(-0.15, 0.4), rng.uniform(0.6, 1.15))
    table = low + (high - low) * ramp[:, None] + rng.normal(0, 0.06, 3) * (rng.random() < 0.5)
    return cv2.LUT(picture, (table.clip(0, 1) * 255).astype(np.uint8).reshape(256, 1, 3))


def _gray(picture: Picture, rng: np.random.Generator) -> Picture:
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    tint = (
        np.array([1.0, 1.0, 1.0]) if rng.random() < 0.6 else np.array([1.0, rng.uniform(0.8, 1), rng.uniform(0.5, 1)])
    )
    return np.clip(gray[..., None] * tint, 0, 255).astype(np.uint8)


def _blur(picture: Picture, rng: np.random.Generator) -> Picture:
    if rng.random() < 0.5:
        return cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 2.0)))
    factor = float(rng.uniform(0.3, 0.8))
    small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _noise(picture: Picture, rng: np.random.Generator) -> Picture:
    noise = np.empty(picture.shape[:2] if rng.random() < 0.5 else picture.shape, np.int16)
    cv2.setRNGSeed(int(rng.integers(2**31)))  # OpenCV draws from a generator of its own, one for the whole process
    cv2.randn(noise, 0, float(rng.uniform(3, 22)))
    return np.clip(picture + (noise[..., None] if noise.ndim == 2 else noise), 0, 255).astype(np.uint8)


def _compress(picture: Picture, rng: np.random.Generator) -> Picture:
    coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(12, 70))])[1]
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)


def degrade(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return a degraded copy of an (H, W, 3) uint8 RGB picture; one in seven stays as it is."""
    if rng.random() < 0.15:
        return picture
    for chance, change in ((0.7, _tones), (0.22, _gray), (0.3, _blur), (0.2, _noise), (0.2, _compress)):
        if rng.random() < chance:
            picture = change(picture, rng)
    return picture


def cover(picture: Picture, x: float, y: float, scale: float, rng: np.random.Generator) -> None:
    """Cover a part of the face at (x, y), whose eyes are `scale` pixels apart, by a shape of one colour, in place."""
    angle = rng.uniform(0, 2 * np.pi)
    reach = scale * rng.uniform(0.7, 1.3)
    centre = (int(x + reach * np.cos(angle)), int(y + reach * np.sin(angle)))
    axes = (max(1, int(scale * rng.uniform(0.3, 0.8))), max(1, int(scale * rng.uniform(0.15, 0.8))))
    height, width = picture.shape[:2]
    colour = picture[rng.integers(height), rng.integers(width)] if rng.random() < 0.7 else rng.integers(0, 256, 3)
    cv2.ellipse(picture, centre, axes, float(rng.uniform(0, 180)), 0, 360, tuple(int(c) for c in colour), -1)
