"""What a user has set in the attributes: plain data of one session."""

from __future__ import annotations

from typing import TypeAlias

from facemorph.attributes import CURVES, Curve, CurveName, curve
from facemorph.ui.texts import Language, name_of

Edits: TypeAlias = dict[str, tuple[float, CurveName]]
"""By attribute: its strength in [-1, 1], never 0, and its curve along a morph."""

CONSTANT: CurveName = CURVES[0]


def with_edit(edits: Edits, name: str, strength: float, curve_name: CurveName) -> Edits:
    """Return `edits` with one attribute set; a strength of 0 takes it out."""
    strength = round(strength, 2)
    if not strength:
        return {other: edit for other, edit in edits.items() if other != name}
    return {**edits, name: (strength, curve_name)}


def strengths(edits: Edits) -> dict[str, float]:
    """Return how far each attribute of one face goes."""
    return {name: strength for name, (strength, _) in edits.items()}


def curves(edits: Edits) -> dict[str, Curve] | None:
    """Return each attribute's strengths along a morph, None where nothing is set."""
    return {name: curve(curve_name, strength) for name, (strength, curve_name) in edits.items()} or None


def summary(edits: Edits, language: Language) -> str:
    """Return one line about all that is set: "Smile +0.8, appears; Age −0.5"."""
    comma, semicolon = ("，", "；") if language == "zh" else (", ", "; ")
    items = []
    for name, (strength, curve_name) in edits.items():
        item = f"{name_of(f'attribute_{name}', language)} {strength:+.1f}".replace("-", "−")
        if curve_name != CONSTANT:
            item += f"{comma}{name_of(f'curve_{curve_name}', language).lower()}"
        items.append(item)
    return semicolon.join(items)
