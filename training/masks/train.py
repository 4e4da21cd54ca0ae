"""Train the person mask on the teacher's masks (`label_person`) and our marks of hair (`label_hair`).

python -m training.masks.train --packed packed/crops.npz --masks packed/masks.npz --hair packed/hair.npz --out runs/mask

A call goes on from the state in its `--out` folder.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from facemorph import checkpoint
from facemorph.models import PersonMask, PersonMaskConfig
from training.data.crops import decode_crop
from training.loop.distributed import Evened, Processes, Share, joined, unshared
from training.loop.learning_rate import warm_then_cosine
from training.loop.leg import Leg, add_arguments, autocast
from training.loop.state import load_state, log, save_state
from training.loop.streams import Draws, Streams

CERTAIN = (0.02, 0.005)
"""Labels of person and of hair are kept this far from 0 and 1: their edges are no better than that."""
UNTAUGHT = 0.3
"""What the person label counts where it comes from an earlier mask of our own, not from the teacher."""
HELD_BACK = 20
"""One in so many training people is kept out of the training, to look at while it runs."""


@dataclass(frozen=True)
class Labels:
    """What the labelled rows of a pack show, N of them.

    Attributes:
        crops: (N, 128, 128, 3) uint8.
        person: (N, 64, 64) uint8, 255 where it is person.
        hair: (N, 64, 64) uint8, 255 where it is hair, never above person.
        weight: (N, 64, 64) uint8, 255 where the hair label can be trusted.
        taught: (N,) bool, whether the person label is the teacher's.
    """

    crops: npt.NDArray[np.uint8]
    person: npt.NDArray[np.uint8]
    hair: npt.NDArray[np.uint8]
    weight: npt.NDArray[np.uint8]
    taught: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.crops)

    def at(self, index: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Labels:
        """Return the rows at `index`."""
        return Labels(self.crops[index], self.person[index], self.hair[index], self.weight[index], self.taught[index])


def read_labels(packed: Path, masks: Path, hair: Path) -> tuple[Labels, Labels]:
    """Return the training people's labels, and those of the training people who are held back."""
    pack, labels = np.load(packed), np.load(hair)
    chosen = ~pack["validation"][labels["index"]]
    rows = labels["index"][chosen]
    content, offset = pack["content"], pack["offset"]
    crops = np.stack([decode_crop(content[offset[i] : offset[i + 1]]) for i in rows])
    taught = np.isin(rows, np.load(masks)["index"])
    everybody = Labels(crops, *(labels[key][chosen] for key in ("person", "hair", "weight")), taught)
    people, person = np.unique(pack["person"][rows], return_inverse=True)
    held_back = np.random.default_rng(0).permutation(len(people)) < len(people) // HELD_BACK
    return everybody.at(~held_back[person]), everybody.at(held_back[person])


def to_batch(labels: Labels, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (B, 3, 128, 128) crops and (B, 4, 64, 64): person, hair's share of it, the weight of each; in [0, 1]."""
    x = torch.from_numpy(labels.crops).to(device).permute(0, 3, 1, 2).float() / 255
    person, hair, weight = (torch.from_numpy(plane).to(device).float() / 255 for plane in
                            (labels.person, labels.hair, labels.weight))  # fmt: skip
    share = (hair / person.clamp_min(0.1)).clamp(0, 1)
    trust = torch.from_numpy(labels.taught).to(device).float() * (1 - UNTAUGHT) + UNTAUGHT
    target = torch.stack([person, share, trust.reshape(-1, 1, 1).expand_as(person), weight * person], 1)
    return x.contiguous(memory_format=torch.channels_last), target


def jitter(x: torch.Tensor, target: torch.Tensor, draws: Draws) -> tuple[torch.Tensor, torch.Tensor]:
    """Mirror, turn, scale and shift crops with their labels; change brightness, contrast, colour and sharpness."""

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return (low + (high - low) * draws.rand(*shape)).to(x.device)

    scale, angle, shift = uniform(0.88, 1.12), uniform(-0.15, 0.15), uniform(-0.1, 0.1, 2)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    theta = torch.stack([torch.stack([cos * mirror, -sin], 1), torch.stack([sin * mirror, cos], 1)], 1)
    theta = torch.cat([theta, shift[..., None]], 2)
    x, target = (
        F.grid_sample(plane, F.affine_grid(theta, list(plane.shape), align_corners=False), padding_mode="reflection",
                      align_corners=False)
        for plane in (x, target)
    )  # fmt: skip
    blurred = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2.0, mode="bilinear")
    x = torch.where(uniform(0, 1, 1, 1, 1) < 0.15, blurred, x)
    x = x * uniform(0.75, 1.25, 3, 1, 1) * uniform(0.7, 1.3, 1, 1, 1)
    x = torch.where(uniform(0, 1, 1, 1, 1) < 0.15, x.mean(1, keepdim=True), x)
    x = (x + uniform(-0.1, 0.1, 1, 1, 1)).clamp(0, 1)
    return x.contiguous(memory_format=torch.channels_last), target


