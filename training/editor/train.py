"""Train the network that refines the attribute editor's directions, in legs that resume.

    python -m training.editor.train --packed packed/crops.npz --attributes packed/attributes.npz \
        --codes runs/prior/codes-training.pt --fitted runs/attribute-editor/fitted --weights ../shared/weights \
        --out runs/attribute-editor --minutes 30

An adversarial game (AttGAN: He et al. 2019; STGAN: Liu et al. 2019). Real and edited faces alike are warped to another
person's landmarks, so that neither warp nor geometry gives an edit away, and both are seen as codes and as the pictures
that the autoencoder makes of them (`training.editor.critics`, `training.editor.losses`).
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

from facemorph import checkpoint
from facemorph.attributes import ATTRIBUTES, TINTED
from facemorph.models import AttributeEditor, FaceAutoencoder
from training.autoencoder.losses import landmark_points
from training.codes.encode import partner_order
from training.codes.rows import coded_rows, load_attributes, load_points, read_present
from training.editor.critics import CodeCritic, PictureCritic, PictureFeatures
from training.editor.losses import Faces, Stage, change_terms, critic_loss, editor_loss, probabilities, total
from training.legs.average import EMA_EVERY, Ema
from training.legs.learning_rate import warm_then_cosine
from training.legs.state import load_state, save_state

BATCH = 16
AGE = list(ATTRIBUTES).index("age")
THROUGH_THE_CODE = [column for column, attribute in enumerate(ATTRIBUTES.values()) if attribute.region not in TINTED]
AGE_SLOPE = 1.5
"""Log-odds of "old" that a standard deviation of the ages adds."""
CRITICS_FIRST = 200
"""Steps in which only the critics learn."""
AVERAGED = 500.0
"""Steps over which the weights are averaged."""
SAVE_EVERY = 60.0
RARE_FIRST = 0.5
"""Part of the faces drawn so that each attribute is shown equally often."""
Draw = Callable[[], tuple[Faces, torch.Tensor]]
"""A batch of faces, whose attributes are as the editor reads them, and their (B, K) labels."""


def draw_changes(present: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draw changes of one to three attributes each, (B, K): towards the other side, by part or all of the way."""
    count, among = len(present), len(THROUGH_THE_CODE)
    ranks = torch.rand(count, among, generator=generator).argsort(1)
    chosen = torch.zeros_like(present, dtype=torch.bool)
    chosen[:, THROUGH_THE_CODE] = ranks < torch.randint(1, 4, (count, 1), generator=generator)
    part = 0.6 + 0.4 * torch.rand(count, 1, generator=generator)
    goal = torch.where(present > 0, -1.0, 1.0)
    change = (goal - present) * part
    change[:, AGE] = 2 * torch.rand(count, generator=generator) - 1
    return change * chosen


def balanced_rows(values: torch.Tensor) -> torch.Tensor:
    """Return weights (N,) that show both sides of each attribute about equally often."""
    weights = torch.zeros(len(values))
    for column in values.T:
        for side in (column > 0.3, column < -0.3):
            weights += side.float() / side.float().sum().clamp_min(50)
    return RARE_FIRST * weights / weights.sum() + (1 - RARE_FIRST) / len(values)


def train_step(
    stage: Stage,
    optimizers: dict[str, torch.optim.Optimizer],
    draw: Draw,
    readable: Callable[[torch.Tensor], torch.Tensor],
    generator: torch.Generator,
    *,
    edits: bool = True,
) -> dict[str, float]:
    """Train the critics, then, if it `edits`, the editor against them; return the terms of their losses.

    `readable` turns (B, K) attributes into the probabilities to read.
    """
    faces, labels = draw()
    change = draw_changes(faces.present, generator)
    asked, goal = change != 0, (faces.present + change).clamp(-1, 1)
    said = torch.where(asked, goal, labels)
    with torch.no_grad():
        before = stage.show(faces.spatial, faces.compact)
    after = stage.edit(faces, change, before)
    real = stage.judge(before, labels)
    terms = critic_loss(real, stage.judge(after.detached(), said), readable(labels))
    optimizers["critics"].zero_grad(set_to_none=True)
    terms["critic"].backward()
    optimizers["critics"].step()
    if not edits:
        return {name: float(term.detach()) for name, term in terms.items()}
    with torch.no_grad():
        real = stage.judge(before, labels)
    terms |= editor_loss(real, stage.judge(after, said), readable(goal), asked) | change_terms(stage, before, after)
    terms["editor"] = total(terms)
    optimizers["editor"].zero_grad(set_to_none=True)
    terms["editor"].backward()
    nn.utils.clip_grad_norm_(stage.editor.refinement.parameters(), 5.0)
    optimizers["editor"].step()
    return {name: float(term.detach()) for name, term in terms.items()}


def networks_of(stage: Stage) -> dict[str, nn.Module]:
    """Return what learns: the refining network, and both critics as one."""
    return {
        "editor": stage.editor.refinement,
        "critics": nn.ModuleList([stage.code_critic, stage.picture_critic]),
    }


