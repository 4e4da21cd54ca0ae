"""Fit the attribute editor in closed form on the codes of `training.prior.train`.

    python -m training.editor.fit --packed packed/crops.npz --attributes packed/attributes.npz \
        --codes runs/prior/codes-training.pt --out runs/attribute-editor/fitted

Each code is used twice: in its own geometry, and warped to that of another person (the partners of
`training.codes.encode`), whose landmarks say nothing about its attributes. So the directions in the codes are what
attributes add in a given geometry, and what they do to the geometry is fitted to the landmarks alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from facemorph import checkpoint, images
from facemorph.align import mirrored
from facemorph.attributes import ATTRIBUTES, TINTED
from facemorph.edit.regions import part_masks
from facemorph.edit.tint import LEAST_AREA, colour_of
from facemorph.models import AttributeEditor, AttributeEditorConfig, PartsParser
from facemorph.models.attribute_editor import reading_features
from facemorph.models.parts_parser import person_and_hair
from facemorph.morph import resize
from facemorph.pipeline import PARTS_PARSER
from training.attributes.label import FROM_UTKFACE, NAMES, OLDEST
from training.codes.encode import partner_order
from training.codes.rows import coded_rows, load_attributes, load_points, read_present
from training.data.crops import decode_crop

RIDGE = 3e-3
"""Weight of the ridge, against features of unit variance."""
READING_RIDGE = 0.02
GAINS = {
    "age": 4.0,
    "gender": 2.5,
    "smile": 2.2,
    "open_mouth": 1.5,
    "glasses": 2.4,
    "beard": 2.6,
    "bangs": 2.8,
    "blond_hair": 2.2,
    "black_hair": 1.7,
    "grey_hair": 2.0,
    "pale_skin": 3.5,
    "lipstick": 6.0,
    "makeup": 2.5,
    "bushy_brows": 2.4,
    "receding_hair": 1.5,
}
"""Chosen on training people by `training.autoencoder.evaluate attributes --split training`, lipstick's by eye."""
GAIN = 1.3
EVERY = 2
"""Of the crops, every second is enough to measure colours."""
SURE = 0.6
"""Beyond this label, in [-1, 1], somebody has an attribute, or lacks it below minus this."""
MOVES = {
    "age": (1.15, 5.0),
    "gender": (3.5, 3.5),
    "smile": (1.95, 1.95),
    "open_mouth": (3.0, 3.0),
    "bushy_brows": (1.3, 1.3),
    "chubby": (2.0, 2.0),
}
"""What moves landmarks, and by how much less and more of it are exaggerated; all else would only repeat how people with
it happened to hold their heads. Chosen like the gains."""
TYPICAL = 0.8
"""Reading, in [-1, 1], that an attribute means on average."""
GROWN_UP = 30.0
"""Years from which on faces no longer grow."""
OFFERED = (
    "age",
    "gender",
    "smile",
    "glasses",
    "beard",
    "bangs",
    "bushy_brows",
    "lipstick",
    "blond_hair",
    "black_hair",
    "pale_skin",
)
"""What changes the right thing to the eye and the judge, on training people, and lipstick, which the judge hardly tells
from being a woman; the rest is fitted too, to be kept out of these."""


def solve_ridge(x: torch.Tensor, y: torch.Tensor, ridge: float) -> torch.Tensor:
    """Return the (F, ...) weights of ridge regression of (N, ...) on (N, F) features."""
    system = x.T @ x + ridge * len(x) * torch.eye(x.shape[1])
    products = sum(a.T @ b.flatten(1).float() for a, b in zip(x.split(1024), y.split(1024), strict=True))
    return torch.linalg.solve(system, products).unflatten(1, y.shape[1:])


def axes_of(x: torch.Tensor, rank: int) -> torch.Tensor:
    """Return (D, rank) principal axes of centred (N, D), scaled so that scores have unit variance."""
    _, strengths, basis = torch.linalg.svd(x, full_matrices=False)
    return basis[:rank].T / strengths[:rank] * len(x) ** 0.5


