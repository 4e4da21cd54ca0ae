"""The arithmetic of judging edits with a fake editor and judge, the judges that are fitted, and the labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from facemorph import AlignedFace
from facemorph.errors import NoFaceFoundError
from tests.drawn import draw_face
from training.attributes import classifiers as judges
from training.attributes.classifiers import FITTED, FittedJudge, Labelled, face_squares, join, worth
from training.attributes.label import NAMES, auc, fit_logistic, fit_ridge
from training.editor import evaluate as evaluate_attributes
from training.editor.evaluate import SIZE, Bench, make_edits, prepare_subjects, print_tables, row_of
from training.editor.measures import (
    CEILING,
    Edited,
    directions,
    landmark_error,
    landmark_errors,
    leakage,
    moves,
    psnr,
    succeeds,
)

SMILE, AGE, HAT = (NAMES.index(name) for name in ("smile", "age", "hat"))


def edited(signs: list[float], moved: dict[int, list[float]]) -> Edited:
    before = np.full((len(signs), len(NAMES)), 0.4)
    after = before.copy()
    for column, by in moved.items():
        after[:, column] += by
    return Edited(np.arange(len(signs)), np.array(signs), before, after)


def test_success_needs_the_margin_and_the_right_way() -> None:
    of = edited([1, 1, -1, -1], {SMILE: [0.2, 0.05, -0.2, 0.2]})
    assert succeeds(of, "smile").tolist() == [True, False, True, False]
    assert moves(of, "smile").mean() == pytest.approx((0.2 + 0.05 + 0.2 - 0.2) / 4)


def test_age_succeeds_by_years() -> None:
    assert succeeds(edited([1, 1], {AGE: [2.9, 3.1]}), "age").tolist() == [False, True]


def test_leakage_is_in_deviations_and_a_part_of_the_targets_move() -> None:
    spread = np.ones(len(NAMES))
    spread[SMILE], spread[AGE] = 0.5, 10
    leaks = leakage(edited([1, -1], {SMILE: [0.4, -0.4], AGE: [2, -2]}), "smile", spread)
    assert leaks["age"] == pytest.approx((2 / 10) / (0.4 / 0.5))
    assert leaks["hat"] == 0
    assert "smile" not in leaks and len(leaks) == len(NAMES) - 1


def test_leakage_counts_moves_that_cancel() -> None:
    of = edited([1, 1], {SMILE: [0.4, 0.4], HAT: [0.2, -0.2]})
    assert leakage(of, "smile", np.ones(len(NAMES)))["hat"] == pytest.approx(0.5)


def test_leakage_of_an_edit_that_goes_the_wrong_way_is_infinite() -> None:
    assert leakage(edited([1], {SMILE: [-0.4]}), "smile", np.ones(17))["hat"] == float("inf")


def test_faces_are_edited_away_from_where_they_are_and_age_goes_both_ways() -> None:
    index, signs = directions(np.array([0.2, 0.9]), "glasses")
    assert (index.tolist(), signs.tolist()) == ([0, 1], [1, -1])
    index, signs = directions(np.array([20.0, 60.0]), "age")
    assert (index.tolist(), signs.tolist()) == ([0, 1, 0, 1], [1, 1, -1, -1])


def test_psnr_looks_only_where_it_is_told() -> None:
    a = np.zeros((4, 4, 3), np.uint8)
    b = a.copy()
    b[0] = 255
    where = np.zeros((4, 4), bool)
    where[1:] = True
    assert psnr(a, b, where) == CEILING
    assert psnr(a, b) == pytest.approx(10 * np.log10(4))


def face(skin: int = 150) -> AlignedFace:
    picture, landmarks = draw_face((512, 512), eye_distance=120, skin=(skin, skin, skin))
    inside = np.ones((512, 512), bool)
    return AlignedFace(picture, landmarks, np.eye(2, 3, dtype=np.float32), inside, "builtin", 1)


def test_landmark_error_undoes_the_crop_and_is_relative_to_the_eyes() -> None:
    one = face()
    eyes = np.linalg.norm(one.landmarks[36:42].mean(0) - one.landmarks[42:48].mean(0))
    turned = np.array([[0, -2, 30], [2, 0, -7]], np.float32)
    found = replace(one, matrix=turned, landmarks=(one.landmarks + np.array([3, 4])) @ turned[:, :2].T + turned[:, 2])
    assert landmark_error(lambda _: found, one.image, one.landmarks) == pytest.approx(100 * 5 / eyes, rel=1e-3)


def test_pictures_without_a_face_are_counted() -> None:
    def align(picture: np.ndarray) -> AlignedFace:
        if picture.max() == 0:
            raise NoFaceFoundError("nobody")
        return face()

    one = face()
    pictures = np.stack([one.image, np.zeros_like(one.image)])
    error, lost = landmark_errors(align, pictures, np.stack([one.landmarks] * 2))
    assert (round(error, 4), lost) == (0, 1)


def brightness(pictures: torch.Tensor, _: torch.Tensor) -> np.ndarray:
    """Judge smiles by brightness, age by ten times the red over the green, everything else never."""
    scores = np.zeros((len(pictures), len(NAMES)))
    scores[:, SMILE] = pictures.mean((1, 2, 3))
    scores[:, AGE] = 10 * (pictures[:, 0] - pictures[:, 1]).mean((1, 2))
    return scores


def brighten(red: int) -> evaluate_attributes.Edit:
    """Return an editor that adds up to 50 levels, and `red` more to red, but not in the upper half."""

    def edit(of: AlignedFace, strengths: dict[str, float]) -> np.ndarray:
        picture = of.image[::2, ::2].astype(float)
        picture[SIZE // 2 :] += 50 * sum(strengths.values())
        picture[SIZE // 2 :, :, 0] += red * sum(strengths.values())
        return picture.clip(0, 255).round().astype(np.uint8)

    return edit


def bench_of(edit: evaluate_attributes.Edit) -> Bench:
    embed = lambda picture, _: np.array([1.0, 0.0])  # noqa: E731
    return Bench(edit, brightness, embed, lambda _: face(), same=0.5)


@pytest.fixture
def subjects() -> evaluate_attributes.Subjects:
    def upper(x: torch.Tensor) -> torch.Tensor:
        mask = torch.ones(1, 1, 64, 64)
        mask[:, :, :16] = 0
        return mask

    grey = [replace(face(), image=np.full((512, 512, 3), level, np.uint8)) for level in (60, 100, 160)]
    return prepare_subjects(grey, brightness, upper)


def test_subjects_hold_the_photo_its_landmarks_and_its_background(subjects: evaluate_attributes.Subjects) -> None:
    assert (subjects.pictures[1] == 100).all()
    assert np.allclose(subjects.points[0], (subjects.faces[0].landmarks + 0.5) / 2 - 0.5, atol=1e-4)
    assert subjects.outside[0, : SIZE // 8].all() and not subjects.outside[0, SIZE // 2 :].any()
    assert np.allclose(subjects.scores[:, SMILE], np.array([60, 100, 160]) / 255, atol=1e-6)


def test_an_editor_that_brightens_succeeds_where_brightness_is_judged(subjects: evaluate_attributes.Subjects) -> None:
    of, _, milliseconds = make_edits(bench_of(brighten(0)), subjects, "smile", 0.8)
    assert of.signs.tolist() == [1, 1, -1]
    assert moves(of, "smile") == pytest.approx(20 / 255, abs=1e-3)  # 40 levels in half the picture
    assert not succeeds(of, "smile").any() and milliseconds > 0
    far, _, _ = make_edits(bench_of(brighten(0)), subjects, "smile", 1.6)
    assert succeeds(far, "smile").all()
    assert leakage(far, "smile", subjects.scores.std(0))["age"] == 0


def test_what_the_editor_does_to_another_score_is_its_leakage(subjects: evaluate_attributes.Subjects) -> None:
    of, _, _ = make_edits(bench_of(brighten(20)), subjects, "smile", 0.8)
    spread = np.ones(len(NAMES))
    target = (20 + 8 / 3) / 255  # red adds 16 levels in half the picture and a third of the channels
    assert leakage(of, "smile", spread)["age"] == pytest.approx(10 * 8 / 255 / target, rel=0.02)


def test_a_row_states_shares_counts_margin_and_what_is_kept(subjects: evaluate_attributes.Subjects) -> None:
    cells = row_of("smile", bench_of(brighten(0)), subjects, 1.6).strip("| ").split(" | ")
    assert cells[:5] == ["smile", "100 % (3)", "100 % (2)", "100 % (1)", "0.1"]
    assert cells[8:11] == ["2.00", f"{CEILING:.1f}", f"{CEILING:.1f}"]  # cosine 1 over 0.5; nothing changes up there


def test_the_tables_say_that_strength_0_changes_nothing(
    subjects: evaluate_attributes.Subjects, capsys: pytest.CaptureFixture[str]
) -> None:
    print_tables(("smile", "age"), bench_of(brighten(0)), subjects, 0.8)
    printed = capsys.readouterr().out
    assert "99.0 dB, lowest 99.0" in printed
    assert printed.count("\n| ") == 3
    assert {line.count("|") for line in printed.splitlines() if line.startswith("|")} == {15}


def labelled(count: int = 24) -> Labelled:
    generator = torch.Generator().manual_seed(0)
    crops = torch.randint(0, 120, (count, 3, 128, 128), generator=generator, dtype=torch.uint8)
    values = np.full((count, len(NAMES)), -1, np.float32)
    values[::2] = 1
    crops[::2] += 100
    return Labelled(crops, torch.rand(count, 68, 2, generator=generator), values)


class Stages(torch.nn.Module):
    """Takes AlexNet's place: brightness and its square in the stages that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.scaling_layer = torch.nn.Identity()
        self.fits = 0

    def net(self, x: torch.Tensor) -> list[torch.Tensor]:
        self.fits += 1
        small = F.avg_pool2d(x, 16)
        return [small, small, small, small, small.square()]


