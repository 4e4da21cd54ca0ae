"""The head that comes with the project, and its checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from facemorph import checkpoint
from facemorph.errors import CheckpointMismatchError, CheckpointNotFoundError
from facemorph.head import MIRROR_ORDER, Head, HeadConfig, HeadModel, load_head
from facemorph.head.model import FOLDER

MIRROR = (-1, 1, 1)


def test_it_is_symmetric_and_in_its_frame(head: Head) -> None:
    np.testing.assert_allclose(head.points[MIRROR_ORDER] * MIRROR, head.points, atol=1e-3)
    np.testing.assert_allclose(head.surface[:, ::-1] * MIRROR, head.surface, atol=1e-3)
    np.testing.assert_allclose(head.front[:, ::-1], head.front, atol=1e-3)
    eyes = head.points[36:42].mean(0), head.points[42:48].mean(0)
    np.testing.assert_allclose(eyes[0] + eyes[1], 0, atol=2e-3)
    np.testing.assert_allclose(eyes[1] - eyes[0], (1, 0, 0), atol=2e-3)
    assert head.points[[48, 54], 2] == pytest.approx([0, 0], abs=2e-3)


def test_it_looks_like_a_head(head: Head) -> None:
    nose, chin, ears = head.points[30], head.points[8], head.points[[0, 16], 2]
    assert nose[2] == head.points[:, 2].max() == pytest.approx(0.7, abs=0.1)
    assert chin[1] == pytest.approx(1.75, abs=0.15)
    assert (ears < -0.7).all()
    assert head.front.min() == 0
    assert head.front.max() == 1
    distance = np.linalg.norm(head.surface.reshape(-1, 1, 3) - head.points[17:], axis=-1).min(0)
    assert distance.max() < 0.06  # lips part where the surface has none


def test_it_has_one_point_in_every_direction(head: Head) -> None:
    """Star-shaped: triangles seen from inside never turn over."""
    corners = head.surface.reshape(-1, 3)[head.triangles] - np.array([0, 0.45, -0.95], np.float32)
    assert head.triangles.shape == (2 * 120 * 120, 3)
    assert (np.linalg.det(corners.astype(np.float64)) > 0).all()


def test_its_checkpoint_is_small(head: Head) -> None:
    assert {file.name for file in FOLDER.iterdir()} == {"config.json", "model.safetensors", "README.md"}
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 130_000


def test_save_and_load(tmp_path: Path) -> None:
    config = HeadConfig(rows=4, columns=5)
    model = HeadModel(config)
    for value in model.buffers():
        value.copy_(torch.arange(value.numel()).reshape(value.shape))
    checkpoint.save(tmp_path, model, config)
    loaded = load_head(tmp_path)
    assert loaded.surface.shape == (4, 5, 3)
    assert loaded.triangles.shape == (2 * 3 * 4, 3)
    np.testing.assert_array_equal(loaded.points, model.points.numpy())


def test_a_missing_and_a_wrong_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=r"config\.json is missing"):
        load_head(tmp_path)
    checkpoint.save(tmp_path, HeadModel(HeadConfig(4, 5)), HeadConfig(4, 7))
    with pytest.raises(CheckpointMismatchError, match="surface is"):
        load_head(tmp_path)


@pytest.mark.parametrize(("rows", "columns"), [(1, 5), (4, 2), (4, 6)])
def test_a_grid_that_has_no_middle_column(rows: int, columns: int) -> None:
    with pytest.raises(ValueError, match="odd number of columns"):
        HeadConfig(rows, columns)


def test_a_coarse_head_is_the_same_head(head: Head) -> None:
    coarse = head.coarse
    assert coarse.surface.shape == (61, 61, 3)
    assert np.array_equal(coarse.surface, head.surface[::2, ::2])
    assert np.allclose(coarse.surface[:, ::-1] * (-1, 1, 1), coarse.surface, atol=1e-6)
    assert len(coarse.triangles) == 2 * 60 * 60
    assert coarse is head.coarse
