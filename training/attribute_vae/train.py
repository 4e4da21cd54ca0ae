"""Train the conditional β-VAE of the codes, in legs that resume; β 0 is a plain autoencoder.

    python -m training.attribute_vae.train --packed packed/crops.npz --attributes packed/attributes.npz \
        --codes runs/prior/codes-training.pt --out runs/attribute-vae/beta-4 --beta 4 --minutes 6

The loss is half the squared error of the code in working coordinates, summed, plus β times the divergence, which is
warmed up over the first third. A network reads the attributes from z, and the encoder learns to leave it nothing but
how frequent each is: Fader networks (Lample et al. 2017) aim at the opposite attribute, which for rare ones is a leak.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from facemorph import checkpoint
from facemorph.models import AttributeVae, AttributeVaeConfig, LatentPrior
from training.attributes.label import NAMES
from training.codes.rows import coded_rows, load_attributes
from training.legs.learning_rate import warm_then_cosine
from training.legs.state import FILE, load_state, save_state

BATCH = 64
COMPACT = 500.0
"""Weight of one minus the cosine of the compact codes."""
ADVERSARY = 60.0
"""Weight of each attribute that the adversary reads, fully on after the first third."""
WARM = 1 / 3
FITTED_RATE = 0.1
"""Learning rate of the maps that were fitted, in parts of that of the networks."""
FITTED = ("to_latent", "from_latent", "to_compact")
READER_STEPS = 2
SAVE_EVERY = 60.0


def build(
    args: argparse.Namespace, spatial: torch.Tensor, compact: torch.Tensor, values: torch.Tensor
) -> tuple[dict[str, nn.Module], dict[str, torch.optim.Optimizer]]:
    """Return the fitted model and its adversary, and an optimizer for each."""
    torch.manual_seed(args.seed)
    model = AttributeVae(AttributeVaeConfig(attributes=NAMES, variational=args.beta > 0))
    if not (args.out / FILE).exists():
        prior = LatentPrior.from_checkpoint(checkpoint.CHECKPOINTS / "latent-prior")
        model.fit(spatial[0], compact[0], values, prior.mean, prior.basis, args.beta)
    reader = nn.Sequential(nn.Linear(model.config.latent_dim, 256), nn.ReLU(), nn.Linear(256, len(NAMES)))
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


def train_step(
    nets: dict[str, nn.Module],
    optimizers: dict[str, torch.optim.Optimizer],
    batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    rates: torch.Tensor,
    weights: tuple[float, float],
    generator: torch.Generator,
) -> dict[str, float]:
    """Train the adversary, then the model against it, on one batch.

    Args:
        nets: `build`'s.
        optimizers: `build`'s.
        batch: spatial and compact codes, and attributes.
        rates: (K,) how frequent each attribute is.
        weights: of the divergence and of the adversary.
        generator: of the noise.

    Returns:
        Terms of the loss, before weighting.
    """
    (model, reader), (code, who, attributes) = nets.values(), batch
    with torch.no_grad():
        u = model.to_working(code)
    with torch.autocast("cpu", torch.bfloat16):
        posterior = model.posterior(u)
        z = posterior.sample(generator)
        decoded, named = model.expected(z, attributes)
    truth = (attributes + 1) / 2
    for _ in range(READER_STEPS):
        reading = F.binary_cross_entropy_with_logits(reader(z.detach()), truth)
        optimizers["reader"].zero_grad(set_to_none=True)
        reading.backward()
        optimizers["reader"].step()
    error = 0.5 * (decoded - u).square().flatten(1).sum(1).mean()
    unlike = 1 - (named * F.normalize(who, dim=1)).sum(1).mean()
    kl = posterior.kl().mean()
    unread = F.binary_cross_entropy_with_logits(reader(z), rates.expand_as(truth), reduction="none").sum(1).mean()
    loss = error + COMPACT * unlike + weights[0] * kl + weights[1] * unread
    optimizers["model"].zero_grad(set_to_none=True)
    (loss / 1000).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizers["model"].step()
    terms = {"error": error, "unlike": unlike, "kl": kl, "reading": reading, "unread": unread}
    return {name: round(float(term.detach()), 3) for name, term in terms.items()}


def train(args: argparse.Namespace) -> None:
    values = load_attributes(args.attributes, coded_rows(args.packed, validation=False))
    stored = torch.load(args.codes, weights_only=True, mmap=True)
    spatial, compact = stored["spatial"], stored["compact"]
    args.out.mkdir(parents=True, exist_ok=True)
    nets, optimizers = build(args, spatial, compact, values)
    state = load_state(args.out, nets, optimizers) or {"step": 0, "spent": 0.0}
    step, began = state["step"], state["spent"]
    rates, total = (values.mean(0) + 1) / 2, 60 * (args.total_minutes or args.minutes + began / 60)
    generator = torch.Generator().manual_seed(args.seed + step)
    start = saved = time.monotonic()
    while (now := time.monotonic()) - start < 60 * args.minutes:
        spent = began + now - start
        progress = min(1.0, spent / total)
        for optimizer in optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = args.lr * group["part"] * warm_then_cosine(step, progress, 50)
        index = torch.randint(0, len(values), (BATCH,), generator=generator).sort().values
        side = int(torch.randint(0, 2, (), generator=generator))  # plain or mirrored
        warm = min(1.0, progress / WARM)
        batch = spatial[side][index].float(), compact[side][index].float(), values[index]
        terms = train_step(nets, optimizers, batch, rates, (warm * args.beta, warm * ADVERSARY), generator)
        if step % 50 == 0:
            print(json.dumps({"step": step, "seconds": round(spent)} | terms), flush=True)
        step += 1
        if now - saved > SAVE_EVERY:
            save_state(args.out, nets, optimizers, step=step, spent=spent)
            checkpoint.save(args.out / "checkpoint", nets["model"], nets["model"].config)
            saved = now
    save_state(args.out, nets, optimizers, step=step, spent=began + time.monotonic() - start)
    checkpoint.save(args.out / "checkpoint", nets["model"], nets["model"].config)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--attributes", type=Path, required=True)
    parser.add_argument("--codes", type=Path, required=True, help="codes-training.pt of training.prior.train")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--beta", type=float, required=True)
    parser.add_argument("--minutes", type=float, default=6.0, help="of this leg")
    parser.add_argument("--total-minutes", type=float, help="of all legs together; default: to the end of this one")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
