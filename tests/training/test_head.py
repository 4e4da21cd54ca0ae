"""The mean head's making, on made people: structure from motion, the dense surface, and what evaluation counts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from facemorph.head import MIRROR_ORDER, Head, HeadFit, load_head
from facemorph.head.fit import rotations
from training.data.photos import Photo
from training.data.split import is_validation
from training.head import surface
from training.head.evaluate import by_turn, poses, spread
from training.head.motion import crude_points, normalised, structure_from_motion
from training.head.points import training_photos

Array = npt.NDArray[np.float64]
MIRROR = (-1, 1, 1)


@pytest.fixture(scope="module")
def head() -> Head:
    return load_head()


def project(points: npt.ArrayLike, yaw: Array, pitch: Array) -> Array:
    """Return (N, 68, 2) landmarks of heads of 80 px turned by (N,) degrees."""
    turned = np.asarray(points) @ rotations(yaw, pitch, 0 * yaw).transpose(0, 2, 1)
    return 80 * turned[..., :2] + 100


def test_normalised_points_are_in_the_heads_frame() -> None:
    turned = crude_points() @ rotations(np.zeros(1), np.array([20.0]), np.zeros(1))[0].T * 3 + (5, 2, -1)
    np.testing.assert_allclose(normalised(turned), crude_points(), atol=1e-9)
    assert normalised(turned)[[48, 54], 2] == pytest.approx([0, 0], abs=1e-9)
    assert normalised(turned)[8, 1] > 1  # not upside down


def test_structure_from_motion_finds_the_head_that_was_photographed(
    head: Head, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    truth = head.points * (1.0, 1.05, 1.2)
    yaw, pitch = rng.uniform(-40, 40, 300), rng.uniform(-15, 15, 300)
    landmarks = project(truth, yaw, pitch) + rng.normal(0, 1, (300, 68, 2))
    points, found = structure_from_motion(landmarks, rounds=12)
    np.testing.assert_allclose(points, normalised(truth), atol=0.05)
    np.testing.assert_allclose(points[MIRROR_ORDER] * MIRROR, points, atol=1e-9)
    assert np.median(found.rest) < 0.03
    assert "round 11" in capsys.readouterr().out


def test_the_mean_of_turned_meshes_is_the_mesh() -> None:
    rng = np.random.default_rng(0)
    mesh = rng.normal(size=(40, 3))
    turns = rotations(rng.uniform(-60, 60, 9), rng.uniform(-30, 30, 9), rng.uniform(-30, 30, 9))
    meshes = mesh @ turns.transpose(0, 2, 1) * rng.uniform(1, 5, (9, 1, 1)) + rng.normal(size=(9, 1, 3))
    mean = surface.mean_mesh(meshes)
    back = surface.best_rotations(mesh - mesh.mean(0), mean[None])[0]
    centred = mesh - mesh.mean(0)
    np.testing.assert_allclose(mean @ back.T, centred / np.linalg.norm(centred), atol=1e-6)


def test_a_mesh_is_set_upright_and_pulled_to_the_points(head: Head) -> None:
    points = head.points.astype(np.float64)
    between = (points[:-1] + points[1:]) / 2
    mesh = np.concatenate([points, between]) * (1, 1.02, 0.9)
    turn = rotations(np.array([50.0]), np.array([10.0]), np.array([-70.0]))[0]
    upright = surface.upright(7 * mesh @ turn.T + 3, np.arange(68), points)
    assert np.linalg.norm(upright[:68] - points, axis=1).mean() < 0.1
    pulled = surface.pulled_to(upright, np.arange(68), points)
    np.testing.assert_allclose(pulled[:68], points, atol=0.01)


def test_the_surface_meets_the_mesh_and_becomes_the_skull_behind() -> None:
    rng = np.random.default_rng(0)
    azimuth, elevation = np.radians(rng.uniform(-50, 50, 400)), np.radians(rng.uniform(-40, 40, 400))
    rays = surface.directions(azimuth, elevation)
    mesh = surface.CENTRE + rays * 1.3 * surface.skull_radius(rays)[:, None]
    grid, front = surface.dense_surface(mesh, 31, 41)
    np.testing.assert_allclose(grid[:, ::-1] * MIRROR, grid, atol=1e-9)
    outwards = grid - surface.CENTRE
    radius = np.linalg.norm(outwards, axis=-1)
    ratio = radius / surface.skull_radius(outwards / radius[..., None])
    assert ratio[15, 20] == pytest.approx(1.3, abs=0.01)
    assert ratio[15, 0] == pytest.approx(1.0, abs=0.05)
    assert front[15, 20] == 1
    assert front[15, 0] == 0
    np.testing.assert_allclose(outwards / radius[..., None], surface.directions(*surface.grid_directions(31, 41)))


def test_the_grid_is_denser_in_front() -> None:
    azimuth, elevation = surface.grid_directions(5, 121)
    steps = np.degrees(np.diff(azimuth[0]))
    assert azimuth[0, 0] == pytest.approx(-azimuth[0, -1])
    assert steps[60] < 0.7 * steps.mean()
    assert steps[0] > steps[60]
    assert np.degrees(elevation[[0, -1], 0]) == pytest.approx(surface.ELEVATION)


def test_only_training_people_are_marked() -> None:
    photos = [Photo(source, f"{i}.jpg", f"{source}/{i}") for source in ("celeba", "utkface", "lfw") for i in range(300)]
    chosen = training_photos(photos)
    assert {photo.source for photo in chosen} == {"celeba", "lfw"}
    assert not any(is_validation(photo.person) for photo in chosen)
    assert 90 < sum(photo.source == "lfw" for photo in chosen) < 105


def test_a_row_holds_mean_deviation_and_worst() -> None:
    assert spread("some", np.array([1.0, -3.0, np.nan])) == "| some | 2 | -1.0 | 2.0 | 2.0 | 2.8 | 3.0 |"
    assert spread("none", np.array([np.nan])) == "| none | 0 | – | – | – | – | – |"
    rows = by_turn("x", np.ones(4), np.array([-5.0, 15, -35, np.nan]))
    assert [row.split("|")[2].strip() for row in rows] == ["4", "1", "1", "0", "1"]


def test_faces_that_are_missing_have_no_pose(head: Head) -> None:
    fit = HeadFit(rotations(*(np.array([x]) for x in (20.0, 0.0, 0.0)))[0], 50.0, np.zeros(2), 0.0, told=True)
    told = poses(head, [None, fit.project(head.points)[:, :2], np.zeros((68, 2))])
    assert np.isnan(told[[0, 2]]).all()
    assert told[1] == pytest.approx((20, 0, 0), abs=0.1)
