"""MP4 that plays everywhere: H.264, yuv420p, even sizes, ready to stream."""

from __future__ import annotations

from pathlib import Path

from facemorph.errors import RenderError
from facemorph.render.ffmpeg import encode, find_ffmpeg
from facemorph.render.options import Frames, RenderOptions
from facemorph.render.timeline import timeline

H264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-movflags", "+faststart", "-f", "mp4"]
BT709 = "scale=out_color_matrix=bt709:out_range=tv,setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709"
"""Untagged, the same file has other colours in one player than in the next."""


def write_mp4(target: Path, frames: Frames, options: RenderOptions) -> tuple[str, ...]:
    """Write one round of the animation as MP4; whether it loops is up to the player.

    Args:
        target: the file to write.
        frames: (T, H, W, 3) uint8 RGB, at least 2 pixels a side; an odd row or column at the end is left out.
        options: speed, direction and hold. The hold is rounded to whole frames.

    Returns:
        What the user should know about the file: nothing.

    Raises:
        RenderError: there is no ffmpeg.
    """
    program = find_ffmpeg()
    if program is None:
        raise RenderError("MP4 needs ffmpeg, and none was found. Install imageio-ffmpeg, or write a .gif or .webp.")
    steps = timeline(len(frames), options)
    order = [index for index, seconds in steps for _ in range(max(1, round(seconds * options.fps)))]
    filters = f"crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0,{BT709},format=yuv420p"
    encode(program, frames, order, options.fps, ["-vf", filters, *H264], target)
    return ()
