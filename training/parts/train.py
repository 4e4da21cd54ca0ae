"""Train the parser on hand-labelled portraits, and on pseudo-labelled photos once there are any, in legs that resume.

    python -m training.parts.train --labels packed/parts.npz --out runs/parts --minutes 32
    python -m training.parts.train --labels packed/parts.npz --out runs/parts --minutes 50 \
        --pseudo packed/parts-pseudo.npz

Each call goes on from `state.pt` in `--out`. `checkpoint/` holds the averaged weights, `log.jsonl` what they score on
the training people who are held back. Under torchrun all processes share each batch.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

from facemorph import checkpoint
from facemorph.models.parts_parser import PartsParser, PartsParserConfig
from training.loop.distributed import Processes, joined
from training.loop.ema import EMA_EVERY, Ema
from training.loop.learning_rate import warm_then_cosine
from training.loop.leg import Leg, add_arguments, autocast
from training.loop.state import load_state, log, save_state
from training.parts.evaluate import measure
from training.parts.losses import loss_of, make_target
from training.parts.portraits import read_portraits, read_split
from training.parts.samples import Batch, Batches

WARM_STEPS = 200
AVERAGED = 500.0
"""Steps over which the weights are averaged."""
LOGGED = ("hair", "hair_on_face", "hair_on_forehead", "person", "mean")


class Objective(nn.Module):
    """The parser with its loss, as one module that processes can share."""

    def __init__(self, model: PartsParser, processes: Processes) -> None:
        super().__init__()
        self.model, self._processes = model, processes

    def forward(self, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss to minimise, and its terms for the log."""
        image, label, hull = batch
        logits = self.model((image.float() / 255).contiguous(memory_format=torch.channels_last))
        target = make_target(label, hull, self.model.config.output_stride)
        with torch.autocast(logits.device.type, enabled=False):
            loss, terms = loss_of(logits.float(), target, self._processes.summed)
        return self._processes.count * loss, terms


def train(args: argparse.Namespace, processes: Processes) -> None:
    """Train one leg."""
    torch.manual_seed(args.seed)
    share, device = processes.share(args.batch), processes.device
    start = PartsParser(PartsParserConfig()) if args.start is None else PartsParser.from_checkpoint(args.start)
    model = start.train().requires_grad_(True).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.02, betas=(0.9, 0.99), fused=True)
    learning, ema = ({"model": model}, {"optimizer": optimizer}), Ema(model, AVERAGED)
    if (done := load_state(args.out, *learning, processes)) is not None:
        ema.restore(done)
    drawn, held_back, _ = read_split(args.labels)
    guessed = None if args.pseudo is None else read_portraits(args.pseudo)
    batches = Batches(drawn, guessed, args.pseudo_part, model.config.image_size, args.seed, share)
    objective, leg, terms = (
        processes.shared(Objective(model, processes)),
        Leg(args, processes, done),
        dict[str, float](),
    )

    def save() -> None:
        save_state(args.out, *learning, **ema.state(), **leg.done)
        averaged = PartsParser(model.config)
        averaged.load_state_dict(ema.weights)
        checkpoint.save(args.out / "checkpoint", averaged.eval(), model.config)
        scores = list(measure(averaged, held_back).values())[-1]
        line = {"step": leg.step, "minutes": round(leg.spent / 60, 2)} | {k: round(scores[k], 4) for k in LOGGED}
        log(args.out, line | {f"loss/{name}": round(value, 4) for name, value in terms.items()})

    drawing = DataLoader(batches, None, sampler=itertools.count(leg.step), num_workers=args.workers)
    for progress, batch in zip(leg.steps(save), drawing, strict=False):
        optimizer.param_groups[0]["lr"] = args.lr * warm_then_cosine(leg.step, progress, WARM_STEPS)
        with autocast(args, device):
            loss, terms = objective([part.to(device, non_blocking=True) for part in batch])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (leg.step + 1) % EMA_EVERY == 0:
            ema.update(model)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--labels", type=Path, required=True, help="of training.parts.labels")
    parser.add_argument("--pseudo", type=Path, help="of training.parts.pseudo")
    parser.add_argument("--pseudo-part", type=float, default=0.4, help="of the samples that show pseudo-labels")
    parser.add_argument("--start", type=Path, help="checkpoint that a new training starts from")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw samples beside each that learns")
    add_arguments(parser, minutes=70, batch=16, lr=1.5e-3, save_minutes=3)
    args = parser.parse_args()
    with joined(args.device) as processes:
        train(args, processes)


if __name__ == "__main__":
    main()
