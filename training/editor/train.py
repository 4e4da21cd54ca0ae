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
from collections.abc import Callable
from dataclasses import dataclass
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
from training.editor.losses import (
    MARKED,
    Faces,
    Shown,
    Stage,
    change_terms,
    critic_loss,
    editor_loss,
    probabilities,
    total,
)
from training.loop.distributed import ALONE, Processes, Share, joined, resting
from training.loop.ema import EMA_EVERY, Ema
from training.loop.learning_rate import warm_then_cosine
from training.loop.leg import MIXED, Leg, add_arguments
from training.loop.state import load_state, log, save_state
from training.loop.streams import Draws, Streams

BATCH = 16
AGE = list(ATTRIBUTES).index("age")
THROUGH_THE_CODE = [column for column, attribute in enumerate(ATTRIBUTES.values()) if attribute.region not in TINTED]
AGE_SLOPE = 1.5
"""Log-odds of "old" that a standard deviation of the ages adds."""
CRITICS_FIRST = 200
"""Steps in which only the critics learn."""
AVERAGED = 500.0
"""Steps over which the weights are averaged."""
RARE_FIRST = 0.5
"""Part of the faces drawn so that each attribute is shown equally often."""
Draw = Callable[[Streams], tuple[Faces, torch.Tensor]]
"""A batch of faces, whose attributes are as the editor reads them, and their (B, K) labels."""


