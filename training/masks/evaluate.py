"""Print how well the person mask knows person and hair, on people it never saw.

    python -m training.masks.evaluate --packed packed/crops.npz --masks packed/masks.npz \\
        --attributes ../shared/data/celeba_attributes.csv

Nobody has marked hair by hand here, so it is judged by what CelebA's annotators wrote: bald people must have little of
it, bangs must fill the forehead, and under the mask the colours must be those of black, blond and gray hair. AUC: how
often a person with the attribute ranks above one without it; 0.5 is chance.
"""

from __future__ import annotations

import argparse
import csv
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from facemorph import checkpoint
from facemorph.models import PersonMask
from training.data.crops import PackedCrops
from training.masks.face_maps import depth_in_face, mean_face_places
from training.masks.train import overlap

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shares:
    """What the masks of N crops say, each (N,).

    Attributes:
        crown: hair's part of the person above the brows.
        forehead: hair's part of a strip above the brows.
        beard: hair's part of the jaw below the nose, which should be none.
        light: mean lightness under the hair, in [0, 1].
        skin_light: the same under what is person and not hair, for comparison.
        blue: blue's part of the colour under the hair.
    """

    crown: FloatArray
    forehead: FloatArray
    beard: FloatArray
    light: FloatArray
    skin_light: FloatArray
    blue: FloatArray


def predict(model: PersonMask, crops: npt.NDArray[np.uint8], batch: int = 32) -> torch.Tensor:
    """Return person and hair, (N, 2, h, w), of (N, S, S, 3) uint8 crops."""
    with torch.inference_mode():
        return torch.cat([model.parts(to_tensor(crops[i : i + batch])) for i in range(0, len(crops), batch)])


def to_tensor(crops: npt.NDArray[np.uint8]) -> torch.Tensor:
    """Return (N, 3, S, S) in [0, 1]."""
    return torch.from_numpy(crops).permute(0, 3, 1, 2).float().div(255).contiguous(memory_format=torch.channels_last)


def shares(parts: torch.Tensor, crops: npt.NDArray[np.uint8], landmarks: npt.NDArray[np.float32]) -> Shares:
    """Measure where the hair is and what colour it has.

    Args:
        parts: (N, 2, 64, 64) person and hair.
        crops: (N, 128, 128, 3).
        landmarks: (N, 68, 2), crop pixels.
    """
    person, hair = parts.unbind(1)
    x, y = mean_face_places(landmarks).unbind(1)
    depth = depth_in_face(landmarks)
    red, green, blue = F.adaptive_avg_pool2d(to_tensor(crops), parts.shape[-1]).unbind(1)
    light = (red + green + blue) / 3

    def mean(values: torch.Tensor, weight: torch.Tensor) -> FloatArray:
        total: torch.Tensor = (values * weight).sum((1, 2)) / (weight.sum((1, 2)) + 1e-3)
        return total.double().numpy()

    share = hair / person.clamp_min(1e-3)
    return Shares(
        crown=mean(share, person * (y < -0.95)),
        forehead=mean(share, person * ((y < -1.0) & (y > -1.4) & (x.abs() < 0.6))),
        beard=mean(share, person * ((y > 0.2) & (depth > 0.05))),
        light=mean(light, hair),
        skin_light=mean(light, person - hair),
        blue=mean(blue / (3 * light + 1e-3), hair),
    )


def auc(values: FloatArray, positive: npt.NDArray[np.bool_]) -> float:
    """Return how often a positive's value is above a negative's, ties counting half."""
    above = values[positive][:, None] - values[~positive][None]
    return float(((above > 0) + 0.5 * (above == 0)).mean()) if above.size else float("nan")


def read_attributes(
    path: Path, names: npt.NDArray[np.str_]
) -> tuple[npt.NDArray[np.int64], dict[str, npt.NDArray[np.bool_]]]:
    """Return which of `names` have attributes, and each attribute of those."""
    with path.open(encoding="utf-8") as file:
        table = {row["file"]: row for row in csv.DictReader(file)}
    rows = np.array([i for i, name in enumerate(names) if name in table])
    keys = [key for key in next(iter(table.values())) if key != "file"]
    return rows, {key: np.array([table[names[i]][key] == "1" for i in rows]) for key in keys}


