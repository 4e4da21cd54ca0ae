"""Cut hair, hats and glasses out of portraits and put them on other people: new pictures with exact labels.

All views are in one frame; the donor's is brought there by its landmarks (`fit`).
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from training.parts.labels import IGNORE, FloatArray, Picture
from training.parts.portraits import GLASSES, HAIR, HAT, NOSE_TIP, SKIN, View

BACKGROUND = 0
HEAD = (SKIN, 2, GLASSES, 4, 5, 6, 7, 8, 9, HAIR)
"""Classes that a fringe may hide: the head without mouth, hat and jewels."""
FEWEST = 150
"""Pixels of a part below which it isn't worth pasting, or its colour not worth matching."""
MATTE_RADIUS, MATTE_EPSILON = 3, 2e-3


def fit(source: FloatArray, target: FloatArray) -> FloatArray:
    """Return the (2, 3) affine map that brings (N, 2) points nearest to others, by least squares."""
    ones = np.column_stack([source, np.ones(len(source))])
    return np.linalg.lstsq(ones, target, rcond=None)[0].T.astype(np.float32)


def matte(mask: npt.NDArray[np.bool_], picture: Picture) -> FloatArray:
    """Return a soft alpha in [0, 1] of a hard mask, led by the picture's edges (guided filter: He et al. 2010)."""

    def mean(plane: FloatArray) -> FloatArray:
        size = 2 * MATTE_RADIUS + 1
        return cv2.blur(plane, (size, size))

    guide = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    hard = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7)
    middle, average = mean(guide), mean(hard)
    slope = (mean(guide * hard) - middle * average) / (mean(guide * guide) - middle**2 + MATTE_EPSILON)
    soft = mean(slope) * guide + mean(average - slope * middle)
    wide = cv2.dilate(hard, np.ones((3, 3), np.uint8))
    return np.clip((0.5 * soft + 0.5 * hard - 0.15) / 0.7, 0, 1) * wide


