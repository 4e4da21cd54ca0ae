"""The chosen pairs and how they are chosen: no photo, no network."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.candidates import Candidate, attribute_traits, mouth_gap
from benchmarks.choose_pairs import RULES, TURN, UNFIT, Chooser, choose
from benchmarks.measures.yaw import DEPTH, yaw
from benchmarks.people import SPLITS, one_each, read_pairs
from tests.drawn import draw_face
from training.data.photos import PORTRAITS, Photo
from training.data.split import is_validation

KINDS = {"hair across": 16, "turned": 16, "occluder": 8, "mouth": 8}
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.mark.parametrize("split", SPLITS)
def test_each_side_has_48_pairs_and_any_first_24_hold_half_of_each_kind(split: str) -> None:
    pairs = read_pairs(split)
    assert Counter(pair.kind for pair in pairs) == KINDS
    assert Counter(pair.kind for pair in pairs[:24]) == {kind: count // 2 for kind, count in KINDS.items()}
    assert [pair.number for pair in pairs] == list(range(1, 49))
    for pair in pairs:
        assert (pair.yaw_difference > 25) if pair.kind == "turned" else (pair.yaw_difference < 20), pair


def test_no_photo_is_in_two_pairs_and_none_is_one_found_unfit() -> None:
    names = [name for split in SPLITS for pair in read_pairs(split) for name in (pair.a, pair.b)]
    assert len(set(names)) == len(names) == 192
    assert not set(names) & set(UNFIT)
    assert {name.split("/")[0] for name in names} == {"celeba", PORTRAITS}


def test_nobody_is_in_two_pairs_or_on_the_wrong_side_of_the_split() -> None:
    if not DATA.is_dir():
        pytest.skip("the photos are not here: ../shared/data")
    from training.data.photos import PhotoFiles

    files = PhotoFiles(DATA)
    person = {f"{photo.source}/{photo.name}": photo.person for photo in [*files.list(), *files.portraits()]}
    people = [person[name] for split in SPLITS for pair in read_pairs(split) for name in (pair.a, pair.b)]
    assert len(set(people)) == len(people)
    for split in SPLITS:
        own = [person[name] for pair in read_pairs(split) for name in (pair.a, pair.b) if name.startswith("celeba/")]
        assert {is_validation(name) for name in own} == {split == "validation"}
    assert len(files.portraits()) == 977
    assert not any(photo.source == PORTRAITS for photo in files.list())


def candidates(count: int) -> list[Candidate]:
    """Return people of both sources who differ in every way that the rules ask for."""
    rng = np.random.default_rng(0)
    traits = [{"hair across", "bare"}, {"hair free", "bare"}, {"hat"}, {"glasses"}, {"beard"}]
    traits += [{"bare", "open mouth"}, {"bare", "closed mouth"}]
    rows = []
    for i in range(count):
        source, turn = (PORTRAITS, "celeba")[i % 2], (-30.0, 0.0, 30.0)[i % 3]
        vector = rng.normal(size=128)
        own = frozenset(traits[i % len(traits)])
        rows.append(Candidate(f"{source}/{i}", f"{source}/{i}", turn, own, vector / np.linalg.norm(vector)))
    return rows


def test_chosen_pairs_keep_the_rules_and_do_not_depend_on_the_order_of_the_photos() -> None:
    pool = candidates(600)
    rows = choose(Chooser(), pool)
    assert rows == choose(Chooser(), pool[::-1])
    assert [row["kind"] for row in rows] == list(TURN) * 8
    by_name = {candidate.name: candidate for candidate in pool}
    assert len({row[end] for row in rows for end in ("a", "b")}) == 96
    for row in rows:
        a, b = by_name[str(row["a"])], by_name[str(row["b"])]
        assert any(
            rule.first(x) and rule.second(y) and rule.together(x, y)
            for rule in RULES[str(row["kind"])]
            for x, y in ((a, b), (b, a))
        )


def test_who_looks_like_somebody_chosen_is_not_chosen() -> None:
    chooser, (first, second, *_) = Chooser(), candidates(4)
    chooser._taken.append(first)
    twin = Candidate("celeba/twin", "celeba/twin", 0.0, frozenset(), first.embedding)
    assert chooser.free(second) and not chooser.free(twin) and not chooser.free(first)


def test_a_rule_that_nobody_keeps_is_said() -> None:
    with pytest.raises(SystemExit, match="no pair left"):
        choose(Chooser(), candidates(20))


@pytest.mark.parametrize("degrees", [-35, 0, 20])
def test_yaw_is_that_of_a_turned_head_whatever_its_place_and_roll(degrees: float) -> None:
    head = np.zeros((68, 3))
    head[36, 0], head[45, 0], head[30] = -1, 1, (0, 0.8, 2 * DEPTH)
    angle, roll = np.radians(degrees), 0.3
    seen = np.stack([head[:, 0] * np.cos(angle) + head[:, 2] * np.sin(angle), head[:, 1]], axis=1)
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    assert yaw((40 * seen @ turn.T + 100).astype(np.float32)) == pytest.approx(degrees, abs=1e-3)


def test_the_gap_of_a_mouth_is_in_parts_of_its_width() -> None:
    points = draw_face()[1].copy()
    points[[48, 54, 62, 66]] = ((0, 0), (40, 0), (20, -3), (20, 5))
    assert mouth_gap(points) == pytest.approx(0.2)


def test_the_traits_of_attributes() -> None:
    names = ("Bangs", "Wearing_Hat", "Eyeglasses", "No_Beard", "5_o_Clock_Shadow", "Mouth_Slightly_Open")
    row = dict.fromkeys(names, False) | {"No_Beard": True}
    assert attribute_traits(row, 0.0) == {"hair free", "bare", "closed mouth"}
    assert attribute_traits(row | {"No_Beard": False}, 0.1) == {"hair free", "beard"}
    open_mouth = row | {"Mouth_Slightly_Open": True, "Bangs": True, "Wearing_Hat": True}
    assert attribute_traits(open_mouth, 0.3) == {"hair across", "hat", "open mouth"}


def test_one_photo_each_in_an_order_that_stays() -> None:
    photos = [Photo("celeba", f"{i}.jpg", f"celeba/{i // 2}") for i in range(20)] + [Photo("lfw", "x", "lfw/x")]
    drawn = one_each(photos, "celeba", np.random.default_rng(0))
    assert {photo.name for photo in drawn} == {f"{i}.jpg" for i in range(0, 20, 2)}
    assert drawn == one_each(photos, "celeba", np.random.default_rng(0))