def report_person(model: PersonMask, crops: PackedCrops, packed: Path, masks: Path, validation: bool) -> None:
    """Print the person's agreement with the teacher."""
    pack, teacher = np.load(packed), np.load(masks)
    place = {int(row): i for i, row in enumerate(np.flatnonzero(pack["validation"] == validation))}
    pairs = [(place[int(row)], i) for i, row in enumerate(teacher["index"]) if int(row) in place][:600]
    ours, theirs = np.array(pairs).T
    parts = predict(model, crops.images[ours])
    truth = torch.from_numpy(teacher["mask"][theirs]).float() / 255
    person = F.adaptive_avg_pool2d(parts[:, :1], truth.shape[-1])[:, 0]
    print(f"person: IoU with the teacher on {len(pairs)} crops {overlap(person, truth).mean():.4f}")
    print(f"hair: at most {(parts[:, 1] - parts[:, 0]).amax():.1e} above person")


def report_hair(model: PersonMask, crops: PackedCrops, attributes: Path) -> None:
    """Print how the hair goes with the attributes that CelebA's annotators gave."""
    rows, has = read_attributes(attributes, np.where(crops.source == "celeba", crops.name, ""))
    found = shares(predict(model, crops.images[rows]), crops.images[rows], crops.landmarks[rows])
    print(f"\n{len(rows)} crops of CelebA people with attributes")
    hat, bearded = has["Wearing_Hat"], ~has["No_Beard"]
    for title, values, attribute, among in (
        ("little hair above the brows: Bald", -found.crown, "Bald", ~hat),
        ("hair on the forehead: Bangs", found.forehead, "Bangs", ~hat),
        ("little hair on the forehead: Receding_Hairline", -found.forehead, "Receding_Hairline", ~hat),
        ("dark hair: Black_Hair", -found.light, "Black_Hair", ~hat),
        ("  the same of the skin", -found.skin_light, "Black_Hair", ~hat),
        ("light hair: Blond_Hair", found.light, "Blond_Hair", ~hat),
        ("  the same of the skin", found.skin_light, "Blond_Hair", ~hat),
        ("bluer than brown or blond: Gray_Hair", found.blue, "Gray_Hair", ~hat & ~has["Black_Hair"]),
    ):
        positive = has[attribute][among]
        print(f"{title:50s} AUC {auc(values[among], positive):.3f}  ({positive.sum()} of {len(positive)})")
    for title, group in (("with a beard", bearded), ("without", ~bearded)):
        print(f"hair below the nose, {title:13s} {100 * found.beard[group].mean():.2f} %  ({group.sum()})")


def report_time(model: PersonMask) -> None:
    """Print the time of one picture on one core."""
    torch.set_num_threads(1)
    x = torch.rand(1, 3, model.config.image_size, model.config.image_size).contiguous(memory_format=torch.channels_last)
    times = []
    with torch.inference_mode():
        for _ in range(60):
            start = time.perf_counter()
            model.parts(x)
            times.append(time.perf_counter() - start)
    print(f"\n{1000 * float(np.median(times[10:])):.1f} ms a picture on one core")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True, help="the teacher's person masks")
    parser.add_argument("--attributes", type=Path, required=True, help="CelebA's, as CSV")
    parser.add_argument("--checkpoint", type=Path, default=checkpoint.CHECKPOINTS / "person-mask")
    parser.add_argument("--training-people", action="store_true", help="on people it was trained on, to choose by")
    args = parser.parse_args()
    model = PersonMask.from_checkpoint(args.checkpoint)
    crops = PackedCrops(args.packed, validation=not args.training_people)
    report_person(model, crops, args.packed, args.masks, not args.training_people)
    report_hair(model, crops, args.attributes)
    report_time(model)


if __name__ == "__main__":
    main()
