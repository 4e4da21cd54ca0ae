"""The contact sheet: hard pairs by name and a few random ones, to be looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.hard_pairs import HARD_PAIRS
from benchmarks.people import Pair, People
from judges.crops import Picture, shrink
from judges.rivals.ways import Way

ALPHAS = (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9)
CELL = 160
MARGIN = 150


def chosen_pairs(people: People, random_pairs: list[Pair]) -> list[tuple[str, Pair]]:
    """Return the hard pairs by what is hard, and the random ones."""
    hard = [(title, (people.named(a), people.named(b))) for title, a, b in HARD_PAIRS[people.split]]
    return hard + [(f"random {number}", pair) for number, pair in enumerate(random_pairs, 1)]


def contact_sheet(pairs: list[tuple[str, Pair]], ways: list[Way], path: Path) -> None:
    """Write a PNG: for each pair one row per way, from photo to photo through `ALPHAS`."""
    rows = []
    for title, (a, b) in pairs:
        first, last = shrink(a.face.image, CELL), shrink(b.face.image, CELL)
        for way in ways:
            frames = way.frames(a.face, b.face, ALPHAS, CELL)
            label = caption(f"{title}\n{way.title.strip('*')}")
            rows.append(np.concatenate([label, first, *frames, last], axis=1))
    path.parent.mkdir(parents=True, exist_ok=True)
    head = [caption("alpha", CELL // 8)] + [caption(f"{x:g}", CELL // 8, CELL) for x in (0, *ALPHAS, 1)]
    Image.fromarray(np.concatenate([np.concatenate(head, axis=1), *rows])).save(path)


def caption(text: str, height: int = CELL, width: int = MARGIN) -> Picture:
    """Return text on white, (height, width, 3) uint8, lines broken to fit."""
    image = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    lines = []
    for paragraph in text.replace("×", "x").split("\n"):  # Pillow's own font has no ×
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if draw.textlength(longer, font) > width - 8 and line:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    draw.multiline_text((4, 2), "\n".join(lines), fill="black", font=font)
    return np.asarray(image)
