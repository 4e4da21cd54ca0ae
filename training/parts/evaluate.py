"""Measure a parser on the validation people of the hand-labelled portraits.

    python -m training.parts.evaluate --labels packed/parts.npz --checkpoint checkpoint [--flip] [--held-back]

Overlaps (IoU) are those of all places of all portraits together, at the size of the logits and at 256 px, where the
logits are interpolated; places outside the photo do not count.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from facemorph.models.parts_parser import CLASSES, MIRRORED, PartsParser
from training.parts.labels import IGNORE
from training.parts.portraits import FOREHEAD, HAIR, Portraits, View, face_hull, read_split

FULL = 256
HULLS = {"hair_on_face": 1.0, "hair_on_forehead": FOREHEAD}
"""Lift of the brows (`portraits.face_hull`) of the regions in which hair is measured apart."""
Counts = npt.NDArray[np.int64]


class Tally:
    """Counts of places at one size, (19, 19) drawn by predicted: everywhere, and within each of `HULLS`."""

    def __init__(self) -> None:
        self._everywhere = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
        self._within = {name: np.zeros_like(self._everywhere) for name in HULLS}

    def add(self, view: View, predicted: npt.NDArray[np.int64]) -> None:
        """Count the places of a portrait, as drawn in `view` and as predicted (m, m)."""
        size, known = len(predicted), view.label != IGNORE
        self._count(self._everywhere, view, predicted, known)
        for name, lift in HULLS.items():
            self._count(self._within[name], view, predicted, known & (face_hull(view.landmarks, size, lift) > 0))

    @staticmethod
    def _count(counts: Counts, view: View, predicted: npt.NDArray[np.int64], where: npt.NDArray[np.bool_]) -> None:
        pairs = view.label[where].astype(np.int64) * len(CLASSES) + predicted[where]
        counts += np.bincount(pairs, minlength=counts.size).reshape(counts.shape)

    def scores(self) -> dict[str, float]:
        """Return the overlaps of hair, of hair within each hull, of the person, the classes' mean, and each class's."""
        iou = {name: overlap(self._everywhere, [i]) for i, name in enumerate(CLASSES)}
        return {
            "hair": iou["hair"],
            **{name: overlap(counts, [HAIR]) for name, counts in self._within.items()},
            "person": overlap(self._everywhere, list(range(1, len(CLASSES)))),
            "mean": float(np.nanmean(list(iou.values()))),
            **{f"class/{name}": value for name, value in iou.items()},
        }


def overlap(counts: Counts, parts: list[int]) -> float:
    """Return the intersection over union of some classes taken as one; nan where there is neither."""
    both = counts[np.ix_(parts, parts)].sum()
    union = counts[parts].sum() + counts[:, parts].sum() - both
    return float(both / union) if union else float("nan")


@torch.inference_mode()
def predict(model: PartsParser, image: npt.NDArray[np.uint8], *, flip: bool) -> torch.Tensor:
    """Return log-probabilities (1, 19, m, m) of one crop, averaged with its mirror image's with `flip`."""
    x = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255
    x = x.contiguous(memory_format=torch.channels_last)
    p = model.parts(x)
    if flip:
        p = (p + model.parts(x.flip(-1)).flip(-1)[:, list(MIRRORED)]) / 2
    return p.clamp_min(1e-6).log()


def measure(model: PartsParser, portraits: Portraits, *, flip: bool = False) -> dict[int, dict[str, float]]:
    """Return the scores by size, the logits' own and `FULL`."""
    config = model.config
    tallies = {config.image_size // config.output_stride: Tally(), FULL: Tally()}
    for index in range(len(portraits)):
        logits = predict(model, portraits.canonical(index, config.image_size).image, flip=flip)
        for size, tally in tallies.items():
            view = portraits.canonical(index, size)
            at_size = F.interpolate(logits, size=(size, size), mode="bilinear", align_corners=False)
            tally.add(view, at_size.argmax(1)[0].numpy())
    return {size: tally.scores() for size, tally in tallies.items()}


def milliseconds(model: PartsParser, runs: int = 30) -> float:
    """Return the median time of one crop on one thread."""
    size, times = model.config.image_size, []
    x = torch.rand(1, 3, size, size).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        for _ in range(runs):
            start = time.perf_counter()
            model(x)
            times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--flip", action="store_true", help="average with the mirrored picture's result")
    parser.add_argument("--held-back", action="store_true", help="the training people kept aside, not validation")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = PartsParser.from_checkpoint(args.checkpoint)
    portraits = read_split(args.labels)[1 if args.held_back else 2]
    small, full = measure(model, portraits, flip=args.flip).items()
    print(f"{len(portraits)} portraits; IoU of{small[0]:>20} px{full[0]:>8} px")
    for name, value in small[1].items():
        print(f"{name:24}{value:14.4f}{full[1][name]:11.4f}")
    print(f"{milliseconds(model):.1f} ms a crop, {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters")


if __name__ == "__main__":
    main()
