"""The ways from one face to another that are compared. Each gets the same crops and the same landmarks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from facemorph import AlignedFace, FaceMorpher, checkpoint, images
from facemorph.align.face import CROP_SIZE
from facemorph.models import Autoencoder, Latent, load_autoencoder
from facemorph.morph import paths, resize, warp
from judges.crops import Frames, Picture, scaled_landmarks, shrink
from judges.rivals import delaunay
from judges.rivals.peers import load_facemorpher


@dataclass(frozen=True)
class Way:
    """One way to morph.

    Attributes:
        title: what the table calls it.
        frames: (face a, face b, alphas, size) → (T, size, size, 3) uint8 RGB.
        motion: (face a, face b, number, size) → the frames of the animation it makes; None: frames at even alphas.
    """

    title: str
    frames: Frames
    motion: Callable[[AlignedFace, AlignedFace, int, int], Picture] | None = None

    def animate(self, a: AlignedFace, b: AlignedFace, count: int, size: int) -> Picture:
        """Return the `count` frames of its animation."""
        if self.motion is not None:
            return self.motion(a, b, count, size)
        return self.frames(a, b, [float(alpha) for alpha in np.linspace(0, 1, count)], size)


def dissolve(a: AlignedFace, b: AlignedFace, alphas: Sequence[float], size: int) -> Picture:
    """Mix the aligned crops, nothing else."""
    first, last = (images.to_tensor(shrink(face.image, size)) for face in (a, b))
    return images.to_uint8(torch.lerp(first, last, torch.tensor(alphas).view(-1, 1, 1, 1)))


def cut(a: AlignedFace, b: AlignedFace, alphas: Sequence[float], size: int) -> Picture:
    """Show one photo, then the other: no morph at all, and a lesson in which measures that alone would fool."""
    crops = [shrink(face.image, size) for face in (a, b)]
    return np.stack([crops[alpha >= 0.5] for alpha in alphas])


def thin_plate(a: AlignedFace, b: AlignedFace, alphas: Sequence[float], size: int) -> Picture:
    """Warp both crops to the interpolated landmarks by a smoothing thin-plate spline, whole head, and dissolve."""
    weight = torch.tensor(alphas)
    points = [warp.control_points(face.landmarks, CROP_SIZE) for face in (a, b)]
    between = torch.lerp(points[0][None], points[1][None], weight.double().view(-1, 1, 1))
    flows = warp.backward_flows(between, *points)
    warped = [
        warp.warp(images.to_tensor(shrink(face.image, size)), flow) for face, flow in zip((a, b), flows, strict=True)
    ]
    return images.to_uint8(torch.lerp(warped[0], warped[1], weight.view(-1, 1, 1, 1)))


def opencv(a: AlignedFace, b: AlignedFace, alphas: Sequence[float], size: int) -> Picture:
    """Warp by OpenCV's Delaunay triangles and dissolve: what most tools on the web do."""
    crops = [shrink(face.image, size) for face in (a, b)]
    points = [scaled_landmarks(face, size) for face in (a, b)]
    return delaunay.morph(*crops, *points, np.asarray(alphas, np.float32))


def latent_interpolation(model: Autoencoder) -> Frames:
    """Encode both crops, interpolate the codes, decode: no warp, no detail added back.

    The spatial code goes along the chord and the compact one along the great circle, as the source does.
    """
    side = model.config.image_size

    def frames(a: AlignedFace, b: AlignedFace, alphas: Sequence[float], size: int) -> Picture:
        weight = torch.tensor(alphas)
        with torch.inference_mode():
            z = model.encode(torch.cat([images.to_tensor(shrink(face.image, side)) for face in (a, b)])).mode()
            spatial = torch.lerp(z.spatial[:1], z.spatial[1:], weight.view(-1, 1, 1, 1))
            compact = None
            if z.compact is not None:
                first, last = (row.expand(len(weight), -1) for row in z.compact[:, None])
                compact = paths.slerp(first, last, weight)
            return images.to_uint8(resize(model.decode(Latent(spatial, compact)), size))

    return frames


def ours(morpher: FaceMorpher, title: str = "**ours**", **settings: Any) -> Way:
    """Return this project's morph, through its public face; `settings` go to `frame` and `morph`."""

    def frames(a: AlignedFace, b: AlignedFace, alphas: Sequence[float], size: int) -> Picture:
        return np.stack([morpher.frame(a, b, float(alpha), size, **settings) for alpha in alphas])

    def motion(a: AlignedFace, b: AlignedFace, count: int, size: int) -> Picture:
        return morpher.morph(a, b, num_frames=count, size=size, **settings).frames

    return Way(title, frames, motion)


def all_ways(morpher: FaceMorpher) -> dict[str, Way]:
    """Return every way that can run here, by the name that `--ways` takes."""
    conv, face = (load_autoencoder(checkpoint.CHECKPOINTS / f"{name}-autoencoder") for name in ("conv", "face"))
    ways = {
        "cut": Way("hard cut, no morph", cut),
        "dissolve": Way("cross-dissolve", dissolve),
        "warp": Way("thin-plate warp + dissolve", thin_plate),
        "opencv": Way("Delaunay warp + dissolve (OpenCV)", opencv),
        "latent-conv": Way("latent interpolation, source's autoencoder", latent_interpolation(conv)),
        "latent-face": Way("latent interpolation, our autoencoder", latent_interpolation(face)),
    }
    facemorpher = load_facemorpher()
    if facemorpher is not None:
        ways["facemorpher"] = Way("facemorpher 5.2.1 (PyPI)", facemorpher)
    return ways | {"ours-fast": ours(morpher, "**ours, fast**", quality="fast"), "ours": ours(morpher)}
