"""What the tests of trainings share."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.drawn import draw_face
from training.data.pack import pack_one


def pack_drawn(path: Path, count: int) -> Path:
    """Pack drawn faces, the last two of them for validation, the first half outside of its photo."""
    rows, sizes = [], []
    for number in range(count):
        centre = (20.0, 100.0) if number == 0 else None
        photo, landmarks = draw_face(
            (240, 200), centre=centre, eye_distance=40, skin=(200 - 120 * number // count, 160, 140)
        )
        buffer = io.BytesIO()
        Image.fromarray(photo).save(buffer, "PNG")
        rows.append(pack_one((buffer.getvalue(), landmarks, 95)))
        sizes.append((200, 240))
    files = [row[0] for row in rows]
    names = np.array([f"p{number}" for number in range(count)])
    np.savez(
        path,
        source=np.array(["drawn"] * count),
        name=names,
        person=names,
        size=np.array(sizes, np.int32),
        validation=np.arange(count) >= count - 2,
        landmarks=np.stack([row[1] for row in rows]).astype(np.float16),
        matrix=np.stack([row[2] for row in rows]),
        content=np.frombuffer(b"".join(files), np.uint8),
        offset=np.cumsum([0] + [len(file) for file in files]),
    )
    return path


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six drawn faces, two of them for validation, one half outside of its photo."""
    return pack_drawn(tmp_path_factory.mktemp("packed") / "crops.npz", 6)
