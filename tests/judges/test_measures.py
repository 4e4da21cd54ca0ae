"""The benchmark's maths against cases whose answer is known; no network and no photo of anybody."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.measures.noise import bootstrap, bootstrap_mean
from judges import distance, motion
from judges.gradients import gradient_energy
from judges.identity import TEMPLATE, five_points, similarity
from judges.landmark_error import landmark_error
from tests.drawn import draw_face


def normal_rows(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """Rows of 40 numbers of unlike spread, as features are; `shift` moves the first direction by its own spread."""
    rows = np.random.default_rng(seed).normal(size=(count, 40)) * np.linspace(5, 0.1, 40)
    rows[:, 0] += 5 * shift
    return rows


def test_the_distance_of_two_samples_of_one_source_is_about_zero_and_of_shifted_ones_is_not() -> None:
    reference = distance.fit_reference(normal_rows(400, 0))
    same = distance.kernel_distance(reference.project(normal_rows(200, 1)), reference.projected)
    shifted = distance.kernel_distance(reference.project(normal_rows(200, 1, shift=1.5)), reference.projected)
    assert abs(same) < 0.05
    assert shifted > 0.15
    assert abs(distance.floor(reference)) < 0.05


def test_the_reference_is_white_in_its_own_directions() -> None:
    rows, weights = normal_rows(300, 0), np.random.default_rng(1).uniform(0.5, 2, 300)
    reference = distance.fit_reference(rows, weights)
    share = weights / weights.sum()
    np.testing.assert_allclose(share @ reference.projected, 0, atol=1e-9)
    covariance = (reference.projected * share[:, None]).T @ reference.projected
    np.testing.assert_allclose(covariance, np.eye(distance.DIRECTIONS), atol=1e-9)
    np.testing.assert_allclose(reference.project(rows), reference.projected, atol=1e-9)


def test_the_distance_is_the_unbiased_estimate_of_gretton() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 5, distance.DIRECTIONS))

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / 32 + 1) ** 3)

    within = [sum(k(x[i], x[j]) for i in range(5) for j in range(5) if i != j) / 20 for x in (a, b)]
    across = sum(k(x, y) for x in a for y in b) / 25
    assert distance.kernel_distance(a, b) == pytest.approx(sum(within) - 2 * across)


def test_a_count_stands_for_a_repeated_row_that_never_meets_its_copy() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 6, distance.DIRECTIONS))
    counts = np.array([2.0, 1, 0, 1, 1, 1])
    gram = distance.kernel(a, a)
    own = sum(counts[i] * counts[j] * gram[i, j] for i in range(6) for j in range(6) if i != j)
    number = sum(counts[i] * counts[j] for i in range(6) for j in range(6) if i != j)
    expected = own / number + distance.within(distance.kernel(b, b), np.ones(6))
    expected -= 2 * counts @ distance.kernel(a, b).mean(1) / counts.sum()
    assert distance.kernel_distance(a, b, counts) == pytest.approx(expected)


def test_the_distance_over_alphas_is_the_mean_of_each_alone() -> None:
    reference = distance.fit_reference(normal_rows(100, 0), np.linspace(1, 2, 100))
    frames = reference.project(np.stack([normal_rows(12, i, shift=i) for i in range(3)], axis=1))
    counts = np.random.default_rng(0).integers(0, 3, 12).astype(float)
    each = [distance.kernel_distance(frames[:, i], reference.projected, counts, reference.weights) for i in range(3)]
    assert distance.distance_over_alphas(frames, reference)(counts) == pytest.approx(np.mean(each))


def stripes(offset: int) -> np.ndarray:
    """Return (64, 64, 3) uint8, bright and dark columns 8 px wide."""
    row = 255 * ((np.arange(64) + offset) // 8 % 2)
    return np.broadcast_to(row[None, :, None], (64, 64, 3)).astype(np.uint8)


def test_a_mix_of_shifted_stripes_has_less_energy_than_its_ends_and_an_end_has_as_much() -> None:
    first, last = stripes(0), stripes(3)
    ends = np.stack([first, last])[None]
    opposite = np.stack([first, stripes(8)])[None]
    assert gradient_energy(first[None], ends)[0] == pytest.approx(1.0, abs=0.1)
    assert gradient_energy(opposite.mean(1).astype(np.uint8), opposite)[0] == pytest.approx(0.0)
    noise = np.random.default_rng(0).integers(0, 256, (1, 2, 64, 64, 3)).astype(np.uint8)
    assert gradient_energy(noise.mean(1).astype(np.uint8), noise)[0] == pytest.approx(0.5**0.5, abs=0.03)


def test_landmark_error_is_zero_on_identical_points_and_in_percent_of_the_outer_eyes() -> None:
    _, points = draw_face()
    across = float(np.linalg.norm(points[36] - points[45]))
    assert landmark_error(points, points) == 0
    assert landmark_error(points + np.float32([0.03 * across, 0]), points) == pytest.approx(3.0, rel=1e-4)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        measured = bootstrap_mean(rng.normal(3.0, 1.0, 40))
        covered += measured.low <= 3.0 <= measured.high
    assert 0.88 <= covered / 200 <= 0.98


def test_the_interval_of_a_constant_is_a_point_and_unknown_pairs_are_left_out() -> None:
    measured = bootstrap_mean(np.array([2.0, np.nan, 2.0]))
    assert (measured.value, measured.low, measured.high) == (2.0, 2.0, 2.0)
    assert bootstrap_mean(np.full(3, np.nan)).text() == "–"
    assert bootstrap(lambda counts: float(counts.sum()), 7).value == 7


def test_the_identity_template_is_met_by_a_similarity() -> None:
    _, points = draw_face(roll=20)
    matrix = similarity(five_points(points), TEMPLATE)
    assert matrix[0, 0] == pytest.approx(matrix[1, 1]) and matrix[0, 1] == pytest.approx(-matrix[1, 0])
    angle = np.radians(30)
    turn = 2 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = TEMPLATE @ turn.T + (5, -3)
    np.testing.assert_allclose(similarity(TEMPLATE, moved), np.column_stack([turn, (5, -3)]), atol=1e-9)


def test_motion_of_even_steps_has_no_spread_and_of_one_jump_all_of_it() -> None:
    even = motion.motion(np.full(23, 0.01))
    assert (even.spread, even.peak) == (pytest.approx(0, abs=1e-9), pytest.approx(1))
    jump = motion.motion(np.eye(23)[0])
    assert jump.length == 1 and jump.peak == pytest.approx(23) and jump.spread == pytest.approx(22**0.5)
    assert motion.motion(np.zeros(23)).length == 0
