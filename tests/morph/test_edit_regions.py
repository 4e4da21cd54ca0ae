"""Where an edit may show."""

from __future__ import annotations

import torch

from facemorph.align.pose import MEAN_FACE
from facemorph.attributes import Region
from facemorph.morph.edit_regions import around_eyes, around_mouth, region_of_change

SIZE = 32
REGIONS: list[Region] = ["head", "mouth", "eyes", "hair"]


def face() -> torch.Tensor:
    """Return the mean face in the middle of the picture, eyes 0.2 apart, (1, 68, 2)."""
    points = torch.as_tensor(MEAN_FACE, dtype=torch.float64)
    unit = (points[42:48].mean(0) - points[36:42].mean(0)).norm()
    return (0.5 + 0.2 * points / unit).unsqueeze(0)


def at(mask: torch.Tensor, point: torch.Tensor) -> float:
    column, row = (point * SIZE).long().tolist()
    return float(mask[0, 0, row, column])


def shown(change: list[float]) -> torch.Tensor:
    head, hair = torch.zeros(1, 1, SIZE, SIZE), torch.zeros(1, 1, SIZE, SIZE)
    head[..., 2:-2, 2:-2] = 1
    hair[..., 3:6, 8:-8] = 1
    return region_of_change(torch.tensor([change]), REGIONS, face(), head, hair)


def test_each_region_holds_its_features_and_not_the_others() -> None:
    points = face()
    mouth, eyes = around_mouth(points, SIZE), around_eyes(points, SIZE)
    lips, chin, iris, brow = points[0, 48:68].mean(0), points[0, 8], points[0, 36:42].mean(0), points[0, 19]
    assert at(mouth, lips) == at(eyes, iris) == 1
    assert at(eyes, brow) > 0.5
    assert at(mouth, chin) > 0.5
    assert at(mouth, iris) == at(eyes, lips) == 0


def test_nothing_shows_where_nothing_changes() -> None:
    assert not shown([0.0, 0.0, 0.0, 0.0]).any()


def test_regions_of_several_attributes_join() -> None:
    mouth, eyes, both = shown([0, 1, 0, 0]), shown([0, 0, -0.5, 0]), shown([0, 1, -0.5, 0])
    assert torch.equal(both, torch.maximum(mouth, eyes))
    assert torch.equal(shown([1, 1, 0, 0]), shown([1, 0, 0, 0]))


def test_hair_stays_within_hair_and_its_rim() -> None:
    hair = shown([0, 0, 0, 1])
    assert hair[..., 3:6, 9:-9].min() > 0.6
    assert not hair[..., 9:, :].any()


def test_nothing_shows_beside_the_head() -> None:
    for column in range(4):
        change = [0.0] * 4
        change[column] = 1.0
        assert not shown(change)[..., :2, :].any()
