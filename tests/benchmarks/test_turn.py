"""The table of turned heads: which way an error points, and faces that are lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.people import Person
from benchmarks.turn import HEADER, LOST, Verdict, judge, row, table
from facemorph import AlignedFace, FaceMorpher
from facemorph.errors import NoFaceFoundError
from facemorph.head import UNTOLD, HeadPose
from tests.drawn import draw_face
from training.data.photos import Photo

OWN_YAW = 4.0


class Turning:
    """Turns a head by 12° to the side that is asked for, however far that is."""

    def __init__(self, face: AlignedFace) -> None:
        self.face, self.asked, self.reads = face, 0.0, True

    def turn(self, face: AlignedFace, yaw: float, pitch: float, size: int) -> npt.NDArray[np.uint8]:
        self.asked = yaw
        return face.image[:: 512 // size, :: 512 // size]

    def align(self, picture: npt.NDArray[np.uint8]) -> AlignedFace:
        if not self.reads:
            raise NoFaceFoundError("No face found.")
        return replace(self.face, pose=HeadPose(OWN_YAW + 12 * np.sign(self.asked), told=True))


@pytest.fixture
def person(tiny_morpher: FaceMorpher) -> Person:
    face = replace(tiny_morpher.align(draw_face()[0]), pose=HeadPose(OWN_YAW, told=True))
    return Person(Photo("lfw", "a.jpg", "lfw/a"), face)


def embed(picture: npt.NDArray[np.uint8], landmarks: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return np.array([0.6, 0.8])


@pytest.mark.parametrize(("yaw", "error"), [(15, -3), (-15, -3), (10, 2), (-10, 2), (0, 0)])
def test_a_turn_that_falls_short_is_negative_on_both_sides(person: Person, yaw: float, error: float) -> None:
    verdict = judge(person, yaw, Turning(person.face), embed)  # type: ignore[arg-type]
    assert (verdict.identity, verdict.error) == (pytest.approx(1), pytest.approx(error))


def test_a_face_that_is_not_found_is_lost(person: Person) -> None:
    turning = Turning(person.face)
    turning.reads = False
    assert judge(person, 15, turning, embed) == LOST  # type: ignore[arg-type]
    turning = Turning(replace(person.face, pose=UNTOLD))
    turning.align = lambda picture: turning.face  # type: ignore[method-assign]
    assert judge(person, 15, turning, embed) == LOST  # type: ignore[arg-type]


def test_the_table_counts_the_lost_and_measures_the_others() -> None:
    verdicts = [Verdict(0.9, -2.0), Verdict(0.8, 4.0), LOST]
    cells = [cell.strip() for cell in row("+15°", verdicts).strip("|").split("|")]
    assert len(cells) == len(HEADER)
    assert cells[:3] == ["+15°", "3", "1"]
    assert cells[3].startswith("0.850 [")
    assert cells[4:6] == ["50%", "0.800"]
    assert cells[6].startswith("+1.0 [") and cells[7].startswith("3.0 [")
    assert cells[8] == "50%"
    assert row("all", [LOST]).count("–") == 6


def test_both_sides_leave_the_photos_out() -> None:
    lines = table({-15.0: [Verdict(0.8, -1.0)], 0.0: [Verdict(1.0, 0.0)], 15.0: [Verdict(0.9, 1.0)]}).splitlines()
    assert len(lines) == 6
    assert lines[-1].startswith("| both sides | 2 | 0 | 0.850 [")
