"""Train the person mask on the teacher's masks (`training.label_masks`).

python -m training.train_mask --packed packed/crops.npz --masks packed/masks.npz --out runs/mask --minutes 12
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from facemorph import checkpoint
from facemorph.models import PersonMask, PersonMaskConfig
from training.data import decode_crop

CERTAIN = 0.02
"""The teacher's probabilities are kept this far from 0 and 1: its edges are no better than that."""


def read_masks(packed: Path, masks: Path, *, validation: bool) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return crops (N, 128, 128, 3) and the teacher's masks (N, 32, 32) of one side of the split."""
    pack, labels = np.load(packed), np.load(masks)
    rows = np.flatnonzero(pack["validation"][labels["index"]] == validation)
    content, offset, index = pack["content"], pack["offset"], labels["index"][rows]
    return np.stack([decode_crop(content[offset[i] : offset[i + 1]]) for i in index]), labels["mask"][rows]


def to_batch(
    crops: npt.NDArray[np.uint8], masks: npt.NDArray[np.uint8], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (B, 3, 128, 128) in [0, 1] and (B, 1, 32, 32) in [CERTAIN, 1 - CERTAIN]."""
    x = torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).float() / 255
    y = torch.from_numpy(masks).to(device).unsqueeze(1).float() / 255
    return x.contiguous(memory_format=torch.channels_last), y.clamp(CERTAIN, 1 - CERTAIN)


def jitter(x: torch.Tensor, y: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Mirror, shift by whole mask cells, and change brightness, contrast and colour."""
    count, cell = len(x), x.shape[-1] // y.shape[-1]
    if torch.rand((), generator=generator) < 0.5:
        x, y = x.flip(-1), y.flip(-1)
    across, down = torch.randint(-2, 3, (2,), generator=generator).tolist()
    x, y = x.roll((down * cell, across * cell), (2, 3)), y.roll((down, across), (2, 3))
    gain = 1 + 0.5 * (torch.rand(count, 3, 1, 1, generator=generator) - 0.5).to(x.device)
    shift = 0.2 * (torch.rand(count, 1, 1, 1, generator=generator) - 0.5).to(x.device)
    gray = (torch.rand(count, 1, 1, 1, generator=generator) < 0.15).to(x.device)
    x = torch.where(gray, x.mean(1, keepdim=True), x * gain)
    return (x + shift).clamp(0, 1), y


def agreement(model: PersonMask, crops: npt.NDArray[np.uint8], masks: npt.NDArray[np.uint8]) -> float:
    """Return the mean intersection over union with the teacher's masks, both cut at one half."""
    device = next(model.parameters()).device
    overlaps = []
    with torch.inference_mode():
        for start in range(0, len(crops), 32):
            x, y = to_batch(crops[start : start + 32], masks[start : start + 32], device)
            ours, theirs = (m.flatten(1) > 0.5 for m in (model(x), y))
            overlaps.append((ours & theirs).sum(1) / (ours | theirs).sum(1).clamp_min(1))
    return float(torch.cat(overlaps).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    generator, rng = torch.Generator().manual_seed(args.seed), np.random.default_rng(args.seed)
    device = torch.device(args.device)
    config = PersonMaskConfig()
    model = PersonMask(config).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-3)
    crops, masks = read_masks(args.packed, args.masks, validation=False)
    held_out = read_masks(args.packed, args.masks, validation=True)
    start, step = time.monotonic(), 0
    while (progress := (time.monotonic() - start) / (60 * args.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = args.lr * min(1.0, (step + 1) / 100) * max(0.01, 0.5 * (1 + math.cos(math.pi * progress)))
        index = rng.integers(0, len(crops), args.batch)
        x, y = jitter(*to_batch(crops[index], masks[index], device), generator)
        with torch.autocast(device.type, torch.bfloat16):
            logits = model.logits(x)
        loss = F.binary_cross_entropy_with_logits(logits.float(), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
        if step % 500 == 0:
            print(f"step {step} loss {loss.item():.4f} iou {agreement(model, *held_out):.4f}", flush=True)
            checkpoint.save(args.out / "checkpoint", model, config)
    checkpoint.save(args.out / "checkpoint", model, config)
    print(f"step {step} iou with the teacher on {len(held_out[0])} unseen crops {agreement(model, *held_out):.4f}")


if __name__ == "__main__":
    main()
