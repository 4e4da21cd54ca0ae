"""Mark the person in packed crops with mediapipe's selfie segmentation: the teacher of `facemorph.models.PersonMask`.

Runs in the teacher's environment (`training/requirements-teacher.txt`):

    python -m training.masks.label_person --packed packed/crops.npz --out packed/masks.npz --count 8000

The file holds `index`, the rows of the pack, and `mask` (N, 32, 32) uint8, 255 where the teacher sees a person.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import mediapipe as mp
import numpy as np
from PIL import Image

MASK_SIZE = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=8000)
    args = parser.parse_args()
    packed = np.load(args.packed)
    content, offset, source = packed["content"], packed["offset"], packed["source"]
    whole = np.flatnonzero(source != "utkface")  # those chips show little of what surrounds a face
    index = whole[np.linspace(0, len(whole) - 1, min(args.count, len(whole))).astype(int)]
    masks = np.empty((len(index), MASK_SIZE, MASK_SIZE), np.uint8)
    with mp.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0) as teacher:
        for row, number in enumerate(index):
            file = io.BytesIO(content[offset[number] : offset[number + 1]].tobytes())
            crop = Image.open(file).convert("RGB").resize((256, 256), Image.Resampling.BICUBIC)
            mask = (teacher.process(np.asarray(crop)).segmentation_mask * 255).clip(0, 255).astype(np.uint8)
            masks[row] = np.asarray(Image.fromarray(mask).resize((MASK_SIZE, MASK_SIZE), Image.Resampling.BOX))
    np.savez_compressed(args.out, index=index, mask=masks)
    print(f"{len(index)} masks, {(masks > 127).mean():.2f} of their area is person")


if __name__ == "__main__":
    main()
