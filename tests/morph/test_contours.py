"""Bodies whose outlines differ are bent to the one between them."""

from __future__ import annotations

from dataclasses import replace

import torch

from facemorph.morph import contours, warp
from facemorph.morph.landmark_windows import MAP_SIZE
from facemorph.morph.warp import Sampler
from tests.morph.people import draw_person, end_of

SIZE = 128


def disc(radius: float) -> torch.Tensor:
    """Return the distance to the outline of a disc, (1, 1, SIZE, SIZE)."""
    return radius - (warp.cell_centres(SIZE) - 0.5).norm(dim=1).reshape(1, 1, SIZE, SIZE)


def bent(
    first: torch.Tensor, second: torch.Tensor, shape: torch.Tensor, cover: torch.Tensor | None = None
) -> list[Sampler]:
    """Return the samplers of two bodies with these outlines, the second covered in part, (1, 1, MAP_SIZE, MAP_SIZE)."""
    still, regions = Sampler(torch.zeros(len(shape), 2, 8, 8)), end_of(draw_person()).regions
    bare = torch.zeros(1, 4, MAP_SIZE, MAP_SIZE)
    covered = bare.clone()
    if cover is not None:
        covered[:, 2:3] = cover
    both = replace(regions, outline=first, kinds=bare), replace(regions, outline=second, kinds=covered)
    return [still.after(shift) for shift in contours.shifts([still, still], both, shape)]


def test_outlines_meet_and_each_end_stays() -> None:
    outlines, shape = [disc(0.28), disc(0.30)], torch.tensor([0.0, 0.5, 1.0])
    first, second = (sample(x) for sample, x in zip(bent(*outlines, shape), outlines, strict=True))
    for number, radius in enumerate((0.28, 0.29, 0.30)):
        for moved in (first, second):
            edge = moved[number, 0][(disc(radius)[0, 0].abs() < 0.01)]
            assert (edge.abs() < 0.014).all()
    assert torch.allclose(first[0], outlines[0][0], atol=1e-4)
    assert torch.allclose(second[2], outlines[1][0], atol=1e-4)


def test_what_is_far_from_the_outline_stays() -> None:
    places = warp.cell_centres(SIZE).T.reshape(1, 2, SIZE, SIZE)
    moved = bent(disc(0.28), disc(0.33), torch.tensor([0.5]))[0](places) - places
    middle = slice(SIZE // 2 - 8, SIZE // 2 + 8)
    assert moved[..., middle, middle].abs().max() < 1e-3
    assert moved.abs().max() > 0.01


def test_an_outline_under_hair_bends_nothing() -> None:
    places = warp.cell_centres(SIZE).T.reshape(1, 2, SIZE, SIZE)
    cover = torch.zeros(1, 1, MAP_SIZE, MAP_SIZE)
    cover[..., : MAP_SIZE // 2, :] = 1
    moved = bent(disc(0.28), disc(0.33), torch.tensor([0.5]), cover)[0](places) - places
    assert moved[..., : SIZE // 2 - 8, :].abs().max() < 1e-3
    assert moved[..., SIZE // 2 + 8 :, :].abs().max() > 0.01


def test_nothing_moves_farther_than_it_may() -> None:
    places = warp.cell_centres(SIZE).T.reshape(1, 2, SIZE, SIZE)
    for second in (disc(0.45), torch.full((1, 1, SIZE, SIZE), 0.5), torch.full((1, 1, SIZE, SIZE), -0.5)):
        moved = bent(disc(0.2), second, torch.tensor([0.5]))[0](places) - places
        assert moved.isfinite().all()
        assert moved.norm(dim=1).max() <= contours.MOST * 1.05


def test_flows_follow_each_other() -> None:
    places = warp.cell_centres(SIZE).T.reshape(1, 2, SIZE, SIZE)
    first = torch.full((1, 2, 8, 8), 0.02)
    both = Sampler(first).after(torch.full((1, 2, 8, 8), 0.03))(places) - places
    inner = slice(8, -8)
    torch.testing.assert_close(
        both[..., inner, inner], torch.full_like(both[..., inner, inner], 0.05), atol=1e-3, rtol=0
    )
