"""Textures made from noise: gravel, grass, cloth, bricks. Eyes and mouths are easily seen in them; there are none."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
SIZE = 320


def textures(count: int, rng: np.random.Generator) -> list[Picture]:
    """Make `count` textures, (320, 320, 3) uint8."""
    kinds = (spectral, spectral, stones, stones, strokes, bricks)
    return [_coloured(kinds[i % len(kinds)](rng), rng) for i in range(count)]


def spectral(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Filter noise to a band of frequencies, in all directions or few; (320, 320) float."""
    fy, fx = np.meshgrid(np.fft.fftfreq(SIZE), np.fft.rfftfreq(SIZE), indexing="ij")
    angle = rng.uniform(0, np.pi)
    stretch = np.exp(rng.uniform(0, 1.8))
    along, across = fx * np.cos(angle) + fy * np.sin(angle), fy * np.cos(angle) - fx * np.sin(angle)
    frequency = np.hypot(along * stretch, across / stretch) + 1e-3
    centre = np.exp(rng.uniform(np.log(0.01), np.log(0.15)))
    envelope = np.minimum(frequency / centre, 1) * np.maximum(frequency / centre, 1) ** -rng.uniform(0.8, 3)
    noise = np.fft.rfft2(rng.normal(size=(SIZE, SIZE)))
    return np.fft.irfft2(noise * envelope, s=(SIZE, SIZE)).astype(np.float32)


def stones(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Lay shaded ellipses over one another; (320, 320) float."""
    size = float(np.exp(rng.uniform(np.log(3), np.log(24))))
    ground = np.full((SIZE, SIZE), rng.uniform(0, 0.6), np.float32)
    for _ in range(int(min(1.5 * (SIZE / size) ** 2, 4000))):
        centre = tuple(int(v) for v in rng.integers(0, SIZE, 2))
        axes = (max(1, int(size * rng.uniform(0.4, 1.2))), max(1, int(size * rng.uniform(0.3, 0.9))))
        angle, tone = float(rng.uniform(0, 180)), float(rng.uniform(0.2, 1))
        cv2.ellipse(ground, centre, axes, angle, 0, 360, 0.5 * tone, -1)
        lit = (centre[0] - axes[0] // 4, centre[1] - axes[1] // 4)
        cv2.ellipse(ground, lit, (axes[0] * 3 // 4, axes[1] * 3 // 4), angle, 0, 360, tone, -1)
    return cv2.GaussianBlur(ground, (0, 0), 0.7 + size / 16)


def strokes(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw blades and threads; (320, 320) float."""
    ground = np.full((SIZE, SIZE), rng.uniform(0, 1), np.float32)
    direction, spread = rng.uniform(0, np.pi), rng.uniform(0.1, 1.2)
    for _ in range(int(rng.integers(300, 1800))):
        start = rng.uniform(-20, SIZE + 20, 2)
        angle, length = direction + rng.normal(0, spread), rng.uniform(8, 70)
        end = start + length * np.array([np.cos(angle), np.sin(angle)])
        points = tuple(int(v) for v in start), tuple(int(v) for v in end)
        cv2.line(ground, *points, float(rng.uniform(0, 1)), int(rng.integers(1, 4)), cv2.LINE_AA)
    return cv2.GaussianBlur(ground, (0, 0), float(rng.uniform(0.4, 1.5)))


def bricks(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Repeat rows of blocks with joints; (320, 320) float."""
    height, width, joint = int(rng.integers(8, 60)), int(rng.integers(10, 90)), int(rng.integers(1, 6))
    ground = np.full((SIZE, SIZE), rng.uniform(0, 1), np.float32)
    shift = width // 2 if rng.random() < 0.7 else 0
    for number, top in enumerate(range(0, SIZE, height)):
        for left in range(-width, SIZE, width):
            start = (left + (number % 2) * shift, top)
            end = (start[0] + width - joint - 1, top + height - joint - 1)
            cv2.rectangle(ground, start, end, float(rng.uniform(0.2, 0.9)), -1)
    return ground + spectral(rng) * rng.uniform(0, 0.1)


def _coloured(texture: npt.NDArray[np.float32], rng: np.random.Generator) -> Picture:
    low, high = np.percentile(texture, (1, 99))
    level = np.clip((texture - low) / max(float(high - low), 1e-6), 0, 1)[..., None]
    if rng.random() < 0.4:
        ends = np.sort(rng.uniform(0, 255, 2))[:, None].repeat(3, 1)
    else:
        ends = rng.uniform(0, 255, (2, 3))
    return (ends[0] + (ends[1] - ends[0]) * level).astype(np.uint8)
