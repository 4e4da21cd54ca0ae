"""The aligner's own backend: the detector proposes faces, the landmark network marks and judges them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image

from facemorph.align.crop import FloatArray, Picture, invert_matrix, sample_square, transform_points
from facemorph.align.detector import REFERENCE_SCALE, STRIDE, FaceDetector, load_detector
from facemorph.align.face import DetectedFace
from facemorph.align.landmarks import LandmarkNetwork, load_landmark_network
from facemorph.align.pose import Pose, box, fit_pose
from facemorph.images import to_tensor

DETECTOR, LANDMARKS = "aligner-detector", "aligner-landmarks"
"""Folders of the two checkpoints."""
SIZES = (256, 512)
"""Longer side of what the detector sees: small faces in a large photo are looked for where nothing else was found."""
PROPOSAL = 0.25
"""The detector's score from which the landmark network is asked."""
ACCEPTED = 0.95
"""The landmark network's score from which a window is a face, both times that it looks."""
MAX_PROPOSALS = 16
SMALLEST = 24.0
"""What spans fewer pixels of the photo cannot be told from a texture and is not reported."""
MAX_DRIFT = 0.35
"""A face whose points move farther than this, in units of the mean face, when looked at again is none."""


class BuiltinBackend:
    """Finds faces with the two networks; keeps nothing from one photo to the next."""

    name = "builtin"

    def __init__(self, detector: FaceDetector, landmarks: LandmarkNetwork, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self._detector = detector.eval().requires_grad_(False).to(self._device)
        self._landmarks = landmarks.eval().requires_grad_(False).to(self._device)
        for network in (self._detector, self._landmarks):
            network.to(memory_format=torch.channels_last)

    @classmethod
    def load(cls, checkpoints: Path, device: str = "cpu") -> BuiltinBackend:
        """Load both networks.

        Args:
            checkpoints: the folder that holds `aligner-detector` and `aligner-landmarks`.
            device: what torch calls the device.

        Raises:
            CheckpointError: a checkpoint is missing, damaged or does not fit.
        """
        return cls(load_detector(checkpoints / DETECTOR), load_landmark_network(checkpoints / LANDMARKS), device)

    def find(self, pixels: Picture) -> list[DetectedFace]:
        """Return the faces of an (H, W, 3) uint8 RGB photo, in no order."""
        for size in SIZES:
            if size > SIZES[0] and max(pixels.shape) <= SIZES[0]:
                break
            faces = _without_doubles(self._judge(pixels, self.propose(pixels, size)))
            if faces:
                return faces
        return []

    @torch.inference_mode()
    def propose(self, pixels: Picture, size: int, threshold: float = PROPOSAL) -> list[Pose]:
        """Return the poses, in photo pixels, where the detector alone sees a face; the surest first.

        Args:
            pixels: (H, W, 3) uint8 RGB.
            size: to how many pixels on its longer side the photo is scaled first.
            threshold: the score in [0, 1] from which a place counts.
        """
        x, scale = _fitted(pixels, size)
        output = self._detector(x.to(self._device).contiguous(memory_format=torch.channels_last))
        scores = output.logits.sigmoid()
        peaks = (scores * (scores == F.max_pool2d(scores, 3, 1, 1)))[0, 0].cpu().numpy()
        poses = output.poses[0].cpu().numpy()
        rows, columns = np.nonzero(peaks > threshold)
        order = np.argsort(-peaks[rows, columns])
        found: list[Pose] = []
        for row, column in zip(rows[order], columns[order], strict=True):
            pose = _pose(poses[:, row, column], row, column, scale)
            if all(np.hypot(p.x - pose.x, p.y - pose.y) > 0.7 * max(p.scale, pose.scale) for p in found):
                found.append(pose)
        return found[:MAX_PROPOSALS]

    @torch.inference_mode()
    def _judge(self, pixels: Picture, poses: list[Pose]) -> list[DetectedFace]:
        """Mark each pose's window twice, the second time where the first marks put the face; keep what is a face."""
        if not poses:
            return []
        first, scores = self.mark(pixels, poses)
        kept = [points for points, score in zip(first, scores, strict=True) if score > ACCEPTED]
        refined = [fit_pose(points) for points in kept]
        if not refined:
            return []
        second, scores = self.mark(pixels, refined)
        faces = []
        for before, after, score, pose in zip(kept, second, scores, refined, strict=True):
            drift = float(np.linalg.norm(after - before, axis=1).mean()) / pose.scale
            bounds = box(after)
            if score > ACCEPTED and drift < MAX_DRIFT and max(bounds[2:] - bounds[:2]) >= SMALLEST:
                faces.append(DetectedFace(bounds, after, float(score)))
        return faces

    @torch.inference_mode()
    def mark(self, pixels: Picture, poses: list[Pose]) -> tuple[list[FloatArray], FloatArray]:
        """Look at poses of a photo with the landmark network; return (68, 2) photo pixels each, and (N,) scores."""
        size = self._landmarks.config.window_size
        matrices = [pose.window_from_photo(size) for pose in poses]
        windows = torch.cat([sample_square(pixels, matrix, size, "bilinear")[0] for matrix in matrices])
        output = self._landmarks(windows.to(self._device).contiguous(memory_format=torch.channels_last))
        points = output.landmarks.cpu().numpy()
        marked = [transform_points(invert_matrix(m), p) for m, p in zip(matrices, points, strict=True)]
        scores: FloatArray = output.logits.sigmoid().cpu().numpy()
        return marked, scores


def _fitted(pixels: Picture, size: int) -> tuple[torch.Tensor, float]:
    """Scale a photo to `size` on its longer side and pad it to multiples of 32; return it and the scale."""
    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    new = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(pixels).resize(new, Image.Resampling.BILINEAR, reducing_gap=2.0)
    x = to_tensor(np.array(image))
    return F.pad(x, (0, -new[0] % 32, 0, -new[1] % 32), value=0.5), scale


def _pose(values: npt.NDArray[np.float32], row: int, column: int, scale: float) -> Pose:
    """Read what a cell says as a pose in photo pixels."""
    dx, dy, log_scale, cos, sin = (float(v) for v in values)
    x, y = (column + dx) * STRIDE + (STRIDE - 1) / 2, (row + dy) * STRIDE + (STRIDE - 1) / 2
    unit = REFERENCE_SCALE * float(np.exp(np.clip(log_scale, -3.0, 3.0)))
    return Pose((x + 0.5) / scale - 0.5, (y + 0.5) / scale - 0.5, unit / scale, float(np.arctan2(sin, cos)))


def _without_doubles(faces: list[DetectedFace]) -> list[DetectedFace]:
    """Of faces whose boxes overlap by more than 0.4 (intersection over union) keep the surest."""
    kept: list[DetectedFace] = []
    for face in sorted(faces, key=lambda f: -f.score):
        if all(_overlap(face.bbox, other.bbox) < 0.4 for other in kept):
            kept.append(face)
    return kept


def _overlap(a: FloatArray, b: FloatArray) -> float:
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = float(np.prod(np.maximum(sides, 0)))
    return common / max(float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - common, 1e-6)
