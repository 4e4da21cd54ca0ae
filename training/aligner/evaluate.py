"""Measure the built-in aligner on people it never saw, and print the table of its checkpoints' READMEs.

    python -m training.aligner.evaluate --data ../shared/data

Portraits are the validation people of CelebA, LFW and UTKFace and all of the London Set, against the teacher's marks;
old snapshots are FG-NET, against points marked by hand; face-free pictures are the validation part of
`training.data.negatives`. A portrait counts as found where one of the faces has its 68 points within 15 % of the
distance between the eyes of the teacher's, on average; an FG-NET photo where the five hand-marked points lie within
25 % on average. Errors are means over the found photos, in percent of the distance between the eyes.
"""

from __future__ import annotations

import argparse
import io
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from facemorph.align import Aligner, DetectedFace
from facemorph.align.builtin import DETECTOR, LANDMARKS
from facemorph.checkpoint import CHECKPOINTS
from training.data.photo_pack import ARCHIVES
from training.data.split import is_validation

Picture = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

FOUND, FOUND_BY_HAND = 0.15, 0.25
FGNET_POINTS = [31, 36, 67, 48, 54]
PARTS = ("left eye", "right eye", "nose tip", "left mouth corner", "right mouth corner")


@dataclass
class Tally:
    """What was found in a set of photos.

    Attributes:
        errors: per photo (5,) distance of eye centres, nose tip, mouth corners over that between the eyes, or None.
        offsets: per found photo (5, 2), the same with direction, upright.
        extra: photos in which more than one face was reported.
        missed: names of the photos in which the face was not found.
    """

    errors: list[FloatArray] = field(default_factory=list)
    offsets: list[FloatArray] = field(default_factory=list)
    count: int = 0
    extra: int = 0
    missed: list[str] = field(default_factory=list)

    def line(self, name: str) -> str:
        """Return the set's row of the table."""
        part = 100 * len(self.errors) / max(self.count, 1)
        if not self.errors:
            return f"| {name} | {self.count} | {part:.1f} % | – | – | – | {self.extra} |"
        errors = 100 * np.stack(self.errors)
        eyes, nose, mouth = errors[:, :2].mean(), errors[:, 2].mean(), errors[:, 3:].mean()
        return f"| {name} | {self.count} | {part:.1f} % | {eyes:.1f} | {nose:.1f} | {mouth:.1f} | {self.extra} |"


def five_points(landmarks: FloatArray) -> FloatArray:
    """Reduce (68, 2) to eye centres, nose tip and mouth corners, (5, 2)."""
    eyes = [landmarks[36:42].mean(0), landmarks[42:48].mean(0)]
    return np.stack([*eyes, landmarks[30], landmarks[48], landmarks[54]]).astype(np.float32)


def add(tally: Tally, name: str, faces: list[DetectedFace], truth: FloatArray, tolerance: float) -> None:
    """Compare the faces of a photo with its marks: (68, 2) of the teacher, or (5, 2) by hand."""
    tally.count += 1
    tally.extra += len(faces) > 1
    five = five_points(truth) if len(truth) == 68 else truth
    apart = float(np.linalg.norm(five[1] - five[0]))
    best, nearest = np.inf, None
    for face in faces:
        points = face.landmarks if len(truth) == 68 else five_points(face.landmarks)
        distance = float(np.linalg.norm(points - truth, axis=1).mean()) / apart
        if distance < best:
            best, nearest = distance, face
    if nearest is None or best > tolerance:
        tally.missed.append(name)
        return
    offsets = (five_points(nearest.landmarks) - five) / apart
    across = (five[1] - five[0]) / apart
    upright = np.stack([offsets @ across, offsets @ np.array([-across[1], across[0]])], 1)
    tally.errors.append(np.linalg.norm(offsets, axis=1).astype(np.float32))
    tally.offsets.append(upright.astype(np.float32))


def portraits(data: Path, labels: Path, source: str, limit: int) -> Iterator[tuple[str, Picture, FloatArray]]:
    """Yield (name, photo, landmarks) of the validation people of one source."""
    archive = np.load(labels)
    rows = [i for i in np.flatnonzero(archive["source"] == source) if is_validation(str(archive["person"][i]))]
    names, landmarks = archive["name"], archive["landmarks"]
    step = max(1, len(rows) // limit) if limit else 1
    for row in rows[::step]:
        name = str(names[row])
        if source == "london":
            content = (data / "london" / name).read_bytes()
        else:
            with zipfile.ZipFile(data / ARCHIVES[source]) as files:
                content = files.read(name)
        yield name, np.asarray(Image.open(io.BytesIO(content)).convert("RGB")), landmarks[row]


def fgnet(data: Path) -> Iterator[tuple[str, Picture, FloatArray]]:
    """Yield (name, photo, five points by hand) of FG-NET."""
    with zipfile.ZipFile(data / "fgnet.zip") as files:
        names = files.namelist()
        photos = {Path(n).stem.lower(): n for n in names if Path(n).suffix.lower() in {".jpg", ".png", ".webp"}}
        for name in sorted(n for n in names if n.endswith(".pts")):
            photo = photos[Path(name).stem.lower()]
            points = np.array(files.read(name).decode().split(), np.float32).reshape(-1, 2)
            image = Image.open(io.BytesIO(files.read(photo))).convert("RGB")
            yield Path(photo).name, np.asarray(image), points[FGNET_POINTS]


def rolled(photo: Picture, landmarks: FloatArray, degrees: float) -> tuple[Picture, FloatArray]:
    """Turn a photo about its centre, clockwise to the viewer, enlarging the canvas; the corners become mid-gray."""
    image = Image.fromarray(photo)
    turned = image.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=(128, 128, 128))
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    old, new = (np.array([i.width - 1, i.height - 1]) / 2 for i in (image, turned))
    return np.asarray(turned), ((landmarks - old) @ turn + new).astype(np.float32)


