"""Hair and hats of drawn people: what is left of them at each moment."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from facemorph.morph import covers, geometry, warp
from facemorph.morph.covers import Cover, Roots
from facemorph.morph.endpoint import Endpoint
from facemorph.morph.ownership import Times
from facemorph.morph.warp import Sampler
from tests.morph.people import CENTRE, SIZE, UNIT, draw_person, end_of

TIMES = torch.linspace(0, 1, 21)
EVEN = Times(0.5, 0.5)
PEOPLE = {
    "bald": draw_person(),
    "short": draw_person(hair=0.3),
    "long": draw_person(hair=0.5, length=2.0),
    "cap": draw_person(hat=0.6),
    "top hat": draw_person(hair=0.3, hat=1.3, hat_colour=(0.7, 0.1, 0.1)),
}


@pytest.fixture(scope="module")
def ends() -> dict[str, Endpoint]:
    return {name: end_of(person) for name, person in PEOPLE.items()}


def roots_of(a: Endpoint, b: Endpoint) -> Roots:
    start, end = (geometry.positions(torch.tensor([alpha])) for alpha in (0.0, 1.0))
    at_end, at_start = (geometry.place(a, b, there, EVEN).samplers for there in (end, start))
    return covers.find_roots(a, b, at_end[0], at_start[1])


def laid(a: Endpoint, b: Endpoint, times: torch.Tensor = TIMES) -> Cover:
    """Lay the covers of both in their own colours, at alphas that are these times."""
    samplers = geometry.place(a, b, geometry.positions(times), EVEN).samplers
    hairs = samplers[0](a.layers.hair), samplers[1](b.layers.hair)
    time = times.reshape(-1, 1, 1, 1)
    turn = (time > 0.5).float().expand_as(hairs[0][:, :1])
    return covers.lay((a, b), hairs, samplers, roots_of(a, b), time, turn)


def covered(end: Endpoint) -> torch.Tensor:
    hat = end.layers.hat
    return end.layers.hair[:, 3:] if hat is None else torch.maximum(end.layers.hair[:, 3:], hat[:, 3:])


def at(matte: torch.Tensor, place: tuple[float, float]) -> torch.Tensor:
    """Return (T,) of (T, 1, S, S) at a place of the drawn person."""
    x, y = (int((place[i] * UNIT + CENTRE[i]) * SIZE) for i in (0, 1))
    return matte[:, 0, y, x]


PAIRS = [(a, b) for a in PEOPLE for b in PEOPLE if a != b]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_covers_are_whole_at_their_own_end(ends: dict[str, Endpoint], first: str, second: str) -> None:
    a, b = ends[first], ends[second]
    cover = laid(a, b, torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(cover.whole[0][:1], covered(a), atol=2e-3, rtol=0)
    torch.testing.assert_close(cover.whole[1][1:], covered(b), atol=2e-3, rtol=0)
    own = covered(a) > 0.5
    torch.testing.assert_close(cover.matte[:1][own], covered(a)[own], atol=2e-3, rtol=0)
    own = covered(b) > 0.5
    torch.testing.assert_close(cover.matte[1:][own], covered(b)[own], atol=2e-3, rtol=0)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_not_a_line_is_left_of_the_other_cover(ends: dict[str, Endpoint], first: str, second: str) -> None:
    a, b = ends[first], ends[second]
    cover = laid(a, b, torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(cover.matte, torch.cat([covered(a), covered(b)]), atol=5e-3, rtol=0)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_nothing_of_the_other_is_there_at_an_end(ends: dict[str, Endpoint], first: str, second: str) -> None:
    a, b = ends[first], ends[second]
    cover = laid(a, b, torch.tensor([0.0, 1.0]))
    for number, end in enumerate((a, b)):
        nowhere = F.max_pool2d(covered(end), 5, 1, 2) < 0.02
        assert cover.matte[number : number + 1][nowhere].max() < 0.05
    assert (cover.owner[:1][covered(a) > 0.98] < 0.05).all()
    assert (cover.owner[1:][covered(b) > 0.98] > 0.95).all()


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_what_is_there_by_halves_is_an_edge(ends: dict[str, Endpoint], first: str, second: str) -> None:
    """No veil: between wholly covered and wholly bare places lie a few pixels."""
    matte = laid(ends[first], ends[second]).matte
    divided = ((matte > 0.15) & (matte < 0.85)).float()
    wide = 1 - F.max_pool2d(1 - F.pad(divided, (4,) * 4), 9, 1)  # squares of 9 that are divided as a whole
    assert wide.sum() == 0


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_no_place_is_owned_by_halves(ends: dict[str, Endpoint], first: str, second: str) -> None:
    cover = laid(ends[first], ends[second])
    within = 1 - F.max_pool2d(1 - F.pad(cover.matte, (2,) * 4), 5, 1) > 0.9
    divided = ((cover.owner > 0.1) & (cover.owner < 0.9)).float()
    wide = 1 - F.max_pool2d(1 - F.pad(divided, (4,) * 4), 9, 1)
    assert wide[within].sum() == 0


def test_hair_is_gone_and_comes_one_after_the_other() -> None:
    ways = torch.zeros(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)
    time = TIMES.reshape(-1, 1, 1, 1)
    for shared in (True, False):
        first, second = (x.flatten() for x in Roots(ways, shared).gone(time))
        assert (first[0], first[-1]) == (0, 1)
        assert (second[0], second[-1]) == (1, 0)
        assert (first.diff() >= 0).all() and (second.diff() <= 0).all()
        moving = ((first > 0) & (first < 1)).float() + ((second > 0) & (second < 1)).float()
        assert moving.max() == 1
        first_goes = first[TIMES < 0.5].max() > 0
        assert first_goes == shared


def test_heads_of_hair_share_roots(ends: dict[str, Endpoint]) -> None:
    roots = roots_of(ends["long"], ends["short"])
    assert roots.shared
    crown, tip = (0.0, -1.2), (-1.3, 1.6)
    small = [F.interpolate(way, size=(SIZE, SIZE)) for way in roots.ways]
    assert at(small[0], crown) == 0
    assert 0.1 < at(small[0], tip) < 0.5
    assert at(small[1], crown) == 0


def test_long_hair_recedes_from_its_tips(ends: dict[str, Endpoint]) -> None:
    matte = laid(ends["long"], ends["short"]).matte
    tip, ear = ((-1.25, y) for y in (1.6, 0.2))
    assert TIMES[at(matte, tip) > 0.5].max() < TIMES[at(matte, ear) > 0.5].max()
    assert (at(matte, (0.0, -1.15)) > 0.9).all()


def test_hair_goes_wholly_before_a_bald_head(ends: dict[str, Endpoint]) -> None:
    matte = laid(ends["long"], ends["bald"]).matte
    assert matte[TIMES >= 0.5].max() < 0.05
    assert matte[TIMES < 0.2].amax((1, 2, 3)).min() > 0.95


def test_hair_stands_before_the_body_from_end_to_end_where_both_have_it(ends: dict[str, Endpoint]) -> None:
    matte = laid(ends["short"], ends["long"]).matte
    both = (covered(ends["short"]) > 0.9) & (covered(ends["long"]) > 0.9)
    inner = 1 - F.max_pool2d(1 - both.float(), 9, 1, 4) > 0.5
    assert inner.any()
    assert matte[:, inner[0]].min() > 0.9


def test_a_hat_leaves_from_its_brim_upwards(ends: dict[str, Endpoint]) -> None:
    worn = laid(ends["cap"], ends["bald"]).matte
    middle = worn[:, 0, :, SIZE // 2]
    lowest, highest = [], []
    for rows in middle:
        there = (rows > 0.5).nonzero()
        if len(there):
            lowest.append(int(there.max()))
            highest.append(int(there.min()))
    assert len(lowest) > 5
    assert lowest[-1] < lowest[0] - 5
    assert lowest == sorted(lowest, reverse=True)
    assert max(highest) - min(highest) <= 3  # the outline moves a little
    assert worn[-1].max() < 0.02


def test_a_hat_that_moves_is_lifted_from_its_own_brim(ends: dict[str, Endpoint]) -> None:
    a, b = ends["cap"], ends["bald"]
    roots, time, lower = roots_of(a, b), TIMES.reshape(-1, 1, 1, 1), 13

    def matte(rows: int) -> torch.Tensor:
        flow = torch.zeros(len(TIMES), 2, warp.FLOW_SIZE, warp.FLOW_SIZE)
        flow[:, 1] = -rows / SIZE
        sampler = Sampler(flow)
        hairs = sampler(a.layers.hair), sampler(b.layers.hair)
        return covers.lay((a, b), hairs, [sampler] * 2, roots, time, torch.zeros_like(hairs[0][:, :1])).matte

    still, moved = matte(0), matte(lower)
    assert still[8].max() > 0.2 and still[8].sum() < 0.8 * still[0].sum()  # half lifted
    torch.testing.assert_close(moved[:, :, lower:], still[:, :, :-lower], atol=1e-3, rtol=0)


@pytest.mark.parametrize(("first", "second"), [("cap", "top hat"), ("top hat", "cap")])
def test_two_hats_never_leave_a_hole(ends: dict[str, Endpoint], first: str, second: str) -> None:
    a, b = ends[first], ends[second]
    assert a.layers.hat is not None and b.layers.hat is not None
    first, second = geometry.place(a, b, geometry.positions(TIMES), EVEN).samplers
    both = torch.minimum(first(a.layers.hat[:, 3:]), second(b.layers.hat[:, 3:]))
    cover = laid(a, b)
    assert (both > 0.95).flatten(1).sum(1).min() > 100
    assert cover.matte[both > 0.95].min() > 0.9


def test_a_photo_without_hair_has_no_ways(ends: dict[str, Endpoint]) -> None:
    roots = roots_of(ends["bald"], ends["bald"])
    assert roots.shared
    assert not laid(ends["bald"], ends["bald"]).matte.any()
