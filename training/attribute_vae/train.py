"""Train the conditional β-VAE of the codes, in legs that resume; β 0 is a plain autoencoder.

    python -m training.attribute_vae.train --packed packed/crops.npz --attributes packed/attributes.npz \
        --codes runs/prior/codes-training.pt --out runs/attribute-vae/beta-4 --beta 4 --minutes 6

The loss is half the squared error of the code in working coordinates, summed, plus β times the divergence, which is
warmed up over the first third. A network reads the attributes from z, and the encoder learns to leave it nothing but
how frequent each is: Fader networks (Lample et al. 2017) aim at the opposite attribute, which for rare ones is a leak.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from facemorph import checkpoint
from facemorph.models import AttributeVae, AttributeVaeConfig, LatentPrior
from training.attributes.label import NAMES
from training.codes.rows import coded_rows, load_attributes
from training.loop.distributed import ALONE, Processes, joined, resting
from training.loop.learning_rate import warm_then_cosine
from training.loop.leg import MIXED, Leg, add_arguments
from training.loop.state import FILE, load_state, log, save_state
from training.loop.streams import Draws, Streams

COMPACT = 500.0
"""Weight of one minus the cosine of the compact codes."""
ADVERSARY = 60.0
"""Weight of each attribute that the adversary reads, fully on after the first third."""
WARM = 1 / 3
FITTED_RATE = 0.1
"""Learning rate of the maps that were fitted, in parts of that of the networks."""
FITTED = ("to_latent", "from_latent", "to_compact")
READER_STEPS = 2


def build(
    args: argparse.Namespace,
    spatial: torch.Tensor,
    compact: torch.Tensor,
    values: torch.Tensor,
    processes: Processes = ALONE,
) -> tuple[dict[str, nn.Module], dict[str, torch.optim.Optimizer]]:
    """Return the fitted model and its adversary, and an optimizer for each."""
    torch.manual_seed(args.seed)
    model = AttributeVae(AttributeVaeConfig(attributes=NAMES, variational=args.beta > 0))
    if processes.told(not (args.out / FILE).exists()):
        prior = LatentPrior.from_checkpoint(checkpoint.CHECKPOINTS / "latent-prior")
        model.fit(spatial[0], compact[0], values, prior.mean, prior.basis, args.beta)
    reader = nn.Sequential(nn.Linear(model.config.latent_dim, 256), nn.ReLU(), nn.Linear(256, len(NAMES)))
    model, reader = model.to(processes.device), reader.to(processes.device)
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for name, parameter in model.named_parameters():
        groups[name.split(".")[0] in FITTED].append(parameter)
    optimizers: dict[str, torch.optim.Optimizer] = {
        "model": torch.optim.Adam(
            [{"params": groups[False], "part": 1.0}, {"params": groups[True], "part": FITTED_RATE}]
        ),
        "reader": torch.optim.Adam([{"params": reader.parameters(), "part": 1.0}]),
    }
    return {"model": model, "reader": reader}, optimizers


class Coder(nn.Module):
    """The model from code to code, as one module that processes can share."""

    def __init__(self, model: AttributeVae) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, u: torch.Tensor, attributes: torch.Tensor, noise: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return z (B, D), the decoded code, the compact one, and the divergence (B,).

        Args:
            u: (B, C, h, w) codes in working coordinates.
            attributes: (B, K).
            noise: (B, D) from N(0, 1).
        """
        posterior = self.model.posterior(u)
        z = posterior.at(noise)
        return z, *self.model.expected(z, attributes), posterior.kl()


