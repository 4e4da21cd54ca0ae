"""Print the source's table, or another one: what the shipped networks do on people they never saw.

    python -m training.evaluate --data ../shared/data --weights ../shared/weights
    python -m training.evaluate attributes --data ../shared/data --weights ../shared/weights --models MODELS

Without a word it is `reconstruction`: PSNR, SSIM and LPIPS of every autoencoder. Each table is made in the room of
what it measures, by its `evaluate`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from training.autoencoder.evaluate import main as reconstruction
from training.editor.evaluate import main as attributes

TABLES: dict[str, Callable[[Sequence[str]], None]] = {"reconstruction": reconstruction, "attributes": attributes}


def main(words: Sequence[str]) -> None:
    """Make the table that the first word names."""
    if words and not words[0].startswith("-") and words[0] not in TABLES:
        raise SystemExit(f"'{words[0]}' is no table. Choose {' or '.join(TABLES)}.")
    if words and words[0] in TABLES:
        TABLES[words[0]](words[1:])
    else:
        reconstruction(words)


if __name__ == "__main__":
    main(sys.argv[1:])
