"""The checkpoints that come with the project: silent on what is no face, and good enough on people they never saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from skimage import data as pictures

from facemorph.align import Aligner, canonical_landmarks, load_landmark_network
from facemorph.align.builtin import LANDMARKS
from facemorph.errors import NoFaceFoundError
from facemorph.images import to_tensor

Picture = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def aligner(shipped: Path) -> Aligner:
    return Aligner.load("builtin", checkpoints=shipped)


def read(path: Path) -> Picture:
    return np.asarray(Image.open(path).convert("RGB"))


def rgb(picture: Picture) -> Picture:
    return np.ascontiguousarray(
        np.broadcast_to(picture[..., None], (*picture.shape, 3)) if picture.ndim == 2 else picture
    )


def test_both_checkpoints_stay_under_3_megabytes(shipped: Path) -> None:
    files = [file for folder in shipped.glob("aligner-*") for file in folder.iterdir()]
    assert {file.name for file in files} == {"config.json", "model.safetensors", "README.md"}
    assert sum(file.stat().st_size for file in files if file.suffix != ".md") < 3_000_000


@pytest.mark.parametrize("name", ["brick", "grass", "gravel", "coffee", "chelsea", "rocket", "text"])
def test_no_face_in_textures_things_and_a_cat(aligner: Aligner, name: str) -> None:
    with pytest.raises(NoFaceFoundError):
        aligner.align(rgb(getattr(pictures, name)()))


def test_no_face_in_a_plain_picture_and_in_noise(aligner: Aligner) -> None:
    assert aligner.detect(np.full((300, 400, 3), 127, np.uint8)) == []
    assert aligner.detect(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)) == []


def test_the_astronaut_is_found_at_any_size_and_mirrored(aligner: Aligner) -> None:
    photo = np.ascontiguousarray(pictures.astronaut())
    (face,) = aligner.detect(photo)
    eyes = np.stack([face.landmarks[36:42].mean(0), face.landmarks[42:48].mean(0)])
    apart = np.linalg.norm(eyes[1] - eyes[0])
    (mirrored,) = aligner.detect(np.ascontiguousarray(photo[:, ::-1]))
    swapped = np.stack([mirrored.landmarks[42:48].mean(0), mirrored.landmarks[36:42].mean(0)]) * (-1, 1) + (511, 0)
    assert np.linalg.norm(swapped - eyes, axis=1).max() < 0.1 * apart
    large = np.asarray(Image.fromarray(photo).resize((1500, 1500)))
    (magnified,) = aligner.detect(large)
    np.testing.assert_allclose(magnified.landmarks * 512 / 1500, face.landmarks, atol=0.08 * apart)


def test_the_astronaut_is_aligned_upright_when_turned(aligner: Aligner) -> None:
    turned = np.asarray(Image.fromarray(pictures.astronaut()).rotate(30, fillcolor=(128, 128, 128)))
    face = aligner.align(turned)
    left, right = face.landmarks[36:42].mean(0), face.landmarks[42:48].mean(0)
    roll = np.degrees(np.arctan2(face.matrix[1, 0], face.matrix[0, 0]))
    assert abs(right[1] - left[1]) < 1
    assert roll == pytest.approx(30, abs=8)


def test_the_astronaut_and_her_mirror_image_are_turned_to_opposite_sides(aligner: Aligner) -> None:
    photo = np.ascontiguousarray(pictures.astronaut())
    pose, mirrored = (aligner.align(pixels).pose for pixels in (photo, np.ascontiguousarray(photo[:, ::-1])))
    assert pose.told
    assert mirrored.told
    assert pose.yaw == pytest.approx(-mirrored.yaw, abs=5)
    assert pose.pitch == pytest.approx(mirrored.pitch, abs=5)


def test_canonical_landmarks_agree_with_the_aligner(aligner: Aligner, shipped: Path) -> None:
    face = aligner.align(np.ascontiguousarray(pictures.astronaut()))
    network = load_landmark_network(shipped / LANDMARKS).requires_grad_(False)
    marks = canonical_landmarks(network, to_tensor(face.image))[0].numpy()
    assert np.linalg.norm(marks - face.landmarks, axis=1).mean() < 0.05 * 0.27 * 512


def test_people_never_seen_are_found(aligner: Aligner, data: Path) -> None:
    for path in sorted((data / "london").glob("*_neutral.jpg"))[:8]:
        (face,) = aligner.detect(read(path))
        width, height = face.bbox[2:] - face.bbox[:2]
        assert face.score > 0.6
        assert 0.7 < width / height < 1.4
        assert abs(aligner.align(read(path)).pose.yaw) < 8
