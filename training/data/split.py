"""Who is kept for validation: decided by person, the same on every machine."""

from __future__ import annotations

import hashlib

VALIDATION_PART = 0.05


def is_validation(person: str) -> bool:
    """Tell whether a person is kept out of training.

    Args:
        person: `source/identity` as `training.data.landmarks` writes it; all of the London Set is validation.
    """
    if person.startswith("london/"):
        return True
    digest = hashlib.sha256(person.encode()).digest()
    return int.from_bytes(digest[:4], "big") < VALIDATION_PART * 2**32
