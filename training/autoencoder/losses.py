"""What an autoencoder is trained on: pixels, perception, landmarks and the divergence of its posteriors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from facemorph.align import canonical_landmarks, load_landmark_network
from facemorph.models import FaceAutoencoder, Latent, LatentPosterior
from training.data.crops import Batch
from training.loop.distributed import Evened, unshared
from training.loop.streams import Streams

Points = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class LossWeights:
    """How much each term counts.

    Attributes:
        absolute, squared: mean absolute and mean squared error of the pixels.
        perceptual: the perceptual network's distance.
        landmark: distance between the landmark network's points on input and output, as a part of the side.
        compact: pixel errors, weighted alike, of what the compact code alone decodes to, on a quarter of the batch.
        beta_spatial, beta_compact: KL in nats per pixel value, each code its own (Higgins et al. 2017).
        kl_warmup: steps until the KL terms count fully.
    """

    absolute: float = 1.0
    squared: float = 10.0
    perceptual: float = 0.1
    landmark: float = 0.0
    compact: float = 1.0
    beta_spatial: float = 3e-4
    beta_compact: float = 1e-4
    kl_warmup: int = 2000


def pixel_errors(output: torch.Tensor, batch: Batch, evened: Evened = unshared) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean absolute and mean squared error over what the photos really show."""
    difference = (output - batch.x) * batch.inside
    area = evened(batch.inside.sum() * 3)
    return difference.abs().sum() / area, difference.square().sum() / area


def kl_terms(posterior: LatentPosterior, num_values: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean KL of the spatial and the compact code, in nats per value of the picture."""
    compact = torch.zeros(()) if posterior.compact is None else posterior.compact.kl().mean()
    return posterior.spatial.kl().mean() / num_values, compact / num_values


def draw(posterior: LatentPosterior, streams: Streams) -> Latent:
    """Draw from both codes, each sample with the noise of its stream."""
    spatial, compact = posterior.spatial, posterior.compact
    drawn = spatial.at(streams.randn(*spatial.mean.shape[1:]).to(spatial.mean))
    if compact is None:
        return Latent(drawn)
    return Latent(drawn, F.normalize(compact.at(streams.randn(*compact.mean.shape[1:]).to(compact.mean)), dim=1))


class AutoencoderLoss(nn.Module):
    """Weighted sum of the terms; `forward` also returns each of them for the log.

    Args:
        weights: how much each term counts.
        perceptual: a module (output, target) → scalar.
        landmarks: a function (B, 3, S, S) → (B, 68, 2) points as parts of the side, or None where `weights.landmark` is
            0.
        evened: how an amount is evened out among the processes; alone it stays as it is.
    """

    def __init__(
        self,
        weights: LossWeights,
        perceptual: nn.Module,
        landmarks: Points | None = None,
        evened: Evened = unshared,
    ) -> None:
        super().__init__()
        self.weights, self.perceptual, self.landmarks, self.evened = weights, perceptual, landmarks, evened

    def forward(
        self, model: nn.Module, batch: Batch, step: int, streams: Streams
    ) -> tuple[torch.Tensor, dict[str, float]]:
        posterior = model.encode(batch.x)
        z = draw(posterior, streams)
        output = model.decode(z).float()
        terms = dict(zip(("absolute", "squared"), pixel_errors(output, batch, self.evened), strict=True))
        spatial, compact = kl_terms(posterior, batch.x[0].numel())
        warmup = min(1.0, step / max(1, self.weights.kl_warmup))
        terms["beta_spatial"], terms["beta_compact"] = spatial * warmup, compact * warmup
        filled = output * batch.inside + batch.x * (1 - batch.inside)  # nothing to learn outside the photo
        if self.weights.perceptual:
            some = slice(0, max(1, len(filled) // 4))  # a quarter of the batch: the time is better spent on pixels
            terms["perceptual"] = self.perceptual(filled[some], batch.x[some])
        if self.weights.landmark and self.landmarks is not None:
            some = slice(-max(1, len(filled) // 4), None)
            with torch.no_grad():
                target = self.landmarks(batch.x[some])
            terms["landmark"] = (self.landmarks(filled[some]) - target).abs().mean()
        if self.weights.compact and isinstance(model, FaceAutoencoder):
            few = max(1, len(output) // 4)
            part = Batch(batch.x[:few], batch.inside[:few], batch.landmarks[:few])
            alone = model.decode(model.without_spatial(type(z)(z.spatial[:few], z.compact[:few])))
            absolute, squared = pixel_errors(alone.float(), part, self.evened)
            terms["compact"] = self.weights.absolute * absolute + self.weights.squared * squared
        total = torch.stack([getattr(self.weights, name) * value for name, value in terms.items()]).sum()
        return total, {name: float(value.detach()) for name, value in terms.items()}


def landmark_points(folder: Path, device: torch.device) -> Points:
    """Return a differentiable function from crops (B, 3, S, S) to their points (B, 68, 2), as parts of the side."""
    network = load_landmark_network(folder).to(device).requires_grad_(False)
    return lambda x: canonical_landmarks(network, x) / x.shape[-1]