def match_colours(
    source: Picture, chosen: npt.NDArray[np.bool_], target: Picture, model: npt.NDArray[np.bool_]
) -> Picture:
    """Give `source` the mean and, half-way, the contrast that `target` has where `model` is, as `chosen` has them."""
    lab, wanted = (cv2.cvtColor(p, cv2.COLOR_RGB2LAB).astype(np.float32) for p in (source, target))
    ours, theirs = lab[chosen], wanted[model]
    gain = np.sqrt(np.clip(theirs.std(0) / np.maximum(ours.std(0), 1), 0.5, 2))
    changed = (lab - ours.mean(0)) * gain + theirs.mean(0)
    return cv2.cvtColor(changed.clip(0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)


def lay_over(view: View, picture: Picture, alpha: FloatArray, part: int, shade: float) -> View:
    """Blend `picture` over a view where `alpha` is, which becomes `part`; darken what lies below and beside it."""
    shadow = cv2.GaussianBlur(np.roll(alpha, 2, 0), (0, 0), 3.0) * (1 - alpha) * shade
    under = view.image * (1 - shadow[..., None])
    image = under * (1 - alpha[..., None]) + picture * alpha[..., None]
    label = np.where((alpha > 0.5) & (view.label != IGNORE), part, view.label).astype(np.uint8)
    return replace(view, image=image.clip(0, 255).astype(np.uint8), label=label)


def paste_hair(view: View, donor: View, rng: np.random.Generator, *, on_head: bool) -> View:
    """Put a donor's hair on; with `on_head` only where the head is, so that the outline stays the person's own."""
    alpha = matte(donor.label == HAIR, donor.image)
    if on_head:
        alpha *= cv2.GaussianBlur(np.isin(view.label, HEAD).astype(np.float32), (0, 0), 1.0)
    chosen, own = donor.label == HAIR, view.label == HAIR
    if alpha.sum() < FEWEST or chosen.sum() < FEWEST:
        return view
    picture = donor.image
    if own.sum() > FEWEST and rng.random() < (0.8 if on_head else 0.5):
        picture = match_colours(picture, chosen, view.image, own)
    return lay_over(view, picture, alpha, HAIR, rng.uniform(0, 0.4))


def shave(view: View, rng: np.random.Generator) -> View:
    """Turn short hair into bare scalp: the skin below spread over it, with light and grain; long hair stays."""
    hair, skin = view.label == HAIR, view.label == SKIN
    if min(hair.sum(), skin.sum()) < FEWEST or np.nonzero(hair)[0].max() > view.landmarks[NOSE_TIP, 1]:
        return view
    weight = cv2.erode(skin.astype(np.float32), np.ones((5, 5)))
    weight[int(view.landmarks[NOSE_TIP, 1]) :] *= 0.05
    near, far = ((0, 0), float(rng.uniform(5, 9))), ((0, 0), 25.0)
    sums, total = (sum(0.1**i * cv2.GaussianBlur(plane, *blur) for i, blur in enumerate((near, far)))
                   for plane in (view.image * weight[..., None], weight))  # fmt: skip
    light = cv2.GaussianBlur(rng.normal(0, 1, (*hair.shape, 1)).astype(np.float32), (0, 0), 14.0) * rng.uniform(0, 10)
    grain = cv2.GaussianBlur(rng.normal(0, 1, hair.shape).astype(np.float32), (0, 0), 0.7) * rng.uniform(0, 8)
    scalp = sums / np.maximum(total, 1e-4)[..., None] * np.exp(light)[..., None] + grain[..., None]
    wide = (cv2.dilate(hair.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & (hair | skin)
    return lay_over(view, scalp.clip(0, 255).astype(np.uint8), matte(wide, view.image), SKIN, 0.0)


def paste_hat(view: View, donor: View, rng: np.random.Generator) -> View:
    """Put a donor's hat on; hair that would stick out above its brim gives way to the donor's background."""
    hat = donor.label == HAT
    if hat.sum() < FEWEST:
        return view
    brim = np.quantile(np.nonzero(hat)[0], 0.9)
    above = np.arange(len(hat))[:, None] < brim
    gone = above & np.isin(view.label, (HAIR, HAT)) & (donor.label == BACKGROUND)
    alpha = cv2.GaussianBlur(cv2.dilate(gone.astype(np.float32), np.ones((5, 5))), (0, 0), 1.0)
    alpha *= donor.label == BACKGROUND
    view = lay_over(view, donor.image, alpha, BACKGROUND, 0.0)
    return lay_over(view, relit(donor, view, rng), matte(hat, donor.image), HAT, rng.uniform(0, 0.5))


def paste_glasses(view: View, donor: View, rng: np.random.Generator) -> View:
    """Put a donor's glasses on, with what their lenses show; hair of either person stays in front."""
    glasses = donor.label == GLASSES
    if glasses.sum() < FEWEST or (view.label == GLASSES).any():
        return view
    alpha = matte(glasses, donor.image) * (view.label != HAIR)
    return lay_over(view, relit(donor, view, rng), alpha, GLASSES, rng.uniform(0, 0.3))


def relit(donor: View, view: View, rng: np.random.Generator) -> Picture:
    """Return the donor's picture in about the light of the view, as their skins tell, more often than not."""
    ours, theirs = donor.label == SKIN, view.label == SKIN
    if rng.random() < 0.4 or min(ours.sum(), theirs.sum()) < FEWEST:
        return donor.image
    gain = np.clip(view.image[theirs].mean(0) / np.maximum(donor.image[ours].mean(0), 1), 0.5, 1.6)
    return (donor.image * gain).clip(0, 255).astype(np.uint8)


def replace_background(view: View, donor: View, rng: np.random.Generator) -> View:
    """Put a view before another picture, out of focus."""
    alpha = cv2.GaussianBlur((view.label == BACKGROUND).astype(np.float32), (0, 0), 0.8)
    picture = cv2.GaussianBlur(np.rot90(donor.image, int(rng.integers(4))), (0, 0), float(rng.uniform(2, 25)))
    picture = np.clip(picture * rng.uniform(0.3, 1.5, 3), 0, 255).astype(np.uint8)
    return lay_over(view, picture, alpha, BACKGROUND, 0.0)