@dataclass(frozen=True)
class Game:
    """The model and its adversary, and an optimizer for each.

    Attributes:
        nets: `model` and `reader`.
        optimizers: of both.
        coder: the model as processes share it.
        reader: the adversary as processes share it.
        weight: of this process's samples.
        mixed: whether the model computes in bfloat16.
    """

    nets: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]
    coder: nn.Module
    reader: nn.Module
    weight: float = 1.0
    mixed: bool = True

    @classmethod
    def of(
        cls,
        nets: dict[str, nn.Module],
        optimizers: dict[str, torch.optim.Optimizer],
        processes: Processes = ALONE,
        weight: float = 1.0,
        *,
        mixed: bool = True,
    ) -> Game:
        """Set up the game of the networks and optimizers of `build`."""
        model = nets["model"]
        assert isinstance(model, AttributeVae)
        coder, reader = processes.shared(Coder(model), unused=True), processes.shared(nets["reader"])
        return cls(nets, optimizers, coder, reader, weight, mixed)

    def step(
        self,
        batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        rates: torch.Tensor,
        weights: tuple[float, float],
        draws: Draws,
    ) -> dict[str, float]:
        """Train the adversary, then the model against it, on one batch.

        Args:
            batch: spatial and compact codes, and attributes.
            rates: (K,) how frequent each attribute is.
            weights: of the divergence and of the adversary.
            draws: of the noise.

        Returns:
            Terms of the loss, before weighting.
        """
        (code, who, attributes), model = batch, self.nets["model"]
        assert isinstance(model, AttributeVae)
        with torch.no_grad():
            u = model.to_working(code)
        noise = draws.randn(model.config.latent_dim)
        with torch.autocast(u.device.type, torch.bfloat16, enabled=self.mixed):
            z, decoded, named, kl = self.coder(u, attributes, noise)
        truth = (attributes + 1) / 2
        for _ in range(READER_STEPS):
            reading = F.binary_cross_entropy_with_logits(self.reader(z.detach()), truth)
            self._learn("reader", self.weight * reading)
        error = 0.5 * (decoded - u).square().flatten(1).sum(1).mean()
        unlike = 1 - (named * F.normalize(who, dim=1)).sum(1).mean()
        with resting(self.nets["reader"]):
            read = self.nets["reader"](z)
            unread = F.binary_cross_entropy_with_logits(read, rates.expand_as(truth), reduction="none").sum(1).mean()
            loss = error + COMPACT * unlike + weights[0] * kl.mean() + weights[1] * unread
            self._learn("model", self.weight * loss / 1000)
        terms = {"error": error, "unlike": unlike, "kl": kl.mean(), "reading": reading, "unread": unread}
        return {name: round(float(term.detach()), 3) for name, term in terms.items()}

    def _learn(self, side: str, loss: torch.Tensor) -> None:
        self.optimizers[side].zero_grad(set_to_none=True)
        loss.backward()
        if side == "model":
            nn.utils.clip_grad_norm_(self.nets[side].parameters(), 1.0)
        self.optimizers[side].step()


def train(args: argparse.Namespace, processes: Processes) -> None:
    """Train one leg."""
    values = load_attributes(args.attributes, coded_rows(args.packed, validation=False))
    stored = torch.load(args.codes, weights_only=True, mmap=True)
    spatial, compact = stored["spatial"], stored["compact"]
    args.out.mkdir(parents=True, exist_ok=True)
    nets, optimizers = build(args, spatial, compact, values, processes)
    done, share = load_state(args.out, nets, optimizers, processes), processes.share(args.batch)
    game = Game.of(nets, optimizers, processes, share.weight, mixed=args.precision == MIXED)
    rates, leg, terms = (values.mean(0) + 1).to(processes.device) / 2, Leg(args, processes, done), dict[str, float]()

    def save() -> None:
        save_state(args.out, nets, optimizers, **leg.done)
        checkpoint.save(args.out / "checkpoint", nets["model"], game.nets["model"].config)
        log(args.out, {"step": leg.step, "minutes": round(leg.spent / 60, 2)} | terms)

    for progress in leg.steps(save):
        for optimizer in optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = args.lr * group["part"] * warm_then_cosine(leg.step, progress, 50)
        streams = Streams(args.seed, leg.step, share, processes.device)
        index, side = streams.rows(len(values)), streams.randint(2).cpu()  # plain or mirrored
        codes = (part[side, index].float().to(processes.device) for part in (spatial, compact))
        warm = min(1.0, progress / WARM)
        batch = (*codes, values[index].to(processes.device))
        terms = game.step(batch, rates, (warm * args.beta, warm * ADVERSARY), streams)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--attributes", type=Path, required=True)
    parser.add_argument("--codes", type=Path, required=True, help="codes-training.pt of training.prior.train")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--beta", type=float, required=True)
    add_arguments(parser, minutes=6, batch=64, lr=1e-3, save_minutes=1)
    args = parser.parse_args()
    with joined(args.device) as processes:
        train(args, processes)


if __name__ == "__main__":
    main()