def silence(aligner: Aligner, negatives: Path) -> tuple[int, dict[str, list[DetectedFace]]]:
    """Return how many face-free pictures there are, and the faces reported in them by name."""
    archive = np.load(negatives)
    indices = np.flatnonzero(archive["validation"])
    wrong = {}
    for index in indices:
        rgba = Image.fromarray(archive[f"picture_{index}"])
        plain = Image.new("RGBA", rgba.size, [(255, 255, 255, 255), (120, 150, 110, 255), (40, 40, 60, 255)][index % 3])
        faces = aligner.detect(np.asarray(Image.alpha_composite(plain, rgba).convert("RGB")))
        if faces:
            wrong[str(archive["names"][index])] = faces
    return len(indices), wrong


def milliseconds(aligner: Aligner, photos: list[Picture]) -> tuple[float, float]:
    """Return the median time of `Aligner.align` per photo: by the clock, and of the processor (all threads)."""
    for photo in photos[:3]:
        aligner.align(photo)
    times = []
    for photo in photos:
        start = time.perf_counter(), time.process_time()
        aligner.align(photo)
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    clock, processor = 1000 * np.median(times, axis=0)
    return float(clock), float(processor)


def report(aligner: Aligner, args: argparse.Namespace) -> None:
    """Print the table."""
    print("| Photos | Number | Found | Eyes | Nose tip | Mouth corners | With extra faces |")
    print("|---|---|---|---|---|---|---|")
    everyone, turned = Tally(), Tally()
    for source in ("celeba", "lfw", "london", "utkface"):
        tally = Tally()
        for name, photo, landmarks in portraits(args.data, args.labels, source, args.limit):
            add(tally, name, aligner.detect(photo), landmarks, FOUND)
            if source != "utkface" and tally.count % 4 == 0:
                degrees = 30.0 if tally.count % 8 else -30.0
                photo, landmarks = rolled(photo, landmarks, degrees)
                add(turned, f"{name} {degrees:+.0f}", aligner.detect(photo), landmarks, FOUND)
        print(tally.line(f"{source}, against the teacher"), flush=True)
        if source != "utkface":
            everyone.count += tally.count
            everyone.extra += tally.extra
            everyone.errors += tally.errors
        if args.verbose:
            print("  missed:", *tally.missed)
    print(everyone.line("**portraits** (celeba, lfw, london)"))
    print(turned.line("**portraits rolled by ±30°**"))
    old = Tally()
    for name, photo, points in fgnet(args.data):
        add(old, name, aligner.detect(photo), points, FOUND_BY_HAND)
    print(old.line("**FG-NET**, against marks by hand"), flush=True)
    if args.verbose:
        print("  missed:", *turned.missed, *old.missed)
    bias = 100 * np.stack(old.offsets).mean(0)
    text = "; ".join(f"{part} ({x:+.1f}, {y:+.1f})" for part, (x, y) in zip(PARTS, bias, strict=True))
    print(f"\nMean offset from the hand's marks, % of the eye distance (right, down): {text}")
    count, wrong = silence(aligner, args.negatives)
    print(
        f"Face-free pictures without a face: {count - len(wrong)} of {count} ({100 - 100 * len(wrong) / count:.1f} %)"
    )
    for name, faces in wrong.items():
        print(f"  wrong: {name} score {faces[0].score:.2f} box {faces[0].bbox.round()}")
    large = [photo for _, photo, _ in portraits(args.data, args.labels, "london", 30)]
    clock, processor = milliseconds(aligner, large)
    print(f"Aligning a photo of {max(large[0].shape)} px: {clock:.0f} ms by the clock, {processor:.0f} ms of processor")
    print(f"({torch.get_num_threads()} threads; on a busy machine only the second figure means something)")


def main() -> None:
    """Evaluate the checkpoints the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--labels", type=Path, default=Path("packed/labels.npz"))
    parser.add_argument("--negatives", type=Path, default=Path("packed/negatives.npz"))
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS)
    parser.add_argument("--limit", type=int, default=0, help="photos per source at most; 0 takes all")
    parser.add_argument("--verbose", action="store_true", help="name the photos that were missed")
    args = parser.parse_args()
    for name in (DETECTOR, LANDMARKS):
        size = (args.checkpoints / name / "model.safetensors").stat().st_size
        print(f"{name}: {size / 1e6:.2f} MB")
    report(Aligner.load("builtin", checkpoints=args.checkpoints), args)


if __name__ == "__main__":
    main()
