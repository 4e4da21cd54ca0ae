"""Both people in the same colours at any moment, so that none jumps where a place changes hands.

Skin and hair are each changed as a whole, in brightness, contrast and colour, from their own mean to one between both
people's, hair less far than skin. Light and shade of a face stay its own, and so do the colours of clothes and hats.
"""

from __future__ import annotations

import torch

from facemorph.morph import maps
from facemorph.morph.layers import fill

DARK = 0.1
"""Added to brightnesses before they are compared, in [0, 1]: what is nearly black has no contrast to gain."""
MOST_GAIN = 1.6
"""Contrast is changed by no more than this."""
BRIGHTEST = 1.25
"""What is added to a place grows with its brightness over the mean, up to this: black stays black."""
HAIR_WAY = 0.5
"""Share of the way to the other's colour that hair goes: dark hair made light looks painted, light made dark veiled."""
SHADE_REACH = 2
"""Radius over which shades are averaged, twice, in places of the maps."""
LIGHTER_SKIN, LIGHTER_HAIR = 0.6, 0.4
"""What is brighter than the mean by this is not lightened: highlights, and skin that a matte takes for hair."""


def recolour(
    picture: torch.Tensor,
    own: torch.Tensor,
    other: torch.Tensor,
    toward: torch.Tensor,
    where: torch.Tensor,
    lighter: float = LIGHTER_SKIN,
) -> torch.Tensor:
    """Change the colours of skin or hair.

    Args:
        picture: (T, 3, S, S).
        own, other: (1, 3), mean colours in [0, 1].
        toward: (T,) in [0, 1]; 0 leaves the picture as it is, 1 brings its mean to the other colour.
        where: (T, 1, m, m) in [0, 1], what is changed.
        lighter: by so much brighter than the mean is what is not lightened.

    Returns:
        (T, 3, S, S).
    """
    mean, target = (tone.reshape(1, 3, 1, 1) for tone in (own, other))
    aim, light = torch.lerp(mean, target, toward.reshape(-1, 1, 1, 1)), maps.luma(picture)
    brightness, aimed = (maps.luma(tone) for tone in (mean, aim))
    gain = ((aimed + DARK) / (brightness + DARK)).clamp(1 / MOST_GAIN, MOST_GAIN)
    share = ((light + DARK) / (brightness + DARK)).clamp(0, BRIGHTEST)
    change = picture * (gain - 1) + (aim - gain * mean) * share
    alike = (1 - (light - brightness) / lighter).clamp(0, 1)
    change = torch.where(aimed > brightness, change * alike, change)
    recoloured: torch.Tensor = picture + change * maps.enlarge(where, picture.shape[-1])
    return recoloured


def difference(small: tuple[torch.Tensor, torch.Tensor], known: torch.Tensor) -> torch.Tensor:
    """Return by how much the second picture is lighter in each colour, broadly, going by the places that are known.

    Args:
        small: (T, 3, m, m) each.
        known: (T, 1, m, m) in [0, 1].
    """
    broad = maps.smooth_mean(small[1] - small[0], SHADE_REACH)
    return maps.smooth_mean(fill(broad, known), SHADE_REACH)
