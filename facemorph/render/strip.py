"""The strip: a row of frames with their alphas, in one picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from facemorph.render.options import Frames

MAX_COLUMNS = 8
CELL = 256
"""Frames are drawn at most this many pixels high."""
GAP, CAPTION = 8, 28
DPI = 100


def write_strip(target: Path, frames: Frames, alphas: npt.NDArray[np.float32]) -> tuple[str, ...]:
    """Draw up to eight frames, evenly chosen and with both ends, in a row; each with its alpha below.

    Args:
        target: the file to write.
        frames: (T, H, W, 3) uint8 RGB.
        alphas: (T,) in [0, 1].

    Returns:
        What the user should know about the file: nothing.
    """
    from matplotlib.figure import Figure  # half a second to import, and only the strip needs it

    height, width = frames.shape[1:3]
    scale = min(1.0, CELL / height)
    cell_width, cell_height = round(width * scale), round(height * scale)
    chosen = np.linspace(0, len(frames) - 1, min(MAX_COLUMNS, len(frames))).round().astype(int)
    total_width, total_height = GAP + len(chosen) * (cell_width + GAP), cell_height + GAP + CAPTION
    # A Figure of its own and no pyplot: nothing is shared, so two threads can draw at once.
    figure = Figure(figsize=(total_width / DPI, total_height / DPI), dpi=DPI, facecolor="white")
    for column, index in enumerate(chosen):
        left = GAP + column * (cell_width + GAP)
        box = (left / total_width, CAPTION / total_height, cell_width / total_width, cell_height / total_height)
        axes = figure.add_axes(box)
        axes.imshow(frames[index], aspect="auto")
        axes.set_axis_off()
        figure.text(
            (left + cell_width / 2) / total_width,
            CAPTION / 2 / total_height,
            f"{alphas[index]:.2f}",
            ha="center",
            va="center",
            fontsize=9,
        )
    figure.savefig(target, format="png", dpi=DPI)
    return ()
