"""Stand-ins that need no checkpoint: a backend that knows where the drawn face is, and tiny seeded networks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from facemorph.align import Aligner, DetectedFace
from facemorph.head import Head
from facemorph.models import (
    AttributeEditor,
    AttributeEditorConfig,
    FaceAutoencoder,
    FaceAutoencoderConfig,
    PaceNetwork,
    PaceNetworkConfig,
    PartsParser,
    PartsParserConfig,
)
from facemorph.pipeline import FaceMorpher
from tests.drawn import BACKDROP, draw_face


class FakeBackend:
    """Takes every photo for one that `draw_face` drew with its defaults; in the bare backdrop it finds nobody."""

    name = "builtin"

    def __init__(self, num_faces: int = 1) -> None:
        self.num_faces = num_faces

    def find(self, pixels: npt.NDArray[np.uint8]) -> list[DetectedFace]:
        if (pixels == np.array(BACKDROP)).all():
            return []
        _, landmarks = draw_face(pixels.shape[:2])
        corner = landmarks.min(0)
        faces = []
        for rank in range(self.num_faces):  # the others are smaller copies of the one drawn
            points = (corner + (landmarks - corner) * 0.9**rank).astype(np.float32)
            faces.append(DetectedFace(np.concatenate([points.min(0), points.max(0)]), points, 1.0))
        return faces[::-1]


TINY_FACE = FaceAutoencoderConfig(
    image_size=32,
    widths=(8, 12),
    encoder_depths=(1, 1),
    decoder_depths=(1, 1),
    latent_channels=4,
    compact_width=8,
    compact_dim=16,
)


def tiny_autoencoder() -> FaceAutoencoder:
    """Build an untrained autoencoder of a few thousand weights, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return FaceAutoencoder(TINY_FACE).eval()


def tiny_pace_network() -> PaceNetwork:
    """Build an untrained pace network, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return PaceNetwork(PaceNetworkConfig(image_size=64, widths=(8, 8))).eval()


def tiny_parser() -> PartsParser:
    """Build an untrained parts parser, always the same."""
    config = PartsParserConfig(image_size=32, widths=(4, 4), encoder_depths=(1, 1), decoder_depths=(1,))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return PartsParser(config).eval()


def tiny_editor() -> AttributeEditor:
    """Build an attribute editor of seeded random directions for three attributes, of which two are offered."""
    config = AttributeEditorConfig(
        attributes=("smile", "age", "hat"),
        offered=("smile", "age"),
        gains=(1.0, 1.5, 1.0),
        latent_channels=TINY_FACE.latent_channels,
        latent_size=TINY_FACE.latent_size,
        compact_dim=TINY_FACE.compact_dim,
        shape_rank=2,
        identity_rank=3,
        widths=(8, 8),
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        editor = AttributeEditor(config).eval()
        editor.directions.normal_(std=0.3)
        editor.moves[:, :, 48:] = torch.tensor([0.0, 0.02])
    return editor


def tiny_morpher(num_faces: int = 1, head: Head | None = None) -> FaceMorpher:
    """Build the real pipeline over untrained networks and an aligner that knows the drawn face."""
    networks = tiny_autoencoder(), tiny_parser(), tiny_pace_network()
    return FaceMorpher(*networks, Aligner(FakeBackend(num_faces), head), editor=tiny_editor())
