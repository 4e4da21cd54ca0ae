"""Draw faces of nobody: a compact code, a spatial code from the prior given it, and the decoder's picture of both.

python -m training.prior.sample --out faces.png --count 16 --seed 0 --told smile=1 --told glasses=-1
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from facemorph import checkpoint, images
from facemorph.arguments import strength
from facemorph.models import FaceAutoencoder, Latent, LatentPrior


def sample_faces(
    prior: LatentPrior,
    autoencoder: FaceAutoencoder,
    generator: torch.Generator,
    *,
    count: int,
    num_steps: int = 25,
    guidance: float = 1.0,
    temperature: float = 0.8,
    told: Mapping[str, float] | None = None,
) -> npt.NDArray[np.uint8]:
    """Return (count, S, S, 3) uint8 faces.

    Args:
        prior: of the codes of `autoencoder`.
        autoencoder: whose decoder draws.
        generator: of the noise.
        count: how many.
        num_steps: as in `LatentPrior.sample`.
        guidance: as in `LatentPrior.sample`.
        temperature: of both codes; below 1 the faces are more usual, smoother and have fewer flaws.
        told: attributes, in [-1, 1], that the faces are to have; of the others nothing is said.
    """
    config = prior.config
    codes = torch.randn(count, config.compact_rank, generator=generator)
    noise = torch.randn(count, config.latent_channels, config.latent_size, config.latent_size, generator=generator)
    attributes = torch.tensor([(told or {}).get(name, torch.nan) for name in config.attributes]).repeat(count, 1)
    with torch.inference_mode():
        compact = prior.compact_codes.draw(temperature * codes, attributes)
        spatial = prior.sample(compact, temperature * noise, num_steps, guidance, attributes)
        return images.to_uint8(autoencoder.decode(Latent(spatial, compact)))


def sheet(pictures: npt.NDArray[np.uint8]) -> Image.Image:
    """Lay (N, S, S, 3) pictures out in about a square."""
    side, columns = pictures.shape[1], math.ceil(math.sqrt(len(pictures)))
    canvas = Image.new("RGB", (columns * side, math.ceil(len(pictures) / columns) * side))
    for number, picture in enumerate(pictures):
        canvas.paste(Image.fromarray(picture), (number % columns * side, number // columns * side))
    return canvas


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument(
        "--told",
        metavar="NAME=STRENGTH",
        type=strength,
        action="append",
        default=[],
        help="may be given more than once",
    )
    parser.add_argument("--prior", type=Path, default=checkpoint.CHECKPOINTS / "latent-prior")
    parser.add_argument("--autoencoder", type=Path, default=checkpoint.CHECKPOINTS / "face-autoencoder")
    args = parser.parse_args()
    prior = LatentPrior.from_checkpoint(args.prior)
    autoencoder = FaceAutoencoder.from_checkpoint(args.autoencoder)
    told = dict(args.told)
    if unknown := set(told) - set(prior.config.attributes):
        parser.error(f"unknown {', '.join(sorted(unknown))}; choose from {', '.join(prior.config.attributes)}")
    pictures = sample_faces(
        prior,
        autoencoder,
        torch.Generator().manual_seed(args.seed),
        count=args.count,
        num_steps=args.steps,
        guidance=args.guidance,
        temperature=args.temperature,
        told=told,
    )
    sheet(pictures).save(args.out)


if __name__ == "__main__":
    main()
