"""Where an edit may show."""

from __future__ import annotations

import torch

from facemorph.align.pose import MEAN_FACE
from facemorph.attributes import Region
from facemorph.edit.regions import (
    around_eyes,
    around_forehead,
    around_mouth,
    face_skin,
    inside,
    part_masks,
    region_of_change,
)

SIZE = 32
REGIONS: list[Region] = ["head", "mouth", "eyes", "hair"]


def face() -> torch.Tensor:
    """Return the mean face in the middle of the picture, eyes 0.2 apart, (1, 68, 2)."""
    points = torch.as_tensor(MEAN_FACE, dtype=torch.float64)
    unit = (points[42:48].mean(0) - points[36:42].mean(0)).norm()
    return (0.5 + 0.2 * points / unit).unsqueeze(0)


def at(mask: torch.Tensor, point: torch.Tensor) -> float:
    column, row = (point * mask.shape[-1]).long().tolist()
    return float(mask[0, 0, row, column])


def shown(change: list[float]) -> torch.Tensor:
    head = torch.zeros(1, 1, SIZE, SIZE)
    head[..., 2:-2, 2:-2] = 1
    return region_of_change(torch.tensor([change]), REGIONS, face(), head)


def test_each_region_holds_its_features_and_not_the_others() -> None:
    points = face()
    mouth, eyes = around_mouth(points, SIZE), around_eyes(points, SIZE)
    forehead = around_forehead(points, SIZE)
    lips, chin, iris, brow = points[0, 48:68].mean(0), points[0, 8], points[0, 36:42].mean(0), points[0, 19]
    assert at(mouth, lips) == at(eyes, iris) == 1
    assert at(eyes, brow) > 0.5
    assert at(mouth, chin) > 0.5
    assert at(mouth, iris) == at(eyes, lips) == at(forehead, lips) == 0
    assert at(forehead, 2 * brow - iris) == 1


def test_nothing_shows_where_nothing_changes_or_only_a_tint_does() -> None:
    assert not shown([0.0, 0.0, 0.0, 0.0]).any()
    assert not shown([0.0, 0.0, 0.0, 1.0]).any()


def test_regions_of_several_attributes_join() -> None:
    mouth, eyes, both = shown([0, 1, 0, 0]), shown([0, 0, -0.5, 0]), shown([0, 1, -0.5, 0])
    assert torch.equal(both, torch.maximum(mouth, eyes))
    assert torch.equal(shown([1, 1, 0, 0]), shown([1, 0, 0, 0]))


def test_nothing_shows_beside_the_head() -> None:
    for column in range(4):
        change = [0.0] * 4
        change[column] = 1.0
        assert not shown(change)[..., :2, :].any()


def test_a_square_is_filled() -> None:
    square = torch.tensor([[[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]]])
    expected = torch.zeros(1, 1, SIZE, SIZE)
    expected[..., 8:24, 8:24] = 1
    assert torch.equal(inside(square, SIZE), expected)


def test_parts_that_are_tinted_do_not_overlap() -> None:
    parts = torch.zeros(1, 2, SIZE, SIZE)
    parts[:, 0, 2:] = 1
    parts[:, 1, :10] = 1
    masks = part_masks(parts, face(), 2 * SIZE)
    together = torch.cat(list(masks.values()), 1)
    assert together.sum(1).max() <= 1 + 1e-6
    points = face()
    lips, cheek = points[0, 48:68].mean(0), (points[0, 2] + points[0, 48]) / 2
    assert at(masks["skin"], lips) == 0
    upper = points[0, [51, 62]].mean(0)
    assert at(masks["lips"], upper) == 1
    assert at(masks["lips"], cheek) == 0
    assert at(masks["skin"], cheek) == 1
    assert at(masks["skin"], points[0, 36:42].mean(0)) == 0
    assert masks["hair"][..., 8:16, :].min() == 1
    assert not masks["hair"][..., :2, :].any()  # that is no person


def test_the_skin_of_the_face_holds_cheeks_and_forehead_and_no_feature() -> None:
    points, size = face(), 4 * SIZE
    mask = face_skin(points, size)
    cheek, eyes = (points[0, 2] + points[0, 48]) / 2, points[0, 36:48].mean(0)
    forehead = eyes + 0.45 * (eyes - points[0, 8])
    assert at(mask, cheek) > 0.9
    assert at(mask, forehead) > 0.9
    for feature in (slice(36, 42), slice(42, 48), slice(48, 60), slice(17, 22), slice(22, 27), slice(31, 36)):
        assert at(mask, points[0, feature].mean(0)) == 0
    assert at(mask, points[0, 8] + torch.tensor([0.0, 0.1])) == 0
    assert mask.min() >= 0
    assert mask.max() <= 1