def draw_changes(present: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Draw changes of one to three attributes each, (B, K): towards the other side, by part or all of the way."""
    among = len(THROUGH_THE_CODE)
    ranks = draws.rand(among).argsort(1)
    chosen = torch.zeros_like(present, dtype=torch.bool)
    chosen[:, THROUGH_THE_CODE] = ranks < 1 + draws.randint(3).unsqueeze(1)
    part = 0.6 + 0.4 * draws.rand(1)
    goal = torch.where(present > 0, -1.0, 1.0)
    change = (goal - present) * part
    change[:, AGE] = 2 * draws.rand() - 1
    return change * chosen


def balanced_rows(values: torch.Tensor) -> torch.Tensor:
    """Return weights (N,) that show both sides of each attribute about equally often."""
    weights = torch.zeros(len(values))
    for column in values.T:
        for side in (column > 0.3, column < -0.3):
            weights += side.float() / side.float().sum().clamp_min(50)
    return RARE_FIRST * weights / weights.sum() + (1 - RARE_FIRST) / len(values)


class CriticTurn(nn.Module):
    """Both critics with their loss, as one module that processes can share."""

    def __init__(self, stage: Stage, weight: float) -> None:
        super().__init__()
        self.critics = nn.ModuleList([stage.code_critic, stage.picture_critic])
        self._stage, self._weight = stage, weight

    def forward(
        self, before: Shown, after: Shown, labels: torch.Tensor, said: torch.Tensor, truth: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss to minimise, and its terms for the log.

        Args:
            before: real faces.
            after: edited ones, detached from the editor.
            labels: (B, K) attributes of the real ones.
            said: (B, K) attributes that the edited ones are said to have.
            truth: (B, K) probabilities to read of the real ones.
        """
        terms = critic_loss(self._stage.judge(before, labels), self._stage.judge(after, said), truth)
        return self._weight * terms["critic"], terms


class EditorTurn(nn.Module):
    """The refining network with its loss against critics that rest, as one module that processes can share."""

    def __init__(self, stage: Stage, processes: Processes, share: Share) -> None:
        super().__init__()
        self.refinement = stage.editor.refinement
        self._stage, self._weight, self._evened = stage, share.weight, processes.evening(share)
        self._marked = max(1, MARKED * len(share) // share.batch)

    def forward(
        self, faces: Faces, change: torch.Tensor, before: Shown, labels: torch.Tensor, wanted: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss to minimise, and its terms for the log.

        Args:
            faces: to edit.
            change: (B, K).
            before: the faces as they are shown.
            labels: (B, K) attributes that they have.
            wanted: (B, K) probabilities that the attributes asked for are to be read with.
        """
        after, asked = self._stage.edit(faces, change, before), change != 0
        said = torch.where(asked, (faces.present + change).clamp(-1, 1), labels)
        with torch.no_grad():
            real = self._stage.judge(before, labels)
        terms = editor_loss(real, self._stage.judge(after, said), wanted, asked, self._evened)
        terms |= change_terms(self._stage, before, after, self._marked)
        terms["editor"] = total(terms)
        return self._weight * terms["editor"], terms


@dataclass(frozen=True)
class Game:
    """The stage, whose turns alternate, and an optimizer for either side."""

    stage: Stage
    turns: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]

    @classmethod
    def of(cls, stage: Stage, lr: float, processes: Processes = ALONE, share: Share | None = None) -> Game:
        """Set up the game; without a share, this process has the whole batch."""
        own = share or Share(BATCH)
        turns = {"editor": EditorTurn(stage, processes, own), "critics": CriticTurn(stage, own.weight)}
        shared = {name: processes.shared(turn) for name, turn in turns.items()}
        return cls(stage, shared, optimizers_of(networks_of(stage), lr))

    def _learn(self, side: str, loss: torch.Tensor) -> None:
        self.optimizers[side].zero_grad(set_to_none=True)
        loss.backward()
        if side == "editor":
            nn.utils.clip_grad_norm_(self.stage.editor.refinement.parameters(), 5.0)
        self.optimizers[side].step()

    def step(
        self,
        faces: Faces,
        labels: torch.Tensor,
        readable: Callable[[torch.Tensor], torch.Tensor],
        draws: Draws,
        *,
        edits: bool = True,
    ) -> dict[str, float]:
        """Train the critics, then, if it `edits`, the editor against them; return the terms of their losses.

        `readable` turns (B, K) attributes into the probabilities to read.
        """
        change = draw_changes(faces.present, draws)
        goal = (faces.present + change).clamp(-1, 1)
        said = torch.where(change != 0, goal, labels)
        with torch.no_grad():
            before = self.stage.show(faces.spatial, faces.compact)
            after = self.stage.edit(faces, change, before)
        loss, terms = self.turns["critics"](before, after, labels, said, readable(labels))
        self._learn("critics", loss)
        if edits:
            with resting(networks_of(self.stage)["critics"]):
                loss, more = self.turns["editor"](faces, change, before, labels, readable(goal))
                self._learn("editor", loss)
            terms |= more
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


def set_stage(args: argparse.Namespace, device: torch.device) -> Stage:
    """Load what is fixed and build what learns."""
    editor = AttributeEditor.from_checkpoint(args.fitted)
    if args.start is not None:
        editor.refinement.load_state_dict(AttributeEditor.from_checkpoint(args.start).refinement.state_dict())
    count = len(editor.config.attributes)
    return Stage(
        editor.to(device).train(),
        FaceAutoencoder.from_checkpoint(args.autoencoder).to(device).requires_grad_(False),
        PictureFeatures(args.weights).to(device),
        landmark_points(args.landmarks, device),
        CodeCritic(editor.config.latent_channels, count).to(device),
        PictureCritic(count).to(device),
        mixed=args.precision == MIXED,
    )


def drawing(
    args: argparse.Namespace, editor: AttributeEditor, device: torch.device
) -> tuple[Draw, Callable[[torch.Tensor], torch.Tensor]]:
    """Return what draws a batch of warped faces, and how their attributes are read."""
    rows = coded_rows(args.packed, validation=False)
    values, points = load_attributes(args.attributes, rows), load_points(args.packed, rows)
    stored = torch.load(args.codes, weights_only=True, mmap=True)
    partner = torch.from_numpy(partner_order(len(values)))  # of the warped faces
    labels, present = values[partner], read_present(editor, stored["spatial"][0], stored["compact"][0])[partner]
    spatial, compact = stored["partner_spatial"][0], stored["partner_compact"][0]
    weights = balanced_rows(labels)
    centre, slope = torch.zeros(values.shape[1]), torch.zeros(values.shape[1])
    centre[AGE], slope[AGE] = values[:, AGE].median(), AGE_SLOPE / values[:, AGE].std()
    centre, slope = centre.to(device), slope.to(device)

    def draw(streams: Streams) -> tuple[Faces, torch.Tensor]:
        index = streams.weighted_rows(weights)
        faces = (
            spatial[index].float(),
            F.normalize(compact[index].float(), dim=1),
            points[index],
            present[index],
        )
        return Faces(*(part.to(device) for part in faces)), labels[index].to(device)

    return draw, lambda attributes: probabilities(attributes, centre, slope)


def train(args: argparse.Namespace, processes: Processes) -> None:
    """Train one leg."""
    torch.manual_seed(args.seed)
    share, stage = processes.share(args.batch), set_stage(args, processes.device)
    game, nets = Game.of(stage, args.lr, processes, share), networks_of(stage)
    ema = Ema(stage.editor.refinement, AVERAGED)
    if (done := load_state(args.out, nets, game.optimizers, processes)) is not None:
        ema.restore(done)
    draw, readable = drawing(args, stage.editor, processes.device)
    leg, since = Leg(args, processes, done), list[dict[str, float]]()

    def save() -> None:
        save_state(args.out, nets, game.optimizers, **ema.state(), **leg.done)
        averaged = AttributeEditor.from_checkpoint(args.fitted)
        averaged.refinement.load_state_dict(ema.weights)
        checkpoint.save(args.out / "checkpoint", averaged, averaged.config)
        names = (since or [{}])[-1]
        means = {name: round(sum(terms.get(name, 0.0) for terms in since) / len(since), 4) for name in names}
        since.clear()
        log(args.out, {"step": leg.step, "minutes": round(leg.spent / 60, 1)} | means)

    for progress in leg.steps(save):
        for optimizer in game.optimizers.values():
            optimizer.param_groups[0]["lr"] = args.lr * warm_then_cosine(leg.step, progress, 200)
        streams = Streams(args.seed, leg.step, share, processes.device)
        since.append(game.step(*draw(streams), readable, streams, edits=leg.step >= CRITICS_FIRST))
        if (leg.step + 1) % EMA_EVERY == 0:
            ema.update(stage.editor.refinement)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--attributes", type=Path, required=True)
    parser.add_argument("--codes", type=Path, required=True, help="codes-training.pt of training.prior.train")
    parser.add_argument("--fitted", type=Path, required=True, help="checkpoint of training.editor.fit")
    parser.add_argument("--weights", type=Path, help="folder of SqueezeNet's weights; without it torchvision's")
    parser.add_argument("--autoencoder", type=Path, default=checkpoint.CHECKPOINTS / "face-autoencoder")
    parser.add_argument("--landmarks", type=Path, default=checkpoint.CHECKPOINTS / "aligner-landmarks")
    parser.add_argument("--start", type=Path, help="checkpoint of an editor whose refining network learns on")
    parser.add_argument("--out", type=Path, required=True)
    add_arguments(parser, minutes=30, batch=BATCH, lr=3e-4, save_minutes=1)
    args = parser.parse_args()
    with joined(args.device) as processes:
        train(args, processes)


if __name__ == "__main__":
    main()