def test_a_fitted_judge_tells_its_classes_apart_and_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    networks = [Stages(), Stages()]
    waiting = iter(networks)
    monkeypatch.setattr(judges, "load_lpips", lambda *_: next(waiting))
    known = labelled()
    first = FittedJudge(tmp_path, known, tmp_path / "cache")
    scores = first(known.crops.float() / 255)
    assert scores.shape == (24, len(FITTED))
    assert scores[::2].min() > 0.5 > scores[1::2].max()
    second = FittedJudge(tmp_path, known, tmp_path / "cache")
    assert networks[1].fits == 0
    assert np.array_equal(second(known.crops.float() / 255), scores)


def test_other_labels_are_fitted_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "load_lpips", lambda *_: Stages())
    known = labelled()
    FittedJudge(tmp_path, known, tmp_path)
    turned = FittedJudge(tmp_path, replace(known, values=-known.values), tmp_path)
    assert len(list(tmp_path.glob("fitted-*.pt"))) == 2
    assert turned(known.crops.float() / 255)[0, 0] < 0.5


def test_the_joint_judge_keeps_the_order_of_names() -> None:
    joint = join(lambda x, _: np.tile([40.0, 0.2, 0.7], (len(x), 1)), lambda x: np.tile(np.arange(14.0), (len(x), 1)))
    scores = joint(torch.rand(40, 3, 64, 64), torch.rand(40, 68, 2))
    assert scores.shape == (40, len(NAMES))
    assert dict(zip(NAMES, scores[39], strict=True)) == {
        "age": 40.0,
        "gender": 0.2,
        "smile": 0.7,
        **{name: float(k) for k, name in enumerate(FITTED)},
    }


def test_worth_compares_with_labels() -> None:
    known = labelled()
    known.values[:, AGE] = np.linspace(-1, 1, 24)
    answers = (known.values + 1) / 2
    answers[:, AGE] = np.linspace(0, 80, 24) + 3
    rows = {row[0]: row[1:] for row in worth(lambda *_: answers.astype(float), known, known)}
    assert rows["smile"] == ("AUC 1.00", "12 of 24 of CelebA have it")
    assert rows["age"][0].startswith("error 2.9 years")  # the last one is capped at 80


def test_face_squares_frame_the_landmarks() -> None:
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    points = torch.tensor([[[0.4, 0.4], [0.6, 0.6]]])
    square = face_squares(ramp, points, 10)
    half = judges.AROUND * 0.2 / 2 * 0.9  # from the centre to the centre of the outermost pixel
    assert square[0, 0, 0, [0, -1]].tolist() == pytest.approx([0.5 - half, 0.5 + half], abs=0.01)


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
