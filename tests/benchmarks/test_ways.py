"""Each way on two drawn faces: exact or near ends, the right shapes, the same on every call."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from benchmarks import people
from benchmarks.hard_pairs import HARD_PAIRS
from benchmarks.measures import table
from benchmarks.measures.middle import Middle
from benchmarks.measures.verdict import Floor, Verdict, worse_end
from benchmarks.morph import chosen_names
from benchmarks.sheet import caption, contact_sheet
from facemorph import AlignedFace, FaceMorpher
from judges.crops import Frames, scaled_landmarks, shrink
from judges.rivals.peers import load_facemorpher
from judges.rivals.ways import Way, dissolve, opencv, ours, thin_plate
from training.data.photos import Photo
from training.data.split import is_validation

NAMES = {
    "glasses × none", "bald × long hair", "beard × none", "smile × neutral", "hat × none", "turned × frontal",
    "dark × light skin", "old × child",
}  # fmt: skip


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory, tiny_morpher: FaceMorpher) -> tuple[AlignedFace, AlignedFace]:
    from tests.drawn import draw_face

    return tuple(
        tiny_morpher.align(draw_face(**kind)[0]) for kind in ({}, {"size": (400, 300), "skin": (150, 100, 80)})
    )


@pytest.mark.parametrize(("way", "decibels"), [(dissolve, 60), (thin_plate, 60), (opencv, 30)])
def test_the_ends_are_the_photos(way: Frames, decibels: float, faces: tuple[AlignedFace, AlignedFace]) -> None:
    assert worse_end(Way("", way), *faces, size=128) >= decibels


@pytest.mark.parametrize("way", [dissolve, thin_plate, opencv])
def test_the_middle_is_half_of_each(way: Frames, faces: tuple[AlignedFace, AlignedFace]) -> None:
    a, b = faces
    frames = way(a, b, (0.25, 0.5), 64)
    assert frames.shape == (2, 64, 64, 3) and frames.dtype == np.uint8
    np.testing.assert_array_equal(frames, way(a, b, (0.25, 0.5), 64))
    back = way(b, a, (0.5,), 64)[0].astype(int)
    assert np.abs(back - frames[1]).mean() < 1.5


def test_ours_goes_through_the_public_face(faces: tuple[AlignedFace, AlignedFace], tiny_morpher: FaceMorpher) -> None:
    way = ours(tiny_morpher)
    np.testing.assert_array_equal(way.frames(*faces, (0.3,), 64)[0], tiny_morpher.frame(*faces, 0.3, 64))
    assert way.animate(*faces, 4, 64).shape == (4, 64, 64, 3)


def test_facemorpher_starts_and_ends_at_the_photos(faces: tuple[AlignedFace, AlignedFace]) -> None:
    way = load_facemorpher()
    if way is None:
        pytest.skip("facemorpher is not installed: pip install --no-deps facemorpher==5.2.1")
    frames = way(*faces, (0.0, 0.5, 1.0), 128)
    ends = [shrink(shrink(face.image, 256), 128) for face in faces]
    np.testing.assert_array_equal(frames[0], ends[0])
    np.testing.assert_array_equal(frames[2], ends[1])
    assert (frames[1] != ends[0]).mean() > 0.2


def test_landmarks_keep_their_place_at_another_size(faces: tuple[AlignedFace, AlignedFace]) -> None:
    np.testing.assert_allclose(scaled_landmarks(faces[0], 512), faces[0].landmarks, atol=1e-4)
    np.testing.assert_allclose(scaled_landmarks(faces[0], 256), (faces[0].landmarks - 0.5) / 2, atol=1e-4)


def test_the_baselines_are_always_measured_and_a_wrong_name_is_named() -> None:
    ways = {name: Way(name, dissolve) for name in ("dissolve", "warp", "opencv", "ours")}
    assert chosen_names("ours", ways) == ["warp", "opencv", "ours"]
    assert set(chosen_names(None, ways)) == set(ways)
    with pytest.raises(SystemExit, match="no way called gan"):
        chosen_names("ours,gan", ways)


def test_the_hard_pairs_are_all_there_and_no_one_of_training_is_among_those_that_report() -> None:
    for pairs in HARD_PAIRS.values():
        assert {title for title, _, _ in pairs} >= NAMES
        photos = [photo for _, a, b in pairs for photo in (a, b)]
        assert len(set(photos)) == len(photos)


def test_the_hard_pairs_keep_the_split() -> None:
    data = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not data.is_dir():
        pytest.skip("the photos are not here: ../shared/data")
    from training.data.photos import PhotoFiles

    person = {f"{photo.source}/{photo.name}": photo.person for photo in PhotoFiles(data).list()}
    for split, pairs in HARD_PAIRS.items():
        for name in itertools.chain.from_iterable(pair[1:] for pair in pairs):
            assert is_validation(person[name]) == (split == "validation"), name


def test_the_sheet_has_a_row_for_each_pair_and_way(tmp_path: Path, faces: tuple[AlignedFace, AlignedFace]) -> None:
    from PIL import Image

    pair = tuple(people.Person(Photo("drawn", "", ""), face) for face in faces)
    contact_sheet([("one", pair), ("two", pair)], [Way("a", dissolve), Way("b", thin_plate)], tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.height == 4 * 160 + 20 and sheet.width == 150 + 9 * 160
    assert (caption("some words") == 0).any()


def test_the_table_has_a_cell_for_every_column() -> None:
    from judges import distance

    rng = np.random.default_rng(0)
    reference = distance.fit_reference(rng.normal(size=(60, 40)))
    middle = Middle(rng.normal(size=(5, 40)), 0.9, 0.8, 0.1)
    own = [Verdict(rng.normal(size=(3, 40)), 0.9, middle, lost=i) for i in range(5)]
    floors = [Floor(rng.normal(size=(2, 40)), 0.1, 0.5, rng.normal(size=(5, 40))) for _ in range(5)]
    columns = table.header().split("\n")[0].count("|")
    row = table.row("x", own, [own, own[::-1]], reference, "0.50 [0.40, 0.60]")
    assert row.count("|") == table.floor_row(floors, reference).count("|") == columns
    assert "10 faces lost" in row and "0.90 [0.90, 0.90]" in row