def centred(x: torch.Tensor) -> torch.Tensor:
    """Return (N, ...) without its mean, which a ridge would shrink into the other weights."""
    return x - x.mean(0)


def fit(model: AttributeEditor, codes: dict[str, torch.Tensor], values: torch.Tensor, points: torch.Tensor) -> None:
    """Fit all buffers.

    Args:
        model: the editor.
        codes: as `training.codes.encode` stores them.
        values: (N, K) attributes in [-1, 1].
        points: (N, 68, 2) landmarks, parts of the side.
    """
    config, count = model.config, len(values)
    partner = torch.from_numpy(partner_order(count))
    compact = codes["compact"][0].float()
    both = torch.stack([points, mirrored(points)])
    model.shape_mean.copy_(both.flatten(0, 1).flatten(1).mean(0))
    model.shape_axes.copy_(axes_of(both.flatten(0, 1).flatten(1) - model.shape_mean, config.shape_rank))
    one = torch.cat([values, torch.ones(count, 1)], 1)
    moves = solve_ridge(one, centred(both.mean(0)), RIDGE)[:-1]
    for column, name in enumerate(config.attributes):
        for side, factor in enumerate(MOVES.get(name, (0.0, 0.0))):
            model.moves[column, side] = factor * moves[column]
    model.compact_mean.copy_(compact.mean(0))
    model.identity_axes.copy_(axes_of(compact - model.compact_mean, config.identity_rank))
    model.identity_given.copy_(solve_ridge(one, (compact - model.compact_mean) @ model.identity_axes, RIDGE))
    features = reading_features(codes["spatial"][0].float(), compact)
    centre = features.mean(0)
    model.reading.copy_(solve_ridge(features - centre, values - values.mean(0), READING_RIDGE))
    model.reading_bias.copy_(values.mean(0) - centre @ model.reading)

    some = codes["spatial"][0, ::8].float()
    model.code_mean.copy_(some.mean((0, 2, 3)).reshape(-1, 1, 1))
    model.code_std.copy_(some.std((0, 2, 3)).reshape(-1, 1, 1))

    identity = model.identity_scores(compact, values)
    designs, targets = [], []
    for side, source in ((0, torch.arange(count)), (1, torch.arange(count)), (0, partner), (1, partner)):
        spatial = codes["partner_spatial" if source is partner else "spatial"][side]
        shape = model.shape_scores(both[side])
        depends = torch.cat([torch.ones(count, 1), shape, identity[source]], 1)
        crossed = (values[source].unsqueeze(2) * depends.unsqueeze(1)).flatten(1)
        designs.append(torch.cat([crossed, depends], 1))
        targets.append(spatial)
    solved = solve_ridge(torch.cat(designs), torch.cat(targets), RIDGE)
    count, dependent, _ = model.directions.shape
    model.directions.copy_(solved[: count * dependent].flatten(1).unflatten(0, (count, dependent)))


def fit_calibration(model: AttributeEditor, codes: dict[str, torch.Tensor], values: torch.Tensor) -> None:
    """Fit what a reading means: ±`TYPICAL` on average for those who have an attribute and for those who lack it."""
    read = read_present(model, codes["spatial"][0], codes["compact"][0])
    for column, name in enumerate(model.config.attributes):
        if not ATTRIBUTES[name].graded:
            lacking = read[values[:, column] < -SURE, column].mean()
            having = read[values[:, column] > SURE, column].mean()
            slope = 2 * TYPICAL / (having - lacking)
            model.calibration[column] = torch.stack([slope, TYPICAL - slope * having])


