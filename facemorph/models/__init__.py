"""Autoencoders. Every family keeps one contract: `encode(x) → posterior`, `decode(z) → x`."""

from facemorph.models.conv_autoencoder import ConvAutoencoder, ConvAutoencoderConfig
from facemorph.models.face_autoencoder import FaceAutoencoder, FaceAutoencoderConfig
from facemorph.models.posterior import DiagonalGaussian, Latent, LatentPosterior

__all__ = [
    "ConvAutoencoder",
    "ConvAutoencoderConfig",
    "DiagonalGaussian",
    "FaceAutoencoder",
    "FaceAutoencoderConfig",
    "Latent",
    "LatentPosterior",
]
