"""Mark hair in packed crops without a teacher: colours fitted photo by photo, where hair can be.

    python -m training.masks.label_hair --packed packed/crops.npz --masks packed/masks.npz --out packed/hair.npz

No package that can be had ships a network that knows hair. But where face and outline are known, most of it follows:
skin looks like the cheeks, clothes lie below the chin, and what else belongs to the person is hair. Each photo gets
three mixtures of Gaussians (skin, hair, clothes) over colour and texture, fitted by expectation-maximisation from a
prior in the frame of the mean face, and made smooth along edges by mean-field steps of a contrast-sensitive Potts model
(GrabCut: Rother, Kolmogorov & Blake 2004; Krähenbühl & Koltun 2011). A label in doubt gets a low weight. The labels are
noisy one by one; a network that learns from thousands averages the noise away.

A hat counts as hair: what sits on the head. Beard and brows do not.

The file holds `index`, the rows of the pack, `person` and `hair` (N, 64, 64) uint8, 255 for sure, hair never above
person, and `weight` (N, 64, 64) uint8, 255 where the hair label can be trusted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from facemorph import checkpoint
from facemorph.models import PersonMask
from training.data.crops import decode_crop
from training.masks.face_maps import LABEL_SIZE, Face, read_face

SKIN, HAIR, CLOTHES = range(3)
COMPONENTS = 3
"""Gaussians in each of the three mixtures."""
ROUNDS = 3
"""Steps of expectation-maximisation."""
FAR = 14.0
"""A place counts as no stranger to a mixture than one at this squared Mahalanobis distance."""
ALIEN = 10.0
"""The squared Mahalanobis distance from the cheeks at which a place may as well be skin as not."""
TRUST = 0.5
"""Neighbouring places are not independent witnesses: log-likelihoods count this much."""
SMOOTHNESS = 4.8
"""Log-odds that neighbours give who agree among themselves."""
CONTRAST = 1.0
"""Difference of features across which two neighbours need not agree."""
BALD = 0.3
"""Where no more than this part of the crown is alien to the cheeks, the head may as well be bald as not."""


def features(x: torch.Tensor) -> torch.Tensor:
    """Return lightness, two opponent colours and texture, scaled alike, (B, 4, 64, 64), of (B, 3, 128, 128) crops."""
    red, green, blue = x.clamp(1e-4).pow(1 / 1.2).unbind(1)
    light = ((red + green + blue) / 3)[:, None]
    variance = F.avg_pool2d(light**2, 5, 1, 2) - F.avg_pool2d(light, 5, 1, 2) ** 2
    texture = (variance.clamp(0).sqrt() + 0.01).log()
    planes = [8 * light[:, 0], 20 * (red - green), 14 * ((red + green) / 2 - blue), 0.8 * texture[:, 0]]
    return F.adaptive_avg_pool2d(torch.stack(planes, 1), LABEL_SIZE)


def log_prior(face: Face) -> torch.Tensor:
    """Return where skin, hair and clothes can be, log-probabilities (B, 3, 64, 64), before any colour is seen."""
    x, y, outside = face.x, face.y, face.depth <= 0
    hairline = -1.52 + 0.7 * (x - 0.55).clamp(0, 0.6)
    above = (0.94 * torch.sigmoid((hairline - y) / 0.13)).clamp(0.02)
    rim = torch.where(y < -0.1, 0.12 * torch.exp(-face.depth.clamp(0) / 0.08), 0.0)  # strands over the cheeks
    fringe = 0.04 * torch.sigmoid((-0.45 - y) / 0.1)
    inside = torch.maximum(rim, fringe).clamp(0.004)
    long_hair = (0.6 - 0.35 * torch.sigmoid((y - 0.8) / 0.2)) * torch.sigmoid((x - 0.9) / 0.1)
    beside = torch.where(x < 0.8, 0.01, long_hair).clamp(0.01)
    hair = torch.where(y < -0.95, above, torch.where(outside, beside, inside))
    temples = torch.where((x > 0.9) & (y < -0.3) & outside, 0.5 * torch.sigmoid((x - 1.0) / 0.08), 0.0)
    hair = torch.maximum(hair, temples)
    clothes = 0.75 * torch.sigmoid((y - 0.85 + 0.2 * (x - 0.9).clamp(0)) / 0.15) * outside + 1e-4
    clothes = clothes * (1 - hair)
    return torch.stack([1 - hair - clothes, hair, clothes], 1).log()


def gaussians(f: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Fit a Gaussian to each of K weightings of the places; return log-densities (B, K, N), up to a constant.

    Args:
        f: (B, D, N) features.
        weight: (B, K, N), not negative. The fewer places, the wider the Gaussian.
    """
    mass = weight.sum(-1, keepdim=True) + 1e-3  # (B, K, 1)
    off = f[:, None] - (weight @ f.mT / mass)[..., None]  # (B, K, D, N)
    covariance = (off * weight[:, :, None]) @ off.mT / mass[..., None]
    covariance = covariance + (0.12 + (8 / mass[..., None]).clamp(max=4)) * torch.eye(f.shape[1])
    factor = torch.linalg.cholesky(covariance)
    white = torch.linalg.solve_triangular(factor, off, upper=False)
    return -0.5 * white.square().sum(2) - factor.diagonal(dim1=-2, dim2=-1).log().sum(-1, keepdim=True)