def optimizers_of(nets: dict[str, nn.Module], lr: float) -> dict[str, torch.optim.Optimizer]:
    """Return an optimizer for each network."""
    return {
        name: torch.optim.AdamW(net.parameters(), lr=lr, betas=(0.0, 0.99), weight_decay=1e-4)
        for name, net in nets.items()
    }


def set_stage(args: argparse.Namespace) -> Stage:
    """Load what is fixed and build what learns."""
    editor = AttributeEditor.from_checkpoint(args.fitted)
    if args.start is not None:
        editor.refinement.load_state_dict(AttributeEditor.from_checkpoint(args.start).refinement.state_dict())
    count = len(editor.config.attributes)
    return Stage(
        editor.to(args.device).train(),
        FaceAutoencoder.from_checkpoint(args.autoencoder).to(args.device).requires_grad_(False),
        PictureFeatures(args.weights).to(args.device),
        landmark_points(args.landmarks, args.device),
        CodeCritic(editor.config.latent_channels, count).to(args.device),
        PictureCritic(count).to(args.device),
    )


def drawing(
    args: argparse.Namespace, editor: AttributeEditor, generator: torch.Generator
) -> tuple[Draw, Callable[[torch.Tensor], torch.Tensor]]:
    """Return what draws a batch of warped faces, and how their attributes are read."""
    rows = coded_rows(args.packed, validation=False)
    values, points = load_attributes(args.attributes, rows), load_points(args.packed, rows)
    stored = torch.load(args.codes, weights_only=True)
    partner = torch.from_numpy(partner_order(len(values)))  # of the warped faces
    labels, present = values[partner], read_present(editor, stored["spatial"][0], stored["compact"][0])[partner]
    spatial, compact = stored["partner_spatial"][0], stored["partner_compact"][0]
    weights = balanced_rows(labels)
    centre, slope = torch.zeros(values.shape[1]), torch.zeros(values.shape[1])
    centre[AGE], slope[AGE] = values[:, AGE].median(), AGE_SLOPE / values[:, AGE].std()
    centre, slope = centre.to(args.device), slope.to(args.device)

    def draw() -> tuple[Faces, torch.Tensor]:
        index = torch.multinomial(weights, BATCH, replacement=True, generator=generator)
        faces = (
            spatial[index].float(),
            F.normalize(compact[index].float(), dim=1),
            points[index],
            present[index],
        )
        return Faces(*(part.to(args.device) for part in faces)), labels[index].to(args.device)

    return draw, lambda attributes: probabilities(attributes, centre, slope)


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    stage = set_stage(args)
    nets = networks_of(stage)
    optimizers = optimizers_of(nets, args.lr)
    ema, step, began = Ema(stage.editor.refinement, AVERAGED), 0, 0.0
    if (state := load_state(args.out, nets, optimizers)) is not None:
        ema.weights, ema.count, step, began = state["ema"], state["ema_count"], state["step"], state["spent"]
    generator = torch.Generator().manual_seed(args.seed + step)
    draw, readable = drawing(args, stage.editor, generator)
    total_seconds = 60 * (args.total_minutes or args.minutes + began / 60)
    start = saved = time.monotonic()
    since: list[dict[str, float]] = []

    def save(spent: float) -> None:
        save_state(args.out, nets, optimizers, ema=ema.weights, ema_count=ema.count, step=step, spent=spent)
        averaged = AttributeEditor.from_checkpoint(args.fitted)
        averaged.refinement.load_state_dict(ema.weights)
        checkpoint.save(args.out / "checkpoint", averaged, averaged.config)
        means = {
            name: round(sum(terms.get(name, 0.0) for terms in since) / len(since), 4) for name in (since or [{}])[-1]
        }
        since.clear()
        line = {"step": step, "minutes": round(spent / 60, 1)} | means
        with (args.out / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)

    while (now := time.monotonic()) - start < 60 * args.minutes:
        spent = began + now - start
        for optimizer in optimizers.values():
            optimizer.param_groups[0]["lr"] = args.lr * warm_then_cosine(step, min(1.0, spent / total_seconds), 200)
        since.append(train_step(stage, optimizers, draw, readable, generator, edits=step >= CRITICS_FIRST))
        step += 1
        if step % EMA_EVERY == 0:
            ema.update(stage.editor.refinement)
        if now - saved > SAVE_EVERY:
            save(spent)
            saved = now
    save(began + time.monotonic() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--attributes", type=Path, required=True)
    parser.add_argument("--codes", type=Path, required=True, help="codes-training.pt of training.prior.train")
    parser.add_argument("--fitted", type=Path, required=True, help="checkpoint of training.editor.fit")
    parser.add_argument("--weights", type=Path, help="folder of SqueezeNet's weights; without it torchvision's")
    parser.add_argument("--autoencoder", type=Path, default=checkpoint.CHECKPOINTS / "face-autoencoder")
    parser.add_argument("--landmarks", type=Path, default=checkpoint.CHECKPOINTS / "aligner-landmarks")
    parser.add_argument("--start", type=Path, help="checkpoint of an editor whose refining network learns on")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30.0, help="of this leg")
    parser.add_argument("--total-minutes", type=float, help="of all legs together; default: to the end of this one")
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
