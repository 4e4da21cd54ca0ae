"""Train the network that refines the attribute editor's directions, in legs that resume.

    python -m training.train_attribute_editor --packed packed/crops.npz --attributes packed/attributes.npz \
        --codes runs/prior/codes-training.pt --fitted checkpoints/attribute-editor \
        --out runs/attribute-editor --minutes 30

An adversarial game in the space of codes (AttGAN: He et al. 2019; STGAN: Liu et al. 2019). Real and edited codes alike
are faces warped to another person's landmarks, so that neither warp nor geometry gives an edit away. The critic tells
real from edited given the attributes (projection: Miyato & Koyama 2018) and reads them.
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
from torch.nn.utils.parametrizations import spectral_norm

from facemorph import checkpoint
from facemorph.attributes import ATTRIBUTES
from facemorph.models import AttributeEditor
from training.fit_attribute_editor import CROP_SIZE
from training.learning_rate import warm_then_cosine
from training.prior_codes import SOURCES
from training.train import EMA_EVERY, Ema

BATCH = 32
READ, KEPT, SMALL = 3.0, 1.5, 0.04
"""Weights beside the adversarial term: attributes asked for, attributes left alone, size of the change."""
RARE_FIRST = 0.5
"""Part of the codes drawn so that each attribute is shown equally often."""


class Critic(nn.Module):
    """Code → how real it looks at each of 4 × 4 places given the attributes, and which attributes it shows."""

    def __init__(self, channels: int, count: int, width: int = 96) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            spectral_norm(nn.Conv2d(channels, width, 3, padding=1)),
            nn.LeakyReLU(0.1),
            spectral_norm(nn.Conv2d(width, width, 4, 2, 1)),
            nn.LeakyReLU(0.1),
            spectral_norm(nn.Conv2d(width, 2 * width, 3, padding=1)),
            nn.LeakyReLU(0.1),
            spectral_norm(nn.Conv2d(2 * width, 2 * width, 4, 2, 1)),
            nn.LeakyReLU(0.1),
        )
        self.real = spectral_norm(nn.Conv2d(2 * width, 1, 1))
        self.given = spectral_norm(nn.Linear(count, 2 * width * 16, bias=False))
        self.read = nn.Linear(2 * width * 16, count)

    def forward(self, x: torch.Tensor, attributes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = self.trunk(x)
        flat = h.flatten(1)
        score = self.real(h).flatten(1) + (self.given(attributes) * flat).sum(1, keepdim=True) / flat.shape[1] ** 0.5
        return score.float(), self.read(flat).float()


def draw_changes(present: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draw changes of one to three attributes each, (B, K): towards the other side, by part or all of the way."""
    count = len(present)
    chosen = torch.rand(present.shape, generator=generator).argsort(1) < torch.randint(
        1, 4, (count, 1), generator=generator
    )
    part = 0.6 + 0.4 * torch.rand(count, 1, generator=generator)
    goal = torch.where(present > 0, -1.0, 1.0)
    change = (goal - present) * part
    age = list(ATTRIBUTES).index("age")
    change[:, age] = 2 * torch.rand(count, generator=generator) - 1
    change[:, age] = change[:, age].clamp(-1 - present[:, age], 0.9 - present[:, age])
    return change * chosen