def split(f: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Divide (B, N) weights among COMPONENTS by lightness, (B, COMPONENTS, N)."""
    light, mass = f[:, 0], weight.sum(-1, keepdim=True) + 1e-3
    mean = (weight * light).sum(-1, keepdim=True) / mass
    deviation = ((weight * (light - mean) ** 2).sum(-1, keepdim=True) / mass).sqrt() + 0.1
    centres = torch.linspace(-1, 1, COMPONENTS).reshape(1, -1, 1)
    return weight[:, None] * (-((((light - mean) / deviation)[:, None] - centres) ** 2)).softmax(1)


def mixture(f: torch.Tensor, parts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Fit a mixture to (B, C, N) weighted parts; return its log-likelihood (B, N) and the parts' shares (B, C, N)."""
    share = parts.sum(-1, keepdim=True) / (parts.sum((1, 2), keepdim=True) + 1e-3)
    log_density = gaussians(f, parts) + (share + 1e-3).log()
    floor = torch.full_like(log_density[:, :1], -0.5 * FAR)
    return torch.logsumexp(torch.cat([log_density, floor], 1), 1), log_density.softmax(1)


def neighbours(f: torch.Tensor, person: torch.Tensor) -> list[tuple[tuple[int, int], torch.Tensor]]:
    """Return offsets and how much each place listens there, (B, 1, 64, 64); together 1 on even ground in a person."""
    steps = [(0, 1), (1, 0), (1, 1), (1, -1), (0, -1), (-1, 0), (-1, -1), (-1, 1)]
    pairs = []
    for offset in [(reach * down, reach * across) for reach in (1, 2, 4) for down, across in steps]:
        contrast = (f - f.roll(offset, (2, 3))).square().sum(1, keepdim=True)
        pairs.append((offset, torch.exp(-contrast / (2 * CONTRAST**2)) * person.roll(offset, (2, 3)) / 24))
    return pairs


def smooth(unary: torch.Tensor, pairs: list[tuple[tuple[int, int], torch.Tensor]], steps: int = 3) -> torch.Tensor:
    """Return posteriors (B, 3, 64, 64) of log-probabilities `unary` after mean-field steps."""
    q = unary.softmax(1)
    for _ in range(steps):
        heard = torch.zeros_like(q)
        for offset, listens in pairs:
            heard += listens * q.roll(offset, (2, 3))
        q = (unary + SMOOTHNESS * heard).softmax(1)
    return q


def learnt_prior(prior: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Put a network's opinion of hair, (B, 64, 64) shares of the person, in the place of `log_prior`'s."""
    hair = share.clamp(0.01, 0.99)
    others = prior.exp()
    others = others / (1 - others[:, HAIR : HAIR + 1]) * (1 - hair[:, None])
    others[:, HAIR] = hair
    return others.log()


def parts_of_person(
    f: torch.Tensor, face: Face, person: torch.Tensor, share: torch.Tensor | None = None
) -> tuple[torch.Tensor, ...]:
    """Divide each person into skin, hair and clothes.

    Args:
        f: (B, D, 64, 64) features.
        face: of the same crops.
        person: (B, 1, 64, 64) in [0, 1].
        share: (B, 64, 64), a network's opinion of hair as a share of the person, if there is one.

    Returns:
        (B, 3, 64, 64) posteriors, given that the place is person; (B, 64, 64) squared Mahalanobis distances from the
        cheeks; (B, 1, 1) how sure it is that the head is bald, in [0, 1].
    """
    flat, shape = f.flatten(2), person[:, 0].shape
    inside = ((person[:, 0] > 0.8) * (1 - face.marks)).flatten(1)
    cheeks = face.cheeks.flatten(1) * inside
    like_cheeks = gaussians(flat, cheeks[:, None])[:, 0]
    distance = 2 * (like_cheeks.amax(1, keepdim=True) - like_cheeks)
    alien = torch.sigmoid((distance - ALIEN) / 2)
    crown = ((face.y < -1.35) * (person[:, 0] > 0.9)).flatten(1)
    bald = torch.sigmoid((BALD - (alien * crown).sum(1) / crown.sum(1).clamp_min(1)) / 0.04).reshape(-1, 1, 1)
    prior = log_prior(face)
    if share is None:
        high, low = (face.y < -0.2).flatten(1), (face.y > 0.9).flatten(1)
        seeds = torch.stack([1 - alien, alien * high, alien * low], 1)
        prior[:, SKIN] -= ((distance - ALIEN) / 4).clamp(-2.5, 1).reshape(shape)
        prior[:, HAIR] -= 2 * bald
    else:
        seeds = torch.ones_like(prior).flatten(2)
        prior = learnt_prior(prior, share)
    q = prior.softmax(1).flatten(2) * inside[:, None]
    start = q * seeds
    start[:, SKIN] += cheeks
    parts, pairs = [split(flat, weight) for weight in start.unbind(1)], neighbours(f, person)
    for _ in range(ROUNDS):
        fits = [mixture(flat, part) for part in parts]
        likelihood = torch.stack([fit[0] for fit in fits], 1).reshape(prior.shape)
        posterior = smooth(prior + TRUST * likelihood, pairs)
        q = posterior.flatten(2) * inside[:, None]
        q[:, SKIN] = torch.maximum(q[:, SKIN], cheeks)
        parts = [fits[k][1] * q[:, k : k + 1] for k in range(3)]
    return posterior, distance.reshape(shape), bald


def trust_in_hair(posterior: torch.Tensor, distance: torch.Tensor, bald: torch.Tensor, face: Face) -> torch.Tensor:
    """Return how far the hair label can be trusted, (B, 64, 64) in [0, 1]; arguments as `parts_of_person` returns."""
    hair, skin = posterior[:, HAIR], posterior[:, SKIN]
    weight = 2 * torch.maximum(hair, 1 - hair) - 1
    weight = weight * torch.where((hair > 0.5) & (distance < 6), 0.3, 1.0)
    weight = weight * torch.where((skin > 0.5) & (face.y < -0.9) & (distance > 14), 0.3, 1.0)
    weight = weight * torch.where((hair > 0.5) & (face.y < -0.3), 1 - 0.7 * bald, 1.0)
    hair_above = torch.stack([hair.roll(down, 1) for down in (3, 4, 5, 6)]).amax(0)
    weight = torch.where(face.brows > 0, 1 - hair_above, weight)  # brow or fringe: who knows
    strand = (face.y > -1.15) & (face.y < -0.3) & (distance > ALIEN) & (hair < 0.5) & (face.x < 1)
    return torch.where(strand, weight * (1 - hair_above), weight)


def guided(mask: torch.Tensor, guide: torch.Tensor, radius: int = 3, eps: float = 2e-3) -> torch.Tensor:
    """Filter (B, 1, h, w) masks along the edges of (B, 1, h, w) guides (He, Sun & Tang 2010, equations 5, 6 and 8)."""

    def mean(plane: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(plane, 2 * radius + 1, 1, radius, count_include_pad=False)

    guide_mean, mask_mean = mean(guide), mean(mask)
    slope = (mean(guide * mask) - guide_mean * mask_mean) / (mean(guide * guide) - guide_mean**2 + eps)
    return (mean(slope) * guide + mean(mask_mean - slope * guide_mean)).clamp(0, 1)


def label(
    x: torch.Tensor, person: torch.Tensor, landmarks: npt.NDArray[np.float32], share: torch.Tensor | None = None
) -> tuple[torch.Tensor, ...]:
    """Return person, hair, and how far the hair can be trusted, three (B, 64, 64) in [0, 1].

    Args:
        x: (B, 3, 128, 128) crops in [0, 1].
        person: (B, 1, m, m) in [0, 1], where the person is.
        landmarks: (B, 68, 2), crop pixels.
        share: (B, 64, 64), a network's opinion of hair as a share of the person, if there is one.
    """
    person = F.interpolate(person, size=(LABEL_SIZE, LABEL_SIZE), mode="bilinear")
    person = guided(person, F.adaptive_avg_pool2d(x.mean(1, keepdim=True), LABEL_SIZE))
    face = read_face(landmarks)
    posterior, distance, bald = parts_of_person(features(x), face, person, share)
    hair, person = posterior[:, HAIR], person[:, 0]
    if share is None:
        weight = trust_in_hair(posterior, distance, bald, face)
        hair = hair * (1 - face.marks)
    else:
        hair = torch.where(face.marks > 0, share, hair)
        weight = 1 - (hair - share).abs()
    return person, hair * person, 1 - (1 - weight) * person


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True, help="the teacher's person masks")
    parser.add_argument("--checkpoint", type=Path, default=checkpoint.CHECKPOINTS / "person-mask",
                        help="a person mask for the rows that the teacher did not mark")  # fmt: skip
    parser.add_argument("--refine", action="store_true", help="believe that mask's hair rather than the mean face's")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=16)
    args = parser.parse_args()
    packed, teacher = np.load(args.packed), np.load(args.masks)
    content, offset, landmarks = packed["content"], packed["offset"], packed["landmarks"].astype(np.float32)
    index = np.flatnonzero(packed["source"] != "utkface")  # those chips show little of what surrounds a face
    masks, row_of = teacher["mask"], {int(index): row for row, index in enumerate(teacher["index"])}
    model = PersonMask.from_checkpoint(args.checkpoint)
    labels = [np.empty((len(index), LABEL_SIZE, LABEL_SIZE), np.uint8) for _ in range(3)]
    with torch.inference_mode():
        for start in range(0, len(index), args.batch):
            rows = index[start : start + args.batch]
            crops = np.stack([decode_crop(content[offset[i] : offset[i + 1]]) for i in rows])
            x = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
            parts = model.parts(x)
            person = F.interpolate(parts[:, :1], size=masks.shape[1:], mode="area")
            share = parts[:, 1] / parts[:, 0].clamp_min(1e-3) if args.refine else None
            for place, i in enumerate(rows):
                if i in row_of:
                    person[place, 0] = torch.from_numpy(masks[row_of[i]]).float() / 255
            for array, part in zip(labels, label(x, person, landmarks[rows], share), strict=True):
                array[start : start + len(rows)] = (255 * part).round().byte().numpy()
    person_label, hair, weight = labels
    np.savez_compressed(args.out, index=index, person=person_label, hair=hair, weight=weight)
    print(f"{len(hair)} crops, {person_label.mean() / 255:.2f} of their area is person, {hair.mean() / 255:.2f} hair")


if __name__ == "__main__":
    main()
