"""The arithmetic of the table of edits, on made-up judges."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.evaluate_attributes import Edited, Readings, background, chosen_signs, leakage, success
from training.judges import face_squares
from training.label_attributes import NAMES, auc, fit_logistic, fit_ridge
from training.train_attribute_editor import draw_changes


def edits(moves: list[list[float]], signs: list[float]) -> Edited:
    names = ("age", "smile")
    before = np.zeros((len(moves), 2))
    return Edited(np.arange(len(moves)), np.array(signs), Readings(names, before), Readings(names, before + moves))


def test_success_counts_moves_the_right_way_by_the_margin() -> None:
    share, move = success(edits([[0, 0.2], [0, 0.05], [0, -0.3], [0, -0.3]], [1, 1, 1, -1]), "smile")
    assert share == 0.5
    assert move == pytest.approx((0.2 + 0.05 - 0.3 + 0.3) / 4)
    assert success(edits([[2.9, 0], [3.1, 0]], [1, 1]), "age")[0] == 0.5


def test_leakage_is_in_deviations_of_each_judge() -> None:
    leak = leakage(edits([[5.0, 0.4], [-5.0, 0.4]], [1, 1]), "smile", np.array([10.0, 0.2]))
    assert leak == pytest.approx(0.5 / 2)


def test_edits_go_away_from_where_a_face_is() -> None:
    assert chosen_signs(np.array([0.2, 0.8]), "smile", 0.0).tolist() == [1, -1]
    assert chosen_signs(np.array([20.0, 60.0]), "age", 40.0).tolist() == [1, -1]


def test_background_looks_outside_only() -> None:
    before = np.full((1, 8, 8, 3), 100, np.uint8)
    after = before.copy()
    after[:, :4] = 0
    outside = np.zeros((1, 8, 8), bool)
    outside[:, 4:] = True
    assert background(before, after, outside) > 70
    assert background(before, after, ~outside) < 10


def test_auc_is_the_share_of_ordered_pairs() -> None:
    assert auc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]) == 0.75
    assert auc([1, 2, 3, 4], [False, False, True, True]) == 1.0


def test_squares_show_the_face() -> None:
    picture = torch.zeros(1, 3, 64, 64)
    picture[..., 20:44, 20:44] = 1
    points = torch.tensor([[[20 / 64, 20 / 64], [44 / 64, 44 / 64]]])
    square = face_squares(picture, points, 50)
    assert square.mean() == pytest.approx(1 / 1.25**2, abs=0.03)


def test_regressions_find_what_made_the_labels() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 5, generator=generator)
    x = x - x.mean(0)
    weight, bias = fit_ridge(x, 2 * x[:, 1] + 3, 1e-6)
    assert weight.tolist() == pytest.approx([0, 2, 0, 0, 0], abs=0.01)
    assert float(bias) == pytest.approx(3, abs=0.2)
    weight, _ = fit_logistic(x, x[:, 2] > 0)
    assert int(weight.abs().argmax()) == 2


def test_changes_stay_within_what_a_face_can_have() -> None:
    generator = torch.Generator().manual_seed(0)
    present = 2 * torch.rand(200, len(NAMES), generator=generator) - 1
    change = draw_changes(present, generator)
    assert ((present + change).abs() <= 1.001).all()
    assert (change.abs() > 0).sum(1).max() <= 3
    assert (change.abs() > 0).any(1).float().mean() > 0.9
