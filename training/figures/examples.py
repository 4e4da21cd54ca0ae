"""Make the example faces: people who don't exist, composed of several people of the London Set (CC BY 4.0).

    python -m training.figures.examples --data ../shared/data --out assets/examples

The face is the mean of four people, warped to their mean shape; hair and what surrounds it come from one of them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from PIL import Image

from facemorph import images
from facemorph.align import AlignedFace, Aligner
from facemorph.morph import maps, warp
from facemorph.morph.landmark_windows import distance_to

COMPOSITES = {
    "1a": ("134_smiling", "014_smiling", "124_smiling", "039_smiling"),
    "1b": ("128_neutral", "138_neutral", "130_neutral", "104_neutral"),
    "2a": ("037_neutral", "105_neutral", "070_neutral", "172_neutral"),
    "2b": ("081_smiling", "027_smiling", "122_smiling", "100_smiling"),
    "3a": ("067_smiling", "036_smiling", "119_smiling", "024_smiling"),
    "3b": ("066_neutral", "135_neutral", "094_neutral", "025_neutral"),
}
"""The first of each lends hair and surroundings."""
SIZE = 512
FACE_REACH = 0.1
"""Distance to the nearest landmark, as a part of the side, up to which a place counts as face."""
MOST_GAIN = 1.6
"""Unlike textures half each are weaker than either; they are lifted by no more than this."""


def compose(faces: list[AlignedFace]) -> torch.Tensor:
    """Return the composite of canonical crops, (1, 3, 512, 512) in [0, 1]."""
    controls = torch.stack([warp.control_points(face.landmarks, SIZE) for face in faces])
    mean = controls.mean(0, keepdim=True)
    flows = warp.backward_flows(mean, *controls)
    warped = torch.cat([warp.warp(images.to_tensor(f.image), flow) for f, flow in zip(faces, flows, strict=True)])
    host, average = warped[:1], warped.mean(0, keepdim=True)
    inside = torch.exp(-((distance_to(mean[:, :68].float()) / FACE_REACH) ** 4))
    inside = torch.nn.functional.interpolate(inside, size=(SIZE, SIZE), mode="bicubic", align_corners=False)
    smooth_host, smooth_average = (_blurred(x) for x in (host, average))
    toned = average + (smooth_host - smooth_average) * 0.6  # the host's light, so that no seam shows
    texture = _mixed(host - _fine(host), average - _fine(average))
    face = _fine(toned) + texture
    return torch.lerp(host, face, inside.clamp(0, 1)).clamp(0, 1)


def _blurred(x: torch.Tensor) -> torch.Tensor:
    return maps.local_mean(maps.local_mean(x))


def _mixed(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Mix two textures (1, 3, S, S) half and half, and lift the sum to the strength that both have on average."""
    mixed = (a + b) / 2
    strength = ((_strength(a) + _strength(b)) / 2 / _strength(mixed).clamp_min(1e-4)).clamp(1, MOST_GAIN)
    return mixed * maps.enlarge(strength, SIZE)


def _strength(x: torch.Tensor) -> torch.Tensor:
    small = torch.nn.functional.adaptive_avg_pool2d(x.square().mean(1, keepdim=True), 64)
    return maps.local_mean(small).sqrt()


def _fine(x: torch.Tensor) -> torch.Tensor:
    small = torch.nn.functional.interpolate(x, size=(96, 96), mode="area")
    return torch.nn.functional.interpolate(small, size=x.shape[-2:], mode="bicubic", align_corners=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    aligner = Aligner.load("builtin")
    for name, members in COMPOSITES.items():
        photos = [images.load_photo(args.data / "london" / f"{member}.jpg") for member in members]
        faces = [aligner.align(photo.pixels) for photo in photos]
        picture = images.to_uint8(compose(faces))[0]
        Image.fromarray(picture).save(args.out / f"{name}.jpg", quality=92)


if __name__ == "__main__":
    main()