def fit_growth(model: AttributeEditor, packed: Path, attributes: Path) -> None:
    """Fit how landmarks move towards a child's: to the ages that UTKFace knows, of its training people."""
    pack, labels = np.load(packed), np.load(attributes)
    age, gender = NAMES.index("age"), NAMES.index("gender")
    rows = np.flatnonzero((labels["origin"][:, age] == FROM_UTKFACE) & ~pack["validation"])
    values = torch.from_numpy(labels["values"][rows].astype(np.float32))
    points = load_points(packed, rows)
    grown = values[:, age] + 1 - 2 * GROWN_UP / OLDEST
    given = torch.stack([torch.ones(len(rows)), values[:, gender], grown.clamp(max=0), grown.clamp(min=0)], 1)
    both = torch.stack([points, mirrored(points)]).mean(0)
    model.moves[age, 0] = MOVES["age"][0] * solve_ridge(given, centred(both), RIDGE)[2]


def colours(
    packed: Path, rows: npt.NDArray[np.intp], points: torch.Tensor, parts_parser: PartsParser
) -> dict[str, torch.Tensor]:
    """Measure hair, skin and lips of crops: (N, 5) each, the colour and how much of the picture it fills."""
    pack = np.load(packed)
    content, offset = pack["content"], pack["offset"]
    found: dict[str, list[torch.Tensor]] = {part: [] for part in TINTED}
    for some, around in zip(torch.from_numpy(rows).split(64), points.split(64), strict=True):
        crops = np.stack([decode_crop(content[offset[i] : offset[i + 1]]) for i in some])
        x = images.to_tensor(crops)
        classes = parts_parser.parts(resize(x, parts_parser.config.image_size))
        masks = part_masks(person_and_hair(classes), around, x.shape[-1])
        for part, mask in masks.items():
            found[part].append(torch.cat([colour_of(x, mask), mask.mean((2, 3))], 1))
    return {part: torch.cat(measured) for part, measured in found.items()}


def fit_tints(model: AttributeEditor, measured: dict[str, torch.Tensor], values: torch.Tensor) -> None:
    """Fit how the colour of a part follows from the skin's, of people who have an attribute and of those who lack it.

    The colour of the skin itself shifts by the difference of both.
    """
    for column, name in enumerate(model.config.attributes):
        part = ATTRIBUTES[name].region
        if part not in TINTED:
            continue
        colour, area = measured[part].split((4, 1), 1)
        skin = measured["skin"][:, :3]
        large = area[:, 0] > LEAST_AREA
        sides = [large & (values[:, column] < -SURE), large & (values[:, column] > SURE)]
        if part == "skin":
            shift = (colour[sides[1]].mean(0) - colour[sides[0]].mean(0)) / 2
            for side, sign in enumerate((-1, 1)):
                model.tints[column, side, 0] = sign * shift
                model.tints[column, side, 1:, :3] = torch.eye(3)
            continue
        for side, rows in enumerate(sides):
            given = torch.cat([torch.ones(int(rows.sum()), 1), skin[rows]], 1)
            model.tints[column, side] = solve_ridge(given, colour[rows], RIDGE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--attributes", type=Path, required=True)
    parser.add_argument("--codes", type=Path, required=True, help="codes-training.pt of training.prior.train")
    parser.add_argument("--parser", type=Path, default=PARTS_PARSER, help="checkpoint of a parts parser")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    rows = coded_rows(args.packed, validation=False)
    config = AttributeEditorConfig(
        attributes=NAMES, offered=OFFERED, gains=tuple(GAINS.get(name, GAIN) for name in NAMES)
    )
    model = AttributeEditor(config).eval()
    codes = torch.load(args.codes, weights_only=True, mmap=True)
    values, points = load_attributes(args.attributes, rows), load_points(args.packed, rows)
    if len(values) != codes["spatial"].shape[1]:
        raise SystemExit(f"{len(values)} labelled crops but {codes['spatial'].shape[1]} codes: encode the pack again")
    with torch.no_grad():
        fit(model, codes, values, points)
        fit_calibration(model, codes, values)
        fit_growth(model, args.packed, args.attributes)
        some = np.arange(0, len(rows), EVERY)
        measured = colours(args.packed, rows[some], points[some], PartsParser.from_checkpoint(args.parser))
        fit_tints(model, measured, values[some])
    checkpoint.save(args.out, model, config)
    print(f"fitted {len(NAMES)} attributes on {len(values)} crops")


if __name__ == "__main__":
    main()
