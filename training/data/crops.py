"""The packed crops as tensors: decoded once, mirrored at random, with a mask of what the photo really shows."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from facemorph.head import MIRROR_ORDER
from training.loop.distributed import Share


@dataclass(frozen=True)
class Batch:
    """A batch for an autoencoder.

    Attributes:
        x: (B, 3, 128, 128) float32 in [0, 1].
        inside: (B, 1, 128, 128) float32, 1 where the crop shows the photo, 0 where it was filled in.
        landmarks: (B, 68, 2) float32, crop pixels.
    """

    x: torch.Tensor
    inside: torch.Tensor
    landmarks: torch.Tensor


class PackedCrops:
    """All crops of one side of the split, in memory as uint8.

    Args:
        path: a file of `training.data.pack`.
        validation: which side of the split.
        limit: take at most this many, spread over the file.
        share: hold only the rows that this process draws.

    Attributes:
        count: crops of all processes together.
        rows: which of them are here, increasing.
    """

    def __init__(self, path: Path, *, validation: bool, limit: int | None = None, share: Share | None = None) -> None:
        packed = np.load(path)
        chosen = np.flatnonzero(packed["validation"] == validation)
        if limit is not None and limit < len(chosen):
            chosen = chosen[np.linspace(0, len(chosen) - 1, limit).astype(int)]
        self.count = len(chosen)
        self.rows = np.arange(self.count) if share is None else share.rows(self.count)
        chosen = chosen[self.rows]
        content, offset = packed["content"], packed["offset"]
        first = decode_crop(content[offset[chosen[0]] : offset[chosen[0] + 1]])
        self.images = np.empty((len(chosen), *first.shape), np.uint8)
        for row, index in enumerate(chosen):
            self.images[row] = decode_crop(content[offset[index] : offset[index + 1]])
        self.landmarks = packed["landmarks"][chosen].astype(np.float32)
        self.person, self.source, self.name = (packed[key][chosen] for key in ("person", "source", "name"))
        self._matrix, self._size = packed["matrix"][chosen], packed["size"][chosen]

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, index: np.ndarray, mirror: np.ndarray, device: torch.device) -> Batch:
        """Return the crops at `index` (B,) of `count`, those where `mirror` (B,) is True turned left to right."""
        index = np.searchsorted(self.rows, index)
        x = torch.from_numpy(self.images[index]).to(device).permute(0, 3, 1, 2).float() / 255
        landmarks = self.landmarks[index].copy()
        landmarks[mirror, :, 0] = x.shape[-1] - 1 - landmarks[mirror, :, 0]
        landmarks[mirror] = landmarks[mirror][:, MIRROR_ORDER]
        inside = torch.from_numpy(self._inside(index)).to(device)
        flipped = torch.from_numpy(mirror).to(device)
        x[flipped], inside[flipped] = x[flipped].flip(-1), inside[flipped].flip(-1)
        return Batch(x.contiguous(memory_format=torch.channels_last), inside, torch.from_numpy(landmarks).to(device))

    def _inside(self, index: np.ndarray) -> np.ndarray:
        side = self.images.shape[1]
        y, x = np.mgrid[:side, :side].astype(np.float32)
        matrix, size = self._matrix[index], self._size[index].astype(np.float32)
        inverse = np.linalg.inv(matrix[:, :, :2])
        points = np.stack([x, y], -1).reshape(1, -1, 2) - matrix[:, None, :, 2]
        photo = points @ inverse.transpose(0, 2, 1)
        inside = ((photo > -0.5) & (photo < size[:, None] - 0.5)).all(-1)
        return inside.reshape(-1, 1, side, side).astype(np.float32)


def decode_crop(content: np.ndarray) -> np.ndarray:
    """Decode one packed crop, (S, S, 3) uint8."""
    return np.array(Image.open(io.BytesIO(content.tobytes())).convert("RGB"))
