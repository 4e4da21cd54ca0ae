"""The first morph pays for lazy imports and allocations; here the page pays before anybody comes."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from facemorph.errors import FaceMorphError
from facemorph.ui.downloads import DOWNLOADS
from facemorph.ui.examples import EXAMPLES, find_pairs

if TYPE_CHECKING:
    from facemorph.pipeline import FaceMorpher

logger = logging.getLogger(__name__)


def warm_up(morpher: FaceMorpher, examples: Path = EXAMPLES) -> bool:
    """Morph the first example pair and throw it away; return False where that was not possible."""
    pairs = find_pairs(examples)
    if not pairs:
        return False
    try:
        first, second = (morpher.align(path) for path in pairs[0])
        result = morpher.morph(first, second, num_frames=8)
        morpher.edit(first, {name: 0.5 for name in morpher.attributes[:1]})
        with tempfile.TemporaryDirectory(prefix="facemorph-") as folder:
            for suffix in DOWNLOADS:
                result.save(Path(folder) / f"warm.{suffix}")
    except FaceMorphError as error:
        logger.warning("The page was not warmed up: %s", error)
        return False
    return True