def loss_of(
    logits: torch.Tensor,
    target: torch.Tensor,
    evened: Evened = unshared,
) -> torch.Tensor:
    """Return the weighted cross-entropy of person, and of hair within it.

    Args:
        logits: (B, 2, 64, 64), as `PersonMask.logits`.
        target: (B, 4, 64, 64), as `to_batch`.
        evened: how an amount is evened out among the processes (`Processes.evening`).
    """
    truth, weight = target.chunk(2, 1)
    certain = torch.tensor(CERTAIN, device=truth.device).reshape(1, 2, 1, 1)
    truth = torch.minimum(torch.maximum(truth, certain), 1 - certain)
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return ((weight * entropy).sum((0, 2, 3)) / evened(weight.sum((0, 2, 3)), 1)).sum()


def overlap(ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Return the intersections over unions, (B,), of masks (B, h, w) cut at one half."""
    ours, theirs = ours.flatten(1) > 0.5, theirs.flatten(1) > 0.5
    return (ours & theirs).sum(1) / (ours | theirs).sum(1).clamp_min(1)


def agreement(model: PersonMask, labels: Labels) -> tuple[float, float]:
    """Return the intersection over union with the labels: the crops' mean of person, that of hair on all of them.

    Hair is compared where its label is trusted; people with next to none would rule its mean over crops.
    """
    device = next(model.parameters()).device
    people, hairs = [], torch.zeros(2)
    with torch.inference_mode():
        for start in range(0, len(labels), 32):
            x, target = to_batch(labels.at(np.arange(start, min(start + 32, len(labels)))), device)
            person, hair = model.parts(x).unbind(1)
            people.append(overlap(person, target[:, 0]))
            trusted = torch.maximum(target[:, 3], 1 - target[:, 0])  # what is not person is surely not hair
            ours, theirs, seen = hair.cpu() > 0.5, (target[:, 0] * target[:, 1]).cpu() > 0.5, trusted.cpu() > 0.5
            hairs += torch.stack([(ours & theirs & seen).sum(), ((ours | theirs) & seen).sum()])
    return float(torch.cat(people).mean()), float(hairs[0] / hairs[1].clamp_min(1))


class Objective(nn.Module):
    """The mask with its loss, as one module that processes can share."""

    def __init__(self, model: PersonMask, processes: Processes, share: Share) -> None:
        super().__init__()
        self.model, self._weight, self._evened = model, share.weight, processes.evening(share)

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self._weight * loss_of(self.model.logits(x).float(), target, self._evened)


def train(args: argparse.Namespace, processes: Processes) -> None:
    """Train one leg."""
    torch.manual_seed(args.seed)
    share, device = processes.share(args.batch), processes.device
    model = PersonMask(PersonMaskConfig()).train().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-3)
    learning = {"model": model}, {"optimizer": optimizer}
    leg = Leg(args, processes, load_state(args.out, *learning, processes))
    objective = processes.shared(Objective(model, processes, share))
    labels, held_back = read_labels(args.packed, args.masks, args.hair)
    count, rows = len(labels), share.rows(len(labels))
    labels, held_back = labels.at(rows), held_back.at(np.flatnonzero(held_back.taught)[:320])

    def save() -> None:
        save_state(args.out, *learning, **leg.done)
        checkpoint.save(args.out / "checkpoint", model, model.config)
        person, hair = agreement(model, held_back)
        line = {"step": leg.step, "minutes": round(leg.spent / 60, 2), "held_back": len(held_back)}
        log(args.out, line | {"iou_person": round(person, 4), "iou_hair": round(hair, 4)})

    for progress in leg.steps(save):
        optimizer.param_groups[0]["lr"] = args.lr * warm_then_cosine(leg.step, progress, 100)
        streams = Streams(args.seed, leg.step, share)
        drawn = labels.at(np.searchsorted(rows, streams.rows(count).numpy()))
        x, target = jitter(*to_batch(drawn, device), streams)
        with autocast(args, device):
            loss = objective(x, target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("--hair", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    add_arguments(parser, minutes=12, batch=32, lr=2e-3, save_minutes=1)
    args = parser.parse_args()
    with joined(args.device) as processes:
        train(args, processes)


if __name__ == "__main__":
    main()
