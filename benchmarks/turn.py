"""Judge heads that `FaceMorpher.turn` turned, on people that no model was trained on.

    python -m benchmarks.turn --data ../shared/data --weights ../shared/weights

One photo of each person, turned by 15° to both sides, 256 px. Identity (`judges.identity`, MobileFaceNet): the cosine
between the turned face and the photo. Yaw: by how much our aligner reads more turn from the result than was asked for,
counted from the pose that it read from the photo; negative where the turn falls short. The row 0° is the photo itself,
read at the same size: what the reading alone errs by. Means stand with their 95 % bootstrap interval.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.measures.noise import bootstrap_mean
from benchmarks.people import People, Person
from facemorph import FaceMorpher
from facemorph.align.crop import invert_matrix, transform_points
from facemorph.errors import NoFaceFoundError
from judges.crops import scaled_landmarks, shrink
from judges.identity import Embed, load_identity

SIZE = 256
TURNS = (-15.0, 0.0, 15.0)
"""Degrees of yaw."""
SAME, NEAR = 0.85, 3.0
"""Cosine from which a face counts as the same, and degrees within which a yaw counts as right."""
HEADER = (
    "Turned by",
    "People",
    "Lost",
    "Identity",
    f"≥ {SAME}",
    "Lowest",
    "Yaw's mean error °",
    "Mean absolute error °",
)
HEADER += (f"Within {NEAR:.0f}°",)


@dataclass(frozen=True)
class Verdict:
    """What was measured of one turned face; NaN where no face was found in it, or no head explains it.

    Attributes:
        identity: cosine to the photo.
        error: degrees of yaw that it was turned further than asked, negative where it falls short; of the photo itself,
            further to the viewer's right.
    """

    identity: float
    error: float


LOST = Verdict(np.nan, np.nan)


def judge(person: Person, yaw: float, morpher: FaceMorpher, embed: Embed) -> Verdict:
    """Turn one face and measure the result."""
    face = person.face
    turned = morpher.turn(face, yaw, 0.0, SIZE)
    try:
        found = morpher.align(turned)
    except NoFaceFoundError:
        return LOST
    if not found.pose.told:
        return LOST
    marked = transform_points(invert_matrix(found.matrix), found.landmarks)
    own = embed(shrink(face.image, SIZE), scaled_landmarks(face, SIZE))
    error = (found.pose.yaw - face.pose.yaw - yaw) * (-1 if yaw < 0 else 1)
    return Verdict(float(own @ embed(turned, marked)), error)


def row(title: str, verdicts: list[Verdict]) -> str:
    """Return the table's row of the same turn of all people."""
    identity, error = (np.array([getattr(verdict, name) for verdict in verdicts]) for name in ("identity", "error"))
    known = np.isfinite(identity)
    cells = [title, str(len(verdicts)), str(int((~known).sum())), bootstrap_mean(identity).text(3)]
    cells += [_part(identity[known] >= SAME), f"{identity[known].min():.3f}" if known.any() else "–"]
    cells += [bootstrap_mean(error).text(1, "+"), bootstrap_mean(np.abs(error)).text(1)]
    cells.append(_part(np.abs(error[known]) <= NEAR))
    return f"| {' | '.join(cells)} |"


def table(verdicts: dict[float, list[Verdict]]) -> str:
    """Return the whole table: a row for each turn, and one for all but 0°."""
    lines = [f"| {' | '.join(HEADER)} |", f"|{'---|' * len(HEADER)}"]
    lines += [row(f"{yaw:+.0f}°" if yaw else "0°, the photo", own) for yaw, own in verdicts.items()]
    return "\n".join([*lines, row("both sides", [verdict for yaw, own in verdicts.items() if yaw for verdict in own])])


def _part(flags: npt.NDArray[np.bool_]) -> str:
    return f"{flags.mean():.0%}" if len(flags) else "–"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of photos")
    parser.add_argument("--weights", type=Path, required=True, help="folder of the judges' weights")
    parser.add_argument("--people", type=int, default=60, help="how many, an even number")
    parser.add_argument("--split", choices=("validation", "training"), default="validation")
    args = parser.parse_args()
    embed = load_identity(args.weights)
    if embed is None:
        parser.error("identity needs onnxruntime and MobileFaceNet in the folder of weights")
    morpher = FaceMorpher.from_checkpoint(aligner="builtin")
    drawn = [person for pair in People(args.data, args.split, morpher).pairs(args.people // 2) for person in pair]
    people = [person for person in drawn if person.face.pose.told]
    print(
        f"{len(people)} people of the {args.split} split; {len(drawn) - len(people)} left out, whom no head explains\n"
    )
    print(table({yaw: [judge(person, yaw, morpher, embed) for person in people] for yaw in TURNS}))


if __name__ == "__main__":
    main()
