"""What of a decoder's change reaches a picture."""

from __future__ import annotations

import torch

from facemorph.attributes import EVERYTHING as ALL
from facemorph.attributes import SHADE, Painting
from facemorph.edit.paint import CHANGED, paint, shade

SIZE, SMALL = 64, 32
DARK = Painting("dark", finer_than=0.05)
MORE = torch.tensor([True])


def flat(red: float, green: float, blue: float, size: int = SMALL) -> torch.Tensor:
    return torch.tensor([red, green, blue]).reshape(1, 3, 1, 1).expand(1, 3, size, size).clone()


def line(depth: float) -> torch.Tensor:
    """Return a change that is a vertical line in the middle, two pixels wide."""
    delta = torch.zeros(1, 3, SMALL, SMALL)
    delta[..., 15:17] = depth
    return delta


def test_no_change_leaves_the_picture() -> None:
    picture = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    before = flat(0.5, 0.4, 0.3)
    for kind in (ALL, SHADE, DARK):
        torch.testing.assert_close(paint(picture, before, before, MORE, kind), picture)


def test_all_of_a_change_is_added() -> None:
    before = flat(0.5, 0.5, 0.5)
    painted = paint(flat(0.5, 0.5, 0.5, SIZE), before, before + flat(0.1, 0.0, -0.1), MORE, ALL)
    torch.testing.assert_close(painted, flat(0.6, 0.5, 0.4, SIZE))


def test_shades_have_no_colour_and_no_light_on_larger_areas() -> None:
    before = flat(0.6, 0.5, 0.4)
    same = paint(flat(0.6, 0.5, 0.4, SIZE), before, before + flat(0.2, 0.1, -0.1), MORE, SHADE)
    torch.testing.assert_close(same, flat(0.6, 0.5, 0.4, SIZE), atol=1e-5, rtol=0)
    lined = paint(flat(0.6, 0.5, 0.4, SIZE), before, before + line(-0.2) * flat(1.0, 0.0, 0.0), MORE, SHADE)
    added = lined - flat(0.6, 0.5, 0.4, SIZE)
    assert added[..., 31:33].max() < -0.03
    torch.testing.assert_close(added[:, 0], added[:, 2], atol=1e-5, rtol=0)


def test_shades_of_any_size_count_where_asked() -> None:
    delta = flat(0.1, 0.1, 0.1)
    torch.testing.assert_close(shade(delta, 1.0), torch.full((1, 1, SMALL, SMALL), 0.1))
    assert shade(delta, 0.14).abs().max() < 1e-6


def test_dark_lines_take_light_away_and_turn_grey_and_light_ones_hardly_show() -> None:
    picture, before = flat(0.8, 0.4, 0.2, SIZE), flat(0.8, 0.4, 0.2)
    dark = paint(picture, before, before + line(-0.4), MORE, DARK)[0, :, SIZE // 2, SIZE // 2]
    light = paint(picture, before, before + line(0.4), MORE, DARK)[0, :, SIZE // 2, SIZE // 2]
    lost, won = picture[0, :, 0, 0].mean() - dark.mean(), light.mean() - picture[0, :, 0, 0].mean()
    assert lost > 0.1
    assert 0 < won < 0.7 * lost
    assert dark.min() > 0
    assert dark[0] / dark[2] < 0.8 / 0.2  # less red than in a shadow


def test_less_of_what_grows_dark_takes_everything() -> None:
    picture, before = flat(0.5, 0.4, 0.3, SIZE).expand(2, -1, -1, -1), flat(0.5, 0.4, 0.3).expand(2, -1, -1, -1)
    painted = paint(picture, before, before + flat(0.1, 0.1, 0.0), torch.tensor([False, True]), DARK)
    torch.testing.assert_close(painted[:1], flat(0.6, 0.5, 0.3, SIZE))
    torch.testing.assert_close(painted[1:], picture[1:], atol=1e-5, rtol=0)


def test_details_go_where_much_changes_and_stay_where_little_does() -> None:
    before = flat(0.5, 0.5, 0.5)
    grain = 0.1 * torch.randn(1, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    picture = flat(0.5, 0.5, 0.5, SIZE) + grain
    for change, least, most in ((0.1 * CHANGED, 0.9, 1.0), (2 * CHANGED, 0.0, 0.1)):
        left = paint(picture, before, before + change, MORE, ALL).std() / picture.std()
        assert least <= left <= most
