"""Where an edit shows and where it must not, with networks that are plain arithmetic."""

from __future__ import annotations

import torch

from facemorph.attributes import EVERYTHING, SHADE, Attribute, Painting
from facemorph.edit import edit_pictures
from facemorph.morph.maps import resize
from tests.edit.test_regions import face

SIZE, SMALL = 64, 32
EVERYWHERE = [Attribute("more", "less")]


class PlainCodec:
    """The code is the small picture; a change brightens all of it and moves the mouth down; the person is a square."""

    image_size = SMALL

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        return x, None

    def decode(self, spatial: torch.Tensor, compact: torch.Tensor | None) -> torch.Tensor:
        return spatial

    def parts(self, x: torch.Tensor) -> torch.Tensor:
        masks = torch.zeros(len(x), 2, 16, 16)
        masks[:, 0, 4:, 4:12] = 1
        return masks

    def move(self, change: torch.Tensor) -> torch.Tensor:
        moved = torch.zeros(len(change), 68, 2)
        moved[:, 48:, 1] = 0.05 * change
        return moved

    def tint(self, change: torch.Tensor, column: int, colour: torch.Tensor, skin: torch.Tensor) -> torch.Tensor:
        return colour + change[:, column, None] * torch.tensor([[0.0, 0.0, -0.5, 0.0]])

    def changed(
        self, x: torch.Tensor, points: torch.Tensor, present: torch.Tensor, change: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x + 0.2 * change.sum(1).reshape(-1, 1, 1, 1)


class Still(PlainCodec):
    """Nothing moves and the code stays."""

    def move(self, change: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(change), 68, 2)

    def changed(self, x: torch.Tensor, *_: object) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x


def pictures(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    smooth = resize(torch.rand(count, 3, 8, 8, generator=generator), SIZE).clamp(0.1, 0.7)
    angles = torch.arange(68) * 2 * torch.pi / 68
    points = torch.stack([0.5 + 0.15 * angles.cos(), 0.5 + 0.2 * angles.sin()], 1)
    points[8] = torch.tensor([0.5, 0.75])  # the chin
    return smooth, points.double().expand(count, -1, -1)


def edited(change: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    x, points = pictures(len(change))
    added = torch.tensor(change).unsqueeze(1)
    return x, edit_pictures(x, points, torch.zeros_like(added), added, EVERYWHERE, PlainCodec())


def test_nothing_changes_without_a_change_even_beside_one() -> None:
    x, y = edited([0.0, 1.0])
    assert torch.equal(x[0], y[0])
    assert not torch.equal(x[1], y[1])


def test_the_background_and_the_body_stay() -> None:
    x, y = edited([1.0])
    assert torch.equal(x[..., :8], y[..., :8])  # beside the person
    assert torch.equal(x[..., -2:, :], y[..., -2:, :])  # below the chin


def test_the_face_gets_what_the_code_got() -> None:
    x, y = edited([1.0])
    forehead = slice(None), slice(None), slice(22, 30), slice(26, 38)
    assert torch.allclose((y - x)[forehead].mean(), torch.tensor(0.2), atol=0.03)


def test_the_mouth_moves_with_its_landmarks() -> None:
    x, points = pictures(1)
    mouth = (points[0, 48:].mean(0) * SIZE).long()
    x[..., mouth[1] - 1 : mouth[1] + 1, :] = 0.0  # a dark line where the lips meet
    y = edit_pictures(x, points, torch.zeros(1, 1), torch.ones(1, 1), EVERYWHERE, PlainCodec())
    column = slice(mouth[0] - 2, mouth[0] + 2)
    rows = slice(mouth[1] - 8, mouth[1] + 10)
    before, after = (z[0, :, rows, column].mean((0, 2)).argmin() for z in (x, y))
    assert after > before


def test_what_shows_around_the_mouth_leaves_the_forehead() -> None:
    x, points = pictures(1)
    points = points.clone()
    points[:, 36:42], points[:, 42:48], points[:, 48:] = (
        torch.tensor(place, dtype=torch.float64) for place in ((0.4, 0.4), (0.6, 0.4), (0.5, 0.6))
    )
    y = edit_pictures(
        x, points, torch.zeros(1, 1), torch.ones(1, 1), [Attribute("more", "less", region="mouth")], PlainCodec()
    )
    assert torch.equal(x[..., :20, :], y[..., :20, :])
    assert (y - x)[..., 36:40, 30:34].mean() > 0.1


def test_hair_gets_less_blue_and_nothing_else_changes() -> None:
    class Haired(PlainCodec):
        def parts(self, x: torch.Tensor) -> torch.Tensor:
            masks = super().parts(x)
            masks[:, 1, 4:8] = masks[:, 0, 4:8]
            return masks

    x, points = pictures(2)
    change = torch.tensor([[1.0], [0.0]])
    y = edit_pictures(x, points, torch.zeros(2, 1), change, [Attribute("more", "less", region="hair")], Haired())
    assert torch.equal(y[1], x[1])
    assert torch.equal(y[0, :, 40:], x[0, :, 40:])  # the face
    before, after = (z[0, :, 20:28, 24:40].mean((1, 2)) for z in (x, y))
    assert after[2] < 0.75 * before[2]
    assert torch.allclose(after[:2], before[:2], atol=0.1)


def test_what_keeps_the_tone_adds_shapes_but_neither_light_nor_colour() -> None:
    class Striped(Still):
        def changed(self, x: torch.Tensor, *_: object) -> tuple[torch.Tensor, torch.Tensor]:
            stripes = 0.1 * torch.where(torch.arange(SMALL) % 2 == 0, 1.0, -1.0)
            return x, x + 0.2 * torch.tensor([1.0, 0.5, -0.5]).reshape(1, 3, 1, 1) + stripes

    x, points = pictures(1)
    kept, free = (
        edit_pictures(
            x,
            points,
            torch.zeros(1, 1),
            torch.ones(1, 1),
            [Attribute("", "", painting=SHADE if keeps else EVERYTHING)],
            Striped(),
        )
        for keeps in (True, False)
    )
    forehead = slice(None), slice(None), slice(22, 30), slice(26, 38)
    for y, mean in ((kept, [0.0, 0.0, 0.0]), (free, [0.2, 0.1, -0.1])):
        added = (y - x)[forehead]
        torch.testing.assert_close(added.mean((0, 2, 3)), torch.tensor(mean), atol=0.03, rtol=0)
        assert added[:, 0].std(-1).mean() > 0.03  # the stripes


def test_attributes_of_both_kinds_are_edited_together() -> None:
    x, points = pictures(1)
    kinds = [Attribute("", "", painting=SHADE), Attribute("", "", region="mouth")]

    class Two(PlainCodec):
        def move(self, change: torch.Tensor) -> torch.Tensor:
            return super().move(change.sum(1))

        def changed(
            self, x: torch.Tensor, points: torch.Tensor, present: torch.Tensor, change: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            return super().changed(x, points, present, change[:, 1:])

    y = edit_pictures(x, points, torch.zeros(1, 2), torch.ones(1, 2), kinds, Two())
    alone = edit_pictures(x, points, torch.zeros(1, 2), torch.tensor([[0.0, 1.0]]), kinds, Two())
    assert (alone - x).abs().max() > 0.1
    assert not torch.equal(y, alone)  # moved twice as far
    mouth = slice(None), slice(None), slice(34, 42), slice(28, 36)
    torch.testing.assert_close(y[mouth].mean(), alone[mouth].mean(), atol=0.05, rtol=0)


def test_skin_gets_smoother_or_rougher_and_nothing_else() -> None:
    x, points = pictures(1)
    x = 0.6 + 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    points = face().double()
    wrinkled = [Attribute("", "", roughens=True)]
    cheek = slice(None), slice(None), slice(36, 42), slice(22, 27)
    spread = x[cheek].mean(1).std()
    for change, least, most in ((-0.8, 0.0, 0.7), (0.8, 1.1, 2.0)):
        y = edit_pictures(x, points, torch.zeros(1, 1), torch.full((1, 1), change), wrinkled, Still())
        assert least * spread < y[cheek].mean(1).std() < most * spread
        assert torch.equal(y[..., :12, :], x[..., :12, :])  # above the person
        eye = (points[0, 36:42].mean(0) * SIZE).long().tolist()
        assert torch.equal(y[..., eye[1], eye[0]], x[..., eye[1], eye[0]])


def test_a_chin_that_rises_leaves_none_behind() -> None:
    class Rising(Still):
        def move(self, change: torch.Tensor) -> torch.Tensor:
            moved = torch.zeros(len(change), 68, 2)
            moved[:, 5:12, 1] = -0.1 * change
            return moved

    x, points = pictures(1)
    x = torch.full_like(x, 0.6)
    chin = int(0.75 * SIZE)
    x[..., chin - 1 : chin + 1, 28:36] = 0.1
    y = edit_pictures(x, points, torch.zeros(1, 1), torch.ones(1, 1), EVERYWHERE, Rising())
    assert y[..., chin - 1 : chin + 1, 30:34].min() > 0.45
    assert y[..., chin - 9 : chin - 3, 30:34].min() < 0.4


def test_what_lies_on_the_skin_is_not_smoothed_with_it() -> None:
    class Lined(Still):
        def changed(
            self, x: torch.Tensor, points: torch.Tensor, present: torch.Tensor, change: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            lines = -0.2 * change[:, 1].reshape(-1, 1, 1, 1) * (torch.arange(SMALL) % 4 < 2)
            return x, x + lines

    points, kinds = (
        face().double(),
        [Attribute("", "", painting=SHADE, roughens=True), Attribute("", "", painting=Painting("dark"))],
    )
    x = torch.full((1, 3, SIZE, SIZE), 0.6)
    both, alone = (
        edit_pictures(x, points, torch.zeros(1, 2), torch.tensor([[younger, 1.0]]), kinds, Lined())
        for younger in (-1.0, 0.0)
    )
    assert (alone - x).abs().max() > 0.1
    torch.testing.assert_close(both, alone)
