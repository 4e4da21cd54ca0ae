"""Autoencoders. Every family keeps one contract: `encode(x) → posterior`, `decode(z) → x`."""

from pathlib import Path
from typing import TypeAlias

from facemorph import checkpoint
from facemorph.errors import CheckpointMismatchError
from facemorph.models.attribute_editor import AttributeEditor, AttributeEditorConfig
from facemorph.models.attribute_vae import AttributeVae, AttributeVaeConfig
from facemorph.models.conv_autoencoder import ConvAutoencoder, ConvAutoencoderConfig
from facemorph.models.face_autoencoder import FaceAutoencoder, FaceAutoencoderConfig
from facemorph.models.latent_prior import LatentPrior, LatentPriorConfig
from facemorph.models.pace_network import PaceNetwork, PaceNetworkConfig
from facemorph.models.parts_parser import PartsParser, PartsParserConfig
from facemorph.models.posterior import DiagonalGaussian, Latent, LatentPosterior

Autoencoder: TypeAlias = ConvAutoencoder | FaceAutoencoder


def load_autoencoder(folder: Path) -> Autoencoder:
    """Load the autoencoder that `config.json` of `folder` names, in evaluation mode.

    Raises:
        CheckpointError: a file is missing, damaged, or holds no autoencoder.
    """
    name = checkpoint.read_model_name(folder)
    for family in (FaceAutoencoder, ConvAutoencoder):
        if name == family.__name__:
            return family.from_checkpoint(folder)
    raise CheckpointMismatchError(f"'{folder}' holds a {name}, not an autoencoder. Name another checkpoint.")


__all__ = [
    "AttributeEditor",
    "AttributeEditorConfig",
    "AttributeVae",
    "AttributeVaeConfig",
    "Autoencoder",
    "ConvAutoencoder",
    "ConvAutoencoderConfig",
    "DiagonalGaussian",
    "FaceAutoencoder",
    "FaceAutoencoderConfig",
    "Latent",
    "LatentPosterior",
    "LatentPrior",
    "LatentPriorConfig",
    "PaceNetwork",
    "PaceNetworkConfig",
    "PartsParser",
    "PartsParserConfig",
    "load_autoencoder",
]
