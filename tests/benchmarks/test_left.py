"""What is left of the way to photos, and the table by kind, on numbers whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from benchmarks.measures import kinds
from benchmarks.measures.left import fit_references, left, left_of, patch_distance
from benchmarks.measures.middle import Middle, judge_middle
from benchmarks.measures.verdict import Floor
from facemorph import AlignedFace, FaceMorpher
from judges import distance
from judges.crops import PATCH_CENTRES, PATCH_SIDE, patches, scaled_landmarks, shrink
from judges.ghosts import GhostDetector, GhostDetectorConfig
from judges.gradients import feature_energy, feature_magnitude
from tests.drawn import draw_face

PLACES = len(PATCH_CENTRES)


def rows(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """Features (count, 5, 40) of patches; `shift` moves each place's first direction by its own spread."""
    drawn = np.random.default_rng(seed).normal(size=(count, PLACES, 40)) * np.linspace(5, 0.1, 40)
    drawn[:, :, 0] += 5 * shift
    return drawn


@pytest.fixture(scope="module")
def references() -> list[distance.Reference]:
    real = rows(300, 0)
    return [distance.fit_reference(real[:, i]) for i in range(PLACES)]


def test_patches_are_cut_unscaled_around_their_centres_and_inside_the_crop() -> None:
    across, down = np.meshgrid(np.arange(256), np.arange(256))
    cut = patches(np.stack([across, down, 0 * down], axis=-1).astype(np.uint8))
    assert cut.shape == (PLACES, PATCH_SIDE, PATCH_SIDE, 3) and cut.dtype == np.uint8
    starts = [(int(patch[0, 0, 0]), int(patch[0, 0, 1])) for patch in cut]
    assert starts == [(72, 21), (16, 62), (128, 62), (72, 103), (72, 144)]
    assert (np.diff(cut[:, 0, :, 0].astype(int)) == 1).all()


def test_left_is_nothing_for_photos_all_for_the_warp_and_unknown_without_a_way() -> None:
    assert left_of(0.1, 0.5, 0.1) == 0
    assert left_of(0.5, 0.5, 0.1) == 1
    assert left_of(0.2, 0.5, 0.1) == pytest.approx(0.25)
    assert left_of(0.05, 0.5, 0.1) < 0
    assert np.isnan(left_of(0.2, 0.1, 0.1))


def test_left_lies_between_photos_and_warp_where_a_way_does(references: list[distance.Reference]) -> None:
    photos, warp = rows(80, 1), rows(80, 2, shift=1.5)
    half = left(rows(80, 2, shift=0.8), warp, photos, references)
    assert 0 < half.low < half.value < half.high < 1
    assert left(warp, warp, photos, references).value == 1
    assert left(photos, warp, photos, references).value == 0


def test_the_distance_of_patches_is_the_mean_of_each_place_alone(references: list[distance.Reference]) -> None:
    features, counts = rows(12, 3, shift=1), np.random.default_rng(0).integers(0, 3, 12).astype(float)
    each = [
        distance.kernel_distance(reference.project(features[:, i]), reference.projected, counts, reference.weights)
        for i, reference in enumerate(references)
    ]
    assert patch_distance(features, references)(counts) == pytest.approx(np.mean(each))


def test_the_energy_of_eyes_and_mouth_does_not_see_the_rest() -> None:
    picture, points = draw_face(size=(256, 256))
    ends = np.stack([picture, picture])
    assert feature_energy(picture, ends, (points, points)) == pytest.approx(1)
    striped = picture.copy()
    striped[:20] = 255 * (np.arange(256) // 2 % 2)[None, :, None]
    assert feature_magnitude(striped, points) == feature_magnitude(picture, points)
    soft = (picture.astype(float) / 2 + 60).astype(np.uint8)
    assert feature_energy(soft, ends, (points, points)) == pytest.approx(0.5, abs=0.03)


@pytest.fixture(scope="module")
def small_alexnet() -> nn.Sequential:
    return nn.Sequential(*[nn.Conv2d(3, 4, 3, 4), *[nn.ReLU() for _ in range(distance.STAGES[-1])]]).eval()


def test_the_middle_is_measured_at_its_own_size(small_alexnet: nn.Sequential, tiny_morpher: FaceMorpher) -> None:
    face = tiny_morpher.align(draw_face()[0])
    frame, detector = shrink(face.image, 256), GhostDetector(GhostDetectorConfig(widths=(4, 4))).eval()
    middle = judge_middle(frame, (face, face), small_alexnet, detector)
    assert middle.patches.shape == (PLACES, 16)
    assert middle.energy == middle.feature_energy == 1
    assert 0 <= middle.ghosts <= 1
    assert scaled_landmarks(face, 256).max() < 256 and isinstance(face, AlignedFace)


def test_references_hold_each_place_of_each_crop(small_alexnet: nn.Sequential) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (40, 256, 256, 3)).astype(np.uint8)
    fitted = fit_references(small_alexnet, crops, np.full(40, 1 / 40))
    assert len(fitted) == PLACES and all(len(reference.projected) == 40 for reference in fitted)


def test_the_table_by_kind_has_a_row_for_each_kind_and_way(references: list[distance.Reference]) -> None:
    features = {"warp": rows(8, 1, shift=1.5), "ours": rows(8, 2, shift=0.5)}
    middles = {name: [Middle(row, 0.9, 0.8, 0.5) for row in own] for name, own in features.items()}
    floors = [Floor(np.zeros((2, 40)), 0.2, 0.5, row) for row in rows(8, 3)]
    group = kinds.Group("all", floors, middles, references)
    text = kinds.table([group, group.part("some", [0, 2, 5]), group.part("none", [])], {"warp": "w", "ours": "o"})
    lines = text.split("\n")
    assert len(lines) == 2 + 4 and len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| all | 8 | w | 1 | 0.90 [0.90, 0.90] | 0.80 [0.80, 0.80] | 0.30 [0.30, 0.30] |")
    assert lines[5].startswith("| some | 3 | o | ")
