"""Two photos on one head: what each of them shows of it between their poses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facemorph.head import Head, HeadFit, load_head
from facemorph.head.fit import rotations
from facemorph.morph import views
from facemorph.morph.views import TexturedHead, Views
from facemorph.morph.warp import MIDDLE_SIZE, cell_centres

SIZE = MIDDLE_SIZE
EVERYWHERE = torch.ones(1, 1, 64, 64)


@pytest.fixture(scope="module")
def head() -> Head:
    return load_head().coarse


def fit_at(yaw: float, pitch: float = 0.0) -> HeadFit:
    rotation = rotations(*(np.array([angle]) for angle in (yaw, pitch, 0.0)))[0]
    return HeadFit(rotation, 0.27, np.array([0.5, 0.45]), 0.0, told=True)


def photo(head: Head, yaw: float, pitch: float = 0.0, bare: torch.Tensor = EVERYWHERE) -> TexturedHead:
    textured = views.texture(head, fit_at(yaw, pitch).project(head.points)[:, :2], bare)
    assert textured is not None
    return textured


def drawn(a: TexturedHead, b: TexturedHead, *at: float) -> Views:
    heads = torch.tensor(at)
    return views.draw(a, b, heads, heads.unsqueeze(1).expand(-1, 68))


def shown_at(flow: torch.Tensor) -> torch.Tensor:
    """Return the places of a photo, (2, SIZE, SIZE), that a frame shows."""
    return cell_centres(SIZE).T.reshape(2, SIZE, SIZE) + flow


def test_no_head_explains_nonsense(head: Head) -> None:
    assert views.texture(head, np.random.default_rng(0).random((68, 2)), EVERYWHERE) is None
    assert views.turned(None, photo(head, 10)) == 0


def test_how_far_heads_are_turned_differently(head: Head) -> None:
    frontal = photo(head, 0)
    shares = [views.turned(frontal, photo(head, yaw)) for yaw in (0.0, 2.0, 8.0, 20.0, -20.0)]
    assert shares[:2] == pytest.approx([0, 0], abs=0.01)
    assert 0.1 < shares[2] < 0.9
    assert shares[3:] == pytest.approx([1, 1], abs=0.01)


@pytest.mark.parametrize("yaws", [(-25, 20), (10, 40)])
def test_each_photo_is_itself_at_its_own_pose(head: Head, yaws: tuple[float, float]) -> None:
    ends = [photo(head, yaw) for yaw in yaws]
    seen = drawn(ends[0], ends[1], 0.0, 1.0)
    for number in (0, 1):
        front = seen.front[number, 0] > 0.5
        assert front.sum() > 0.15 * SIZE**2
        assert seen.flows[number][number, :, front].abs().max() < 1e-4
        assert seen.unshown.hidden[number][number].max() < 1e-6
        torch.testing.assert_close(seen.landmarks[number], ends[number].landmarks, atol=1e-6, rtol=0)


def test_a_frame_shows_the_same_point_of_the_head(head: Head) -> None:
    """Half way between yaw -20 and 30 lies yaw 5: where its landmarks are, the flows lead to those of the photos."""
    a, b = photo(head, -20), photo(head, 30)
    seen = drawn(a, b, 0.5)
    expected = fit_at(5).project(head.points)[:, :2]
    moved = seen.landmarks[0, 17:].numpy() - expected[17:]
    moved -= moved[19:31].mean(0)  # the eyes' middle goes straight, not round the neck
    assert np.abs(moved).max() < 0.003
    for number, end in enumerate((a, b)):
        for mark in (30, 33, 36, 45, 48, 54):
            x, y = (int(c * SIZE) for c in seen.landmarks[0, mark])
            target = end.fit.project(head.points)[mark, :2]
            assert np.abs(shown_at(seen.flows[number][0])[:, y, x].numpy() - target).max() < 0.025


def test_what_turns_into_view_comes_from_the_mirror_image(head: Head) -> None:
    """A head turned to the viewer's left shows little of its left cheek; turned back, that is the right one's."""
    seen = drawn(photo(head, -40), photo(head, 0), 0.0, 1.0)
    hidden = seen.unshown.hidden[0][1, 0]
    left, right = hidden[:, : SIZE // 2], hidden[:, SIZE // 2 :]
    assert left.max() > 0.9
    assert left.mean() > 20 * right.mean()
    assert seen.unshown.hidden[1][1].max() < 1e-6
    place = (hidden > 0.9).nonzero()[len((hidden > 0.9).nonzero()) // 2]
    at = shown_at(seen.mirrored[0][1])[:, place[0], place[1]]
    middle = photo(head, -40).fit.project(np.array([0.0, 0.3, 0.6]))
    assert at[0] > middle[0]  # the near side


def test_what_hair_covers_is_not_seen(head: Head) -> None:
    bare = EVERYWHERE.clone()
    bare[..., 20:] = 0  # the near side
    seen = drawn(photo(head, -40, bare=bare), photo(head, 0), 1.0)
    assert seen.unshown.hidden[0].max() < 0.05


def test_swapping_the_photos_reverses_the_views(head: Head) -> None:
    a, b = photo(head, -25, 5), photo(head, 15)
    there, back = drawn(a, b, 0.3), drawn(b, a, 0.7)
    torch.testing.assert_close(there.landmarks, back.landmarks, atol=1e-5, rtol=0)
    inside = (there.front > 0.5) & (back.front > 0.5)
    assert ((there.front > 0.5) != (back.front > 0.5)).float().mean() < 0.002
    assert ((there.flows[0] - back.flows[1]).abs() * inside).mean() < 1e-4
    assert (there.unshown.hidden[1] - back.unshown.hidden[0]).abs().mean() < 1e-3


def test_what_neither_photo_nor_mirror_image_shows_is_told(head: Head) -> None:
    bare = EVERYWHERE.clone()
    bare[..., 20:] = 0  # the near side
    seen = drawn(photo(head, -40, bare=bare), photo(head, 0), 0.0, 1.0)
    assert seen.unshown.unseen[0][0].max() < 1e-6
    assert seen.unshown.unseen[0][1].max() > 0.9
    near = seen.unshown.unseen[0][1, 0, :, 2 * SIZE // 3 :]
    assert near.max() < 0.3  # covered, but turned to the viewer
    assert seen.unshown.behind[0][1, 0, :, : SIZE // 3].max() > 0.9
