"""Train the network that refines the attribute editor's directions, in legs that resume.

    python -m training.train_attribute_editor --packed packed/crops.npz --attributes packed/attributes.npz \
        --codes runs/prior/codes-training.pt --fitted runs/attribute-editor/fitted \
        --out runs/attribute-editor --minutes 30

An adversarial game in the space of codes (AttGAN: He et al. 2019; STGAN: Liu et al. 2019). Real and edited codes alike
are faces warped to another person's landmarks, so that neither warp nor geometry gives an edit away. The critic tells
real from edited given the attributes (projection: Miyato & Koyama 2018) and reads them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from facemorph import checkpoint
from facemorph.attributes import ATTRIBUTES
from facemorph.models import AttributeEditor
from training.attribute_codes import coded_rows, load_attributes, load_points
from training.learning_rate import warm_then_cosine
from training.prior_codes import partner_order
from training.run_state import load_state, save_state
from training.train import EMA_EVERY, Ema

BATCH = 32
READ, KEPT, SMALL = 3.0, 1.5, 0.04
"""Weights beside the adversarial term: attributes asked for, attributes left alone, size of the change."""
AVERAGED = 500.0
"""Steps over which the weights are averaged."""
SAVE_EVERY = 60.0
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


def judged(
    model: AttributeEditor, critic: nn.Module, code: torch.Tensor, attributes: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the critic says of codes: (B, 16) scores and (B, K) log-odds of the attributes."""
    with torch.autocast("cpu", torch.bfloat16):
        said: tuple[torch.Tensor, torch.Tensor] = critic((code - model.code_mean) / model.code_std, attributes)
    return said


def critic_loss(
    model: AttributeEditor,
    critic: nn.Module,
    real: tuple[torch.Tensor, torch.Tensor],
    edited: tuple[torch.Tensor, torch.Tensor],
) -> dict[str, torch.Tensor]:
    """Return the hinge loss of telling real from edited, and that of reading; each a code and its attributes."""
    real_score, read = judged(model, critic, *real)
    fake_score, _ = judged(model, critic, edited[0].detach(), edited[1])
    reading = F.binary_cross_entropy_with_logits(read, (real[1] + 1) / 2)
    return {"critic": F.relu(1 - real_score).mean() + F.relu(1 + fake_score).mean() + reading, "read": reading}


def editor_loss(
    model: AttributeEditor,
    critic: nn.Module,
    code: torch.Tensor,
    edited: tuple[torch.Tensor, torch.Tensor],
    change: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """Return the loss of the editor as "editor", and its terms before weighting."""
    score, read = judged(model, critic, *edited)
    asked = change.abs() > 0
    errors = F.binary_cross_entropy_with_logits(read, (edited[1] + 1) / 2, reduction="none")
    size = (((edited[0] - code) / model.code_std).square().sum(1) + 1e-4).sqrt().mean()
    terms = {"score": score.mean(), "asked": errors[asked].mean(), "kept": errors[~asked].mean(), "size": size}
    whole = -terms["score"] + READ * terms["asked"] + KEPT * terms["kept"] + SMALL * size
    return terms | {"editor": whole}


def train_step(
    model: AttributeEditor,
    nets: dict[str, nn.Module],
    optimizers: dict[str, torch.optim.Optimizer],
    draw: Callable[[], tuple[torch.Tensor, ...]],
    generator: torch.Generator,
) -> dict[str, float]:
    """Train the critic, then the editor against it; return the terms of both losses."""
    code, who, where, present = draw()
    change = draw_changes(present, generator)
    with torch.autocast("cpu", torch.bfloat16):
        code_edited = model.change_code(code, who, where, present, change)
    edited = code_edited, (present + change).clamp(-1, 1)
    real, _, _, real_attributes = draw()
    terms = critic_loss(model, nets["critic"], (real, real_attributes), edited)
    optimizers["critic"].zero_grad(set_to_none=True)
    terms["critic"].backward()
    optimizers["critic"].step()
    terms |= editor_loss(model, nets["critic"], code, edited, change)
    optimizers["editor"].zero_grad(set_to_none=True)
    terms["editor"].backward()
    nn.utils.clip_grad_norm_(nets["editor"].parameters(), 5.0)
    optimizers["editor"].step()
    return {name: float(term.detach()) for name, term in terms.items()}


def build(model: AttributeEditor, lr: float) -> tuple[dict[str, nn.Module], dict[str, torch.optim.Optimizer]]:
    """Return the refining network of the model and its critic, and an optimizer for each."""
    critic = Critic(model.config.latent_channels, len(model.config.attributes))
    nets: dict[str, nn.Module] = {"editor": model.refinement, "critic": critic}
    return nets, {
        name: torch.optim.AdamW(net.parameters(), lr=lr, betas=(0.0, 0.99), weight_decay=1e-4)
        for name, net in nets.items()
    }


def drawing(args: argparse.Namespace, generator: torch.Generator) -> Callable[[], tuple[torch.Tensor, ...]]:
    """Return what draws a batch: spatial and compact codes, landmarks and attributes of warped faces."""
    rows = coded_rows(args.packed, validation=False)
    values, points = load_attributes(args.attributes, rows), load_points(args.packed, rows)
    stored = torch.load(args.codes, weights_only=True)
    spatial, compact = stored["partner_spatial"][0], stored["partner_compact"][0]
    own = values[torch.from_numpy(partner_order(len(values)))]  # of the warped faces
    weights = balanced_rows(own)

    def draw() -> tuple[torch.Tensor, ...]:
        index = torch.multinomial(weights, BATCH, replacement=True, generator=generator)
        return spatial[index].float(), F.normalize(compact[index].float(), dim=1), points[index], own[index]

    return draw


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    model = AttributeEditor.from_checkpoint(args.fitted).train()
    nets, optimizers = build(model, args.lr)
    ema, step, began = Ema(model.refinement, AVERAGED), 0, 0.0
    if (state := load_state(args.out, nets, optimizers)) is not None:
        ema.weights, ema.count, step, began = state["ema"], state["ema_count"], state["step"], state["spent"]
    generator = torch.Generator().manual_seed(args.seed + step)
    draw = drawing(args, generator)
    total = 60 * (args.total_minutes or args.minutes + began / 60)
    start = saved = time.monotonic()
    since: list[dict[str, float]] = []

    def save(spent: float) -> None:
        save_state(args.out, nets, optimizers, ema=ema.weights, ema_count=ema.count, step=step, spent=spent)
        averaged = AttributeEditor.from_checkpoint(args.fitted)
        averaged.refinement.load_state_dict(ema.weights)
        checkpoint.save(args.out / "checkpoint", averaged, averaged.config)
        means = {name: round(sum(terms[name] for terms in since) / len(since), 4) for name in (since or [{}])[0]}
        since.clear()
        line = {"step": step, "minutes": round(spent / 60, 1)} | means
        with (args.out / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)

    while (now := time.monotonic()) - start < 60 * args.minutes:
        spent = began + now - start
        for optimizer in optimizers.values():
            optimizer.param_groups[0]["lr"] = args.lr * warm_then_cosine(step, min(1.0, spent / total), 200)
        since.append(train_step(model, nets, optimizers, draw, generator))
        step += 1
        if step % EMA_EVERY == 0:
            ema.update(model.refinement)
        if now - saved > SAVE_EVERY:
            save(spent)
            saved = now
    save(began + time.monotonic() - start)


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
