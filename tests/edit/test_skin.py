"""Texture of the skin: what is softened and deepened, and what stays."""

from __future__ import annotations

import torch

from facemorph.edit.skin import change_texture

SIZE, SMALL = 128, 64


def spotted() -> torch.Tensor:
    """Return a picture that is dark on the left and light on the right, with faint spots."""
    picture = torch.full((1, 3, SIZE, SIZE), 0.15)
    picture[..., SIZE // 2 :] = 0.75
    spots = 0.04 * torch.randn(1, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return (picture + spots).clamp(0, 1)


def changed(amount: float, skin: float = 1.0) -> torch.Tensor:
    return change_texture(spotted(), torch.full((1, 1, SMALL, SMALL), skin), torch.tensor([amount]))


def test_nothing_changes_without_a_change_or_without_skin() -> None:
    assert torch.equal(changed(0.0), spotted())
    assert torch.equal(changed(-1.0, skin=0.0), spotted())


def test_spots_grow_fainter_or_stronger_and_the_mean_stays() -> None:
    before = spotted()[..., : SIZE // 4]
    soft, deep = (changed(amount)[..., : SIZE // 4] for amount in (-1.0, 1.0))
    assert soft.std() < 0.4 * before.std() < before.std() < deep.std()
    for after in (soft, deep):
        torch.testing.assert_close(after.mean(), before.mean(), atol=0.01, rtol=0)


def test_an_edge_stays_where_it_is() -> None:
    rows = changed(-1.0).mean((0, 1, 2))
    assert rows[SIZE // 2 + 2] - rows[SIZE // 2 - 3] > 0.4


def test_each_picture_changes_by_its_own_amount() -> None:
    pair = change_texture(spotted().expand(2, -1, -1, -1), torch.ones(2, 1, SMALL, SMALL), torch.tensor([0.0, -1.0]))
    assert torch.equal(pair[0], spotted()[0])
    assert not torch.equal(pair[1], spotted()[0])
