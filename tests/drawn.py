"""A drawn face whose 68 landmarks are known exactly: nobody real, and nothing to download."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

SKIN, HAIR, LIPS, BACKDROP = (224, 172, 140), (70, 45, 30), (170, 60, 70), (120, 150, 180)


def template() -> npt.NDArray[np.float64]:
    """(68, 2) landmarks in iBUG order; the eye centres lie 1 apart, the origin is halfway between them."""

    def arc(cx: float, cy: float, rx: float, ry: float, degrees: npt.ArrayLike) -> npt.NDArray[np.float64]:
        angle = np.radians(np.asarray(degrees, float))
        return np.column_stack([cx + rx * np.cos(angle), cy - ry * np.sin(angle)])

    eye = [180, 120, 60, 0, -60, -120]
    return np.concatenate(
        [
            arc(0, 0.35, 1.05, 1.25, np.linspace(170, 370, 17)),  # jaw, from the left of the picture over the chin
            arc(-0.5, -0.2, 0.38, 0.14, np.linspace(170, 10, 5)),
            arc(0.5, -0.2, 0.38, 0.14, np.linspace(170, 10, 5)),
            np.column_stack([np.zeros(4), np.linspace(0.05, 0.55, 4)]),
            arc(0, 0.62, 0.22, 0.1, np.linspace(180, 360, 5)),
            arc(-0.5, 0, 0.19, 0.09, eye),
            arc(0.5, 0, 0.19, 0.09, eye),
            arc(0, 1.05, 0.4, 0.16, np.linspace(180, -150, 12)),
            arc(0, 1.05, 0.3, 0.05, np.linspace(180, -135, 8)),
        ]
    )


def draw_face(
    size: tuple[int, int] = (320, 240),
    centre: tuple[float, float] | None = None,
    eye_distance: float = 50.0,
    roll: float = 0.0,
    skin: tuple[int, int, int] = SKIN,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Draw one face.

    Args:
        size: (height, width) of the photo.
        centre: (x, y) between the eyes; a little above the middle of the photo where none is given.
        eye_distance: pixels between the eye centres.
        roll: degrees by which the head leans, clockwise in the picture.
        skin: RGB.

    Returns:
        photo: (H, W, 3) uint8 RGB.
        landmarks: (68, 2) float32 (x, y) in its pixels.
    """
    height, width = size
    origin = np.array(centre if centre is not None else (width / 2, height * 0.42))
    angle = np.radians(roll)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * eye_distance

    def place(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return points @ turn.T + origin

    def ellipse(cx: float, cy: float, rx: float, ry: float) -> list[tuple[float, float]]:
        around = np.linspace(0, 2 * np.pi, 60)
        return outline(np.column_stack([cx + rx * np.cos(around), cy + ry * np.sin(around)]))

    def outline(points: npt.NDArray[np.float64]) -> list[tuple[float, float]]:
        return [(float(x), float(y)) for x, y in place(points)]

    marks = template()
    image = Image.new("RGB", (width, height), BACKDROP)
    draw = ImageDraw.Draw(image)
    draw.polygon(ellipse(0, 0.1, 1.3, 1.6), fill=HAIR)
    draw.polygon(ellipse(0, 0.35, 1.05, 1.25), fill=skin)
    for brow in (marks[17:22], marks[22:27]):
        draw.line(outline(brow), fill=HAIR, width=max(1, round(eye_distance * 0.06)))
    for eye, x in ((marks[36:42], -0.5), (marks[42:48], 0.5)):
        draw.polygon(outline(eye), fill="white")
        draw.polygon(ellipse(x, 0, 0.07, 0.07), fill=(40, 30, 30))
    draw.line(outline(np.concatenate([marks[27:31], marks[31:36]])), fill=(190, 140, 115), width=2)
    draw.polygon(outline(marks[48:60]), fill=LIPS)
    draw.polygon(outline(marks[60:68]), fill=(60, 20, 25))
    return np.asarray(image), place(marks).astype(np.float32)
