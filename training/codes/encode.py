"""The codes of all crops of one side of the split, encoded once, and of each crop's partner in its geometry.

The partner is another person's crop warped to the landmarks of the first, as a morph warps it. Blends of both are what
the prior learns to repair.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from facemorph.models import FaceAutoencoder
from facemorph.morph import warp
from training.data.crops import PackedCrops

SOURCES = ("celeba", "lfw")
"""UTKFace's photos end close around the face: their crops show padding."""
AT_ONCE = 64


@dataclass(frozen=True)
class Codes:
    """Codes on one side of the split, in rows that belong together.

    Attributes:
        spatial: (2, N, C, h, w) float16, of the crops and of the mirrored crops.
        compact: (2, N, D) float16, unit vectors.
        partner_spatial: like `spatial`, of another person in the geometry of this one.
        partner_compact: like `compact`.
    """

    spatial: torch.Tensor
    compact: torch.Tensor
    partner_spatial: torch.Tensor
    partner_compact: torch.Tensor

    def __len__(self) -> int:
        return self.spatial.shape[1]


def load_codes(path: Path, packed: Path, model: FaceAutoencoder, *, validation: bool, seed: int = 0) -> Codes:
    """Return the codes at `path`, which are encoded and written there first where the file does not exist."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        codes = encode_crops(PackedCrops(packed, validation=validation), model, seed)
        torch.save(vars(codes), path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)
    return Codes(**torch.load(path, weights_only=True, mmap=True))


def encode_crops(crops: PackedCrops, model: FaceAutoencoder, seed: int) -> Codes:
    """Encode the crops of `SOURCES`, each beside a partner drawn at random."""
    rows = np.flatnonzero(np.isin(crops.source, SOURCES))
    partners = rows[partner_order(len(rows), seed)]
    parts: dict[str, list[torch.Tensor]] = {name: [] for name in Codes.__dataclass_fields__}
    began = time.monotonic()
    for start in range(0, len(rows), AT_ONCE):
        own, other = rows[start : start + AT_ONCE], partners[start : start + AT_ONCE]
        for name, x in (("", _pictures(crops, own)), ("partner_", _warped(crops, other, own))):
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
                z = model.encode(torch.cat([x, x.flip(-1)]).contiguous(memory_format=torch.channels_last)).mode()
            assert z.compact is not None
            parts[f"{name}spatial"].append(z.spatial.half().contiguous().unflatten(0, (2, len(own))))
            parts[f"{name}compact"].append(z.compact.half().unflatten(0, (2, len(own))))
        if start % (32 * AT_ONCE) == 0:
            print(f"encoded {start} of {len(rows)} crops in {time.monotonic() - began:.0f} s", flush=True)
    return Codes(**{name: torch.cat(part, 1) for name, part in parts.items()})


def partner_order(count: int, seed: int = 0) -> np.ndarray:
    """Return for each row of the codes which row its partner is a picture of, (count,)."""
    return np.random.default_rng(seed).permutation(count)


def _pictures(crops: PackedCrops, rows: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(crops.images[rows]).permute(0, 3, 1, 2).float() / 255


def _warped(crops: PackedCrops, rows: np.ndarray, target: np.ndarray) -> torch.Tensor:
    """Return the crops at `rows` warped to the landmarks of the crops at `target`."""
    size = crops.images.shape[1]
    points, sources = (
        torch.stack([warp.control_points(crops.landmarks[i], size) for i in index]) for index in (target, rows)
    )
    (flow,) = warp.backward_flows(points, sources)
    return warp.warp(_pictures(crops, rows), flow).clamp(0, 1)
