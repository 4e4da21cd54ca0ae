"""Everything that is measured of one way on one pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import lpips
import numpy as np
import numpy.typing as npt
from torch import nn

from benchmarks.measures.middle import Middle, judge_middle, patch_features
from facemorph import AlignedFace, FaceMorpher
from judges import distance, motion
from judges.crops import Picture, scaled_landmarks, shrink
from judges.ghosts import GhostDetector, ghost_scores
from judges.gradients import gradient_energy
from judges.identity import Embed, load_identity
from judges.landmark_error import detect, landmark_error
from judges.perceptual import load_lpips
from judges.reconstruction import psnr
from judges.rivals.ways import Way

MIDDLES = (0.35, 0.5, 0.65)
"""Where the kernel distance is measured; gradient energy and identity at the middle one."""
NINE = tuple(round(0.1 * i, 1) for i in range(1, 10))
"""Where ghosts and landmarks are measured."""
PAIR_SIZE = 256
EXACT = 99.0
"""Decibels that stand for no difference at all."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judges:
    """The networks that judge; each is described in its own module."""

    alexnet: nn.Sequential
    perceptual: lpips.LPIPS
    detector: GhostDetector
    identity: Embed | None
    morpher: FaceMorpher

    @classmethod
    def load(cls, weights: Path | None, morpher: FaceMorpher) -> Judges:
        """Load all of them; `weights` None takes AlexNet from torchvision and leaves identity out."""
        perceptual = load_lpips("alex", weights)
        identity = None if weights is None else load_identity(weights)
        return cls(distance.load_alexnet(weights), perceptual, GhostDetector.from_checkpoint(), identity, morpher)


@dataclass(frozen=True)
class Verdict:
    """What was measured of one way on one pair; numbers that could not be measured are NaN.

    Attributes:
        features: (3, F) AlexNet features of the frames at `MIDDLES`, 128 px (`judges.distance`).
        energy: gradient energy of the frame at 0.5, 128 px, against its ends'.
        middle: of the frame at 0.5, 256 px.
        ghosts: mean score of the ghost detector over the frames at `NINE`, 256 px reduced to 128.
        landmarks: mean landmark error of the frames at `NINE`, 256 px; NaN where a face was found in none.
        lost: frames of the nine in which no face was found.
        identity: mean similarity of the frame at 0.5, 256 px, to both parents.
        identity_gap: difference of both similarities.
        ends: PSNR of the first and last frame against the aligned photos, 256 px, the lower of both, dB.
        length, spread, peak: of LPIPS per step over the animation (`judges.motion`).
    """

    features: Array
    energy: float
    middle: Middle
    ghosts: float = np.nan
    landmarks: float = np.nan
    lost: int = 0
    identity: float = np.nan
    identity_gap: float = np.nan
    ends: float = np.nan
    length: float = np.nan
    spread: float = np.nan
    peak: float = np.nan


def judge(way: Way, a: AlignedFace, b: AlignedFace, judges: Judges, motion_size: int) -> Verdict:
    """Measure one way on one pair."""
    nine = way.frames(a, b, NINE, PAIR_SIZE)
    points = [scaled_landmarks(face, PAIR_SIZE) for face in (a, b)]
    errors = _landmark_errors(nine, points, judges.morpher)
    animation = motion.motion(motion.steps(way.animate(a, b, motion.NUM_FRAMES, motion_size), judges.perceptual))
    alike = _identity(nine[NINE.index(0.5)], (a, b), judges.identity)
    middle = judge_middle(nine[NINE.index(0.5)], (a, b), judges.alexnet, judges.detector)
    return replace(
        judge_small(way, a, b, judges, middle),
        ghosts=float(ghost_scores(judges.detector, _halve(nine)).mean()),
        landmarks=float(np.nanmean(errors)) if np.isfinite(errors).any() else np.nan,
        lost=int(np.isnan(errors).sum()),
        identity=float(np.mean(alike)),
        identity_gap=abs(alike[0] - alike[1]),
        ends=worse_end(way, a, b, PAIR_SIZE),
        length=animation.length,
        spread=animation.spread,
        peak=animation.peak,
    )


