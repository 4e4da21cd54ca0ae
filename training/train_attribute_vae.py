"""Train a conditional β-VAE of the codes, in legs that resume; β 0 is a plain autoencoder.

    python -m training.train_attribute_vae --packed packed/crops.npz --attributes packed/attributes.npz \
        --codes runs/prior/codes-training.pt --out runs/attribute-vae/beta4 --beta 4 --minutes 3

The loss is half the squared error of the normalised code, summed, plus β times the divergence, which is warmed up over
the first third. An adversary reads the attributes from z, and the encoder learns to leave it nothing to read.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from facemorph import checkpoint
from facemorph.models import AttributeVae, AttributeVaeConfig
from training.label_attributes import NAMES
from training.learning_rate import warm_then_cosine
from training.prior_codes import SOURCES

BATCH = 64
COMPACT = 500.0
"""Weight of one minus the cosine of the compact codes."""
FADER = 20.0
"""Weight of what the adversary must not read, fully on after the first third."""
WARM = 1 / 3


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    packed, labels = np.load(args.packed), np.load(args.attributes)
    rows = np.flatnonzero(np.isin(packed["source"], SOURCES) & ~packed["validation"])
    values = torch.from_numpy(labels["values"][rows].astype(np.float32))
    stored = torch.load(args.codes, weights_only=True)
    spatial, compact = stored["spatial"], stored["compact"]
    config = AttributeVaeConfig(attributes=NAMES, variational=args.beta > 0)
    model = AttributeVae(config)
    some = spatial[0, ::8].float()
    model.code_mean.copy_(some.mean((0, 2, 3)).reshape(-1, 1, 1))
    model.code_std.copy_(some.std((0, 2, 3)).reshape(-1, 1, 1))
    reader = nn.Sequential(nn.Linear(config.latent_dim, 256), nn.ReLU(), nn.Linear(256, len(NAMES)))
    nets = {"model": model, "reader": reader}
    optimizers = {n: torch.optim.AdamW(net.parameters(), lr=args.lr, weight_decay=1e-4) for n, net in nets.items()}
    step, spent, state_path = 0, 0.0, args.out / "state.pt"
    args.out.mkdir(parents=True, exist_ok=True)
    if state_path.exists():
        state = torch.load(state_path, weights_only=True)
        for name, net in nets.items():
            net.load_state_dict(state[name])
            optimizers[name].load_state_dict(state[f"{name}_optimizer"])
        step, spent = state["step"], state["spent"]
    generator = torch.Generator().manual_seed(args.seed + step)
    total, began, start = 60 * (args.total_minutes or args.minutes + spent / 60), spent, time.monotonic()
    while (elapsed := time.monotonic() - start) < 60 * args.minutes:
        spent = began + elapsed
        progress = min(1.0, spent / total)
        warm = min(1.0, progress / WARM)
        for optimizer in optimizers.values():
            optimizer.param_groups[0]["lr"] = args.lr * warm_then_cosine(step, progress, 100)
        index = torch.randint(0, len(values), (BATCH,), generator=generator).sort().values
        side = int(torch.randint(0, 2, (), generator=generator))
        code, who, attributes = spatial[side][index].float(), compact[side][index].float(), values[index]
        with torch.autocast("cpu", torch.bfloat16):
            posterior = model.encode(code)
            z = posterior.sample(generator)
            decoded, named = model.decode(z, attributes)
        truth = (attributes + 1) / 2
        reading = F.binary_cross_entropy_with_logits(reader(z.detach()), truth)
        optimizers["reader"].zero_grad(set_to_none=True)
        reading.backward()
        optimizers["reader"].step()
        error = 0.5 * ((decoded - code) / model.code_std).square().flatten(1).sum(1).mean()
        error = error + COMPACT * (1 - (named * F.normalize(who, dim=1)).sum(1)).mean()
        kl = posterior.kl().mean()
        unread = F.binary_cross_entropy_with_logits(reader(z), 1 - truth)
        loss = error + warm * (args.beta * kl + FADER * unread)
        optimizers["model"].zero_grad(set_to_none=True)
        (loss / 1000).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizers["model"].step()
        step += 1
        if step % 200 == 0:
            line = {"step": step, "error": round(float(error.detach()), 1), "kl": round(float(kl.detach()), 1)}
            print(json.dumps(line | {"reading": round(float(reading.detach()), 3)}), flush=True)
    state = {name: net.state_dict() for name, net in nets.items()}
    state |= {f"{name}_optimizer": optimizer.state_dict() for name, optimizer in optimizers.items()}
    torch.save(state | {"step": step, "spent": spent}, state_path)
    checkpoint.save(args.out / "checkpoint", model.eval(), config)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--attributes", type=Path, required=True)
    parser.add_argument("--codes", type=Path, required=True, help="codes-training.pt of training.train_prior")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--beta", type=float, required=True)
    parser.add_argument("--minutes", type=float, default=3.0, help="of this leg")
    parser.add_argument("--total-minutes", type=float, help="of all legs together; default: to the end of this one")
    parser.add_argument("--lr", type=float, default=4e-4)
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
