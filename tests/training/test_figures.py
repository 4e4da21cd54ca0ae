from __future__ import annotations

from facemorph import FaceMorpher
from training.figures import pictures


def test_the_pictures_are_of_faces_that_are_there() -> None:
    for name in {*pictures.SHOWN, *pictures.HARD, *pictures.EDITED}:
        assert (pictures.EXAMPLES / f"{name}.jpg").is_file()


def test_stages_are_shown_of_both_photos_until_they_are_joined(shipped_morpher: FaceMorpher) -> None:
    faces = [shipped_morpher.align(pictures.EXAMPLES / f"{name}.jpg") for name in pictures.SHOWN]
    shown = pictures.stages(shipped_morpher, *faces)
    assert [lower is None for _, _, lower in shown] == [False] * 4 + [True] * 2
    assert all(picture.std() > 0 for _, picture, _ in shown)