def judge_quickly(way: Way, a: AlignedFace, b: AlignedFace, judges: Judges) -> Verdict:
    """Measure only what needs the middle and three small frames: kernel distance, left and gradient energy."""
    return judge_small(way, a, b, judges, judge_half(way, a, b, judges))


def judge_half(way: Way, a: AlignedFace, b: AlignedFace, judges: Judges) -> Middle:
    """Measure only the frame at 0.5."""
    return judge_middle(way.frames(a, b, (0.5,), PAIR_SIZE)[0], (a, b), judges.alexnet, judges.detector)


def judge_small(way: Way, a: AlignedFace, b: AlignedFace, judges: Judges, middle: Middle) -> Verdict:
    """Measure the three small frames, and add what is known of the middle."""
    frames = way.frames(a, b, MIDDLES, distance.FRAME_SIZE)
    ends = np.stack([shrink(face.image, distance.FRAME_SIZE) for face in (a, b)])
    energy = float(gradient_energy(frames[1:2], ends[None])[0])
    return Verdict(distance.features(judges.alexnet, frames), energy, middle)


@dataclass(frozen=True)
class Floor:
    """The same measures of the photos of one pair themselves: what no morph can beat.

    Attributes:
        features, ghosts, landmarks: of both photos, as in `Verdict`.
        patches: (5, F) of the first photo, as in `Middle`.
    """

    features: Array
    ghosts: float
    landmarks: float
    patches: Array


def judge_photos(a: AlignedFace, b: AlignedFace, judges: Judges) -> Floor:
    """Measure the aligned photos of one pair."""
    photos = np.stack([shrink(face.image, distance.FRAME_SIZE) for face in (a, b)])
    errors = []
    for face in (a, b):
        found = detect(judges.morpher, shrink(face.image, PAIR_SIZE))
        errors.append(np.nan if found is None else landmark_error(found, scaled_landmarks(face, PAIR_SIZE)))
    known = [error for error in errors if np.isfinite(error)]
    return Floor(
        distance.features(judges.alexnet, photos),
        float(ghost_scores(judges.detector, photos).mean()),
        float(np.mean(known)) if known else np.nan,
        patch_features(judges.alexnet, shrink(a.image, PAIR_SIZE)),
    )


def worse_end(way: Way, a: AlignedFace, b: AlignedFace, size: int) -> float:
    """Return the PSNR in dB of the worse of both ends against the aligned photos, at most `EXACT`."""
    photos = np.stack([shrink(face.image, size) for face in (a, b)])
    return float(psnr(way.frames(a, b, (0.0, 1.0), size), photos).clip(max=EXACT).min())


def _landmark_errors(frames: Picture, points: Sequence[npt.NDArray[np.float32]], morpher: FaceMorpher) -> Array:
    errors = []
    for alpha, frame in zip(NINE, frames, strict=True):
        found = detect(morpher, frame)
        expected = (1 - alpha) * points[0] + alpha * points[1]
        errors.append(np.nan if found is None else landmark_error(found, expected.astype(np.float32)))
    return np.array(errors)


def _identity(middle: Picture, faces: tuple[AlignedFace, AlignedFace], embed: Embed | None) -> tuple[float, float]:
    """Return the similarity of the frame at 0.5 to each parent; its landmarks are taken to be halfway."""
    if embed is None:
        return np.nan, np.nan
    points = [scaled_landmarks(face, PAIR_SIZE) for face in faces]
    own = embed(middle, (points[0] + points[1]) / 2)
    parents = [embed(shrink(f.image, PAIR_SIZE), p) for f, p in zip(faces, points, strict=True)]
    return float(own @ parents[0]), float(own @ parents[1])


def _halve(frames: Picture) -> Picture:
    return np.stack([shrink(frame, distance.FRAME_SIZE) for frame in frames])
