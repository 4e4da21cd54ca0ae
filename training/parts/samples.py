"""Training samples: portraits, jittered, some with what others wear."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from training.loop.distributed import Share
from training.loop.streams import Streams
from training.parts.jitter import draw_matrix, spoil
from training.parts.labels import FloatArray
from training.parts.paste import fit, paste_glasses, paste_hair, paste_hat, replace_background, shave
from training.parts.portraits import GLASSES, HAIR, HAT, Portraits, View, face_hull, hair_on_face, seen

FREE_FOREHEAD, FRINGE = 0.03, 0.06
"""Part of the face under hair: at most, at least."""
SPOIL_FIT = 0.02
"""How far, in parts of the view's side, a donor's points are moved at random: no fit is perfect."""

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class Batches(Dataset[Batch]):
    """What one process has of the batch of each step, by its number.

    Pictures (B, 3, s, s) uint8, labels (B, s, s) uint8, and hulls of the faces (B, s, s) uint8.

    Args:
        drawn: portraits labelled by hand: they are shown, and cut out of.
        guessed: portraits with pseudo-labels: they are shown only; None for none.
        guessed_part: part of the samples that show the latter, in [0, 1].
        side: of the samples, pixels.
        seed: of chance.
        share: which samples are this process's.
    """

    def __init__(
        self,
        drawn: Portraits,
        guessed: Portraits | None,
        guessed_part: float,
        side: int,
        seed: int,
        share: Share,
    ) -> None:
        self._drawn, self._guessed, self._guessed_part = drawn, guessed, guessed_part
        self._side, self._seed, self._share = side, seed, share
        on_face, hair = hair_on_face(drawn), seen(drawn, HAIR)
        self._fringes, self._hairy = np.flatnonzero(on_face > FRINGE), np.flatnonzero(hair > 0.05)
        self._hats = np.flatnonzero(seen(drawn, HAT) > 0.01)
        self._glasses = np.flatnonzero(seen(drawn, GLASSES) > 0.005)
        self._free = on_face < FREE_FOREHEAD
        weight = 1 + 2.0 * (seen(drawn, HAT) > 0) + 1.0 * (seen(drawn, GLASSES) > 0)
        weight += 1.0 * (on_face > FRINGE) + 1.5 * (hair < 0.08)
        self._chance = weight / weight.sum()

    def __getitem__(self, step: int) -> Batch:
        """Draw the batch of a step."""
        cv2.setNumThreads(1)
        rngs = Streams(self._seed, step, self._share).numpy()
        views = [spoil(self._draw(rng), rng) for rng in rngs]
        image = np.stack([view.image.transpose(2, 0, 1) for view in views])
        hull = np.stack([face_hull(view.landmarks, self._side) for view in views])
        label = np.stack([view.label for view in views])
        return torch.from_numpy(image), torch.from_numpy(label), torch.from_numpy(hull)

    def _draw(self, rng: np.random.Generator) -> View:
        if self._guessed is not None and rng.random() < self._guessed_part:
            index = int(rng.integers(len(self._guessed)))
            matrix = draw_matrix(self._guessed.canvas, self._side, rng)
            return self._dressed(self._guessed.view(index, matrix, self._side), 0.2, rng)
        index = int(rng.choice(len(self._drawn), p=self._chance))
        matrix = draw_matrix(self._drawn.canvas, self._side, rng)
        return self._dressed(self._drawn.view(index, matrix, self._side), 0.4 if self._free[index] else 0.1, rng)

    def _dressed(self, view: View, fringe: float, rng: np.random.Generator) -> View:
        """Return a view that may have lost its hair, and may have got what others have or wear.

        Background, glasses, a hat, and hair with the chance `fringe`.
        """
        if rng.random() < 0.12:
            view = replace_background(view, self._donor(self._hairy, view, rng), rng)
        if rng.random() < 0.08:
            view = shave(view, rng)
        if rng.random() < fringe:
            whole = rng.random() < 0.3
            donor = self._donor(self._hairy if whole and rng.random() < 0.5 else self._fringes, view, rng)
            view = paste_hair(view, donor, rng, on_head=not whole)
        if rng.random() < 0.06:
            view = paste_glasses(view, self._donor(self._glasses, view, rng), rng)
        if rng.random() < 0.08:
            view = paste_hat(view, self._donor(self._hats, view, rng), rng)
        return view

    def _donor(self, among: npt.NDArray[np.int64], view: View, rng: np.random.Generator) -> View:
        """Return the view of a random donor, mirrored or not, whose face lies on that of `view`."""
        index, canvas = int(rng.choice(among)), self._drawn.canvas
        flat = np.eye(2, 3, dtype=np.float32)
        if rng.random() < 0.5:
            flat = np.array([[-1, 0, canvas - 1], [0, 1, 0]], np.float32)
        points = self._drawn.view(index, flat, canvas).landmarks
        move = rng.normal(0, SPOIL_FIT * self._side, (1, 2)) * (0.5, 1.0)
        onto: FloatArray = fit(points, view.landmarks + move.astype(np.float32))
        matrix = onto @ np.vstack([flat, [0, 0, 1]]).astype(np.float32)
        return self._drawn.view(index, matrix, self._side)
