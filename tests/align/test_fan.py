"""The face-alignment backend, without its weights and without a network."""

from __future__ import annotations

import sys
import types
import urllib.error
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facemorph.align.fan import WEIGHTS, FanBackend, weights_on_disk
from facemorph.errors import AlignmentError
from tests.align.conftest import PlaceFace


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty torch hub folder."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def package(monkeypatch: pytest.MonkeyPatch, factory: Any) -> None:
    """Put a stand-in for face-alignment where it is imported from."""
    module = types.ModuleType("face_alignment")
    module.LandmarksType = types.SimpleNamespace(TWO_D=1)  # type: ignore[attr-defined]
    module.FaceAlignment = factory  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "face_alignment", module)


def test_weights_are_on_disk_only_when_both_files_are(hub: Path) -> None:
    assert not weights_on_disk()
    (hub / WEIGHTS[0]).touch()
    assert not weights_on_disk()
    (hub / WEIGHTS[1]).touch()
    assert weights_on_disk()


def test_the_weight_files_are_those_of_the_package() -> None:
    pytest.importorskip("face_alignment")
    from face_alignment import api
    from face_alignment.detection.sfd import sfd_detector

    urls = api.models_urls["2DFAN-4"], sfd_detector.models_urls["s3fd"]
    assert tuple(url.rsplit("/", 1)[1] for url in urls) == WEIGHTS


def test_without_weights_and_network(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    package(monkeypatch, offline)
    with pytest.raises(
        AlignmentError, match=r"cannot load its weights \(2DFAN4.*s3fd.*Connect to the network.*'builtin'"
    ):
        FanBackend.load()


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "face_alignment", None)
    with pytest.raises(AlignmentError, match=r"needs the package face-alignment.*pip install face-alignment"):
        FanBackend.load()


def test_the_package_s_answer_becomes_detected_faces(monkeypatch: pytest.MonkeyPatch, mean_face_at: PlaceFace) -> None:
    points = mean_face_at(50, 60, 20)

    class Network:
        def __init__(self, kind: int, **options: object) -> None:
            assert (kind, options) == (1, {"device": "cpu", "flip_input": False, "compile": False})
            self.face_detector = types.SimpleNamespace(detect_from_image=self.boxes)

        def boxes(self, image: np.ndarray) -> list[np.ndarray]:
            return [np.array([20, 20, 90, 110, 0.75])] if image.any() else []

        def get_landmarks_from_image(self, image: np.ndarray, detected_faces: list[np.ndarray]) -> list[np.ndarray]:
            return [points for _ in detected_faces]

    package(monkeypatch, Network)
    backend = FanBackend.load()
    assert backend.find(np.zeros((120, 120, 3), np.uint8)) == []
    (face,) = backend.find(np.ones((120, 120, 3), np.uint8))
    np.testing.assert_allclose(face.landmarks, points)
    np.testing.assert_allclose(face.bbox, (*points.min(0), *points.max(0)))
    assert face.score == 0.75