def balanced_rows(values: torch.Tensor) -> torch.Tensor:
    """Return weights (N,) that show both sides of each attribute about equally often."""
    weights = torch.zeros(len(values))
    for column in values.T:
        for side in (column > 0.3, column < -0.3):
            weights += side.float() / side.float().sum().clamp_min(50)
    return RARE_FIRST * weights / weights.sum() + (1 - RARE_FIRST) / len(values)


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    packed, labels = np.load(args.packed), np.load(args.attributes)
    rows = np.flatnonzero(np.isin(packed["source"], SOURCES) & ~packed["validation"])
    values = torch.from_numpy(labels["values"][rows].astype(np.float32))
    points = (torch.from_numpy(packed["landmarks"][rows].astype(np.float32)) + 0.5) / CROP_SIZE
    stored = torch.load(args.codes, weights_only=True)
    spatial, compact = stored["partner_spatial"][0], stored["partner_compact"][0]
    own = values[torch.from_numpy(np.random.default_rng(0).permutation(len(values)))]  # of the warped faces
    weights = balanced_rows(own)

    model = AttributeEditor.from_checkpoint(args.fitted).train()
    critic = Critic(spatial.shape[1], own.shape[1])
    nets = {"editor": model.refinement, "critic": critic}
    optimizers = {
        name: torch.optim.AdamW(net.parameters(), lr=args.lr, betas=(0.0, 0.99), weight_decay=1e-4)
        for name, net in nets.items()
    }
    ema, step, spent = Ema(model.refinement, 500.0), 0, 0.0
    state_path = args.out / "state.pt"
    args.out.mkdir(parents=True, exist_ok=True)
    if state_path.exists():
        state = torch.load(state_path, weights_only=True)
        for name in nets:
            nets[name].load_state_dict(state[name])
            optimizers[name].load_state_dict(state[f"{name}_optimizer"])
        ema.weights, ema.count, step, spent = state["ema"], state["ema_count"], state["step"], state["spent"]
    generator = torch.Generator().manual_seed(args.seed + step)
    total = 60 * (args.total_minutes or args.minutes + spent / 60)
    start, saved, began, sums = time.monotonic(), time.monotonic(), spent, {}

    def save() -> None:
        state = {name: net.state_dict() for name, net in nets.items()}
        state |= {f"{name}_optimizer": optimizer.state_dict() for name, optimizer in optimizers.items()}
        state |= {"ema": ema.weights, "ema_count": ema.count, "step": step, "spent": spent}
        torch.save(state, state_path.with_suffix(".tmp"))
        state_path.with_suffix(".tmp").replace(state_path)
        averaged = AttributeEditor.from_checkpoint(args.fitted)
        averaged.refinement.load_state_dict(ema.weights)
        checkpoint.save(args.out / "checkpoint", averaged, averaged.config)
        count = max(1.0, sums.pop("count", 1.0))
        line = {"step": step, "minutes": round(spent / 60, 1)} | {k: round(v / count, 4) for k, v in sums.items()}
        sums.clear()
        with (args.out / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)

    def draw() -> tuple[torch.Tensor, ...]:
        index = torch.multinomial(weights, BATCH, replacement=True, generator=generator)
        return spatial[index].float(), F.normalize(compact[index].float(), dim=1), points[index], own[index]

    def judged(code: torch.Tensor, attributes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            return critic((code - model.code_mean) / model.code_std, attributes)

    while (elapsed := time.monotonic() - start) < 60 * args.minutes:
        spent = began + elapsed
        for optimizer in optimizers.values():
            optimizer.param_groups[0]["lr"] = args.lr * warm_then_cosine(step, min(1.0, spent / total), 200)
        code, who, where, present = draw()
        change = draw_changes(present, generator)
        with torch.autocast("cpu", torch.bfloat16):
            edited = model.change_code(code, who, where, present, change)
        goal = (present + change).clamp(-1, 1)

        real, _, _, real_attributes = draw()
        real_score, read = judged(real, real_attributes)
        fake_score, _ = judged(edited.detach(), goal)
        read_loss = F.binary_cross_entropy_with_logits(read, (real_attributes + 1) / 2)
        critic_loss = F.relu(1 - real_score).mean() + F.relu(1 + fake_score).mean() + read_loss
        optimizers["critic"].zero_grad(set_to_none=True)
        critic_loss.backward()
        optimizers["critic"].step()

        score, read = judged(edited, goal)
        asked = change.abs() > 0
        errors = F.binary_cross_entropy_with_logits(read, (goal + 1) / 2, reduction="none")
        size = (((edited - code) / model.code_std).square().sum(1) + 1e-4).sqrt().mean()
        editor_loss = -score.mean() + READ * errors[asked].mean() + KEPT * errors[~asked].mean() + SMALL * size
        optimizers["editor"].zero_grad(set_to_none=True)
        editor_loss.backward()
        nn.utils.clip_grad_norm_(model.refinement.parameters(), 5.0)
        optimizers["editor"].step()
        step += 1
        if step % EMA_EVERY == 0:
            ema.update(model.refinement)
        terms = {"critic": critic_loss, "read": read_loss, "score": score.mean(), "asked": errors[asked].mean()}
        terms |= {"kept": errors[~asked].mean(), "size": size}
        for name, value in terms.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach())
        sums["count"] = sums.get("count", 0.0) + 1
        if time.monotonic() - saved > 60:
            save()
            saved = time.monotonic()
    save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--attributes", type=Path, required=True)
    parser.add_argument("--codes", type=Path, required=True, help="codes-training.pt of training.train_prior")
    parser.add_argument("--fitted", type=Path, required=True, help="checkpoint of training.fit_attribute_editor")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30.0, help="of this leg")
    parser.add_argument("--total-minutes", type=float, help="of all legs together; default: to the end of this one")
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
