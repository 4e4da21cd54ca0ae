"""What the attribute editor is trained on: both critics, how much changes, and where the landmarks lie.

The losses of AttGAN (He et al. 2019) and STGAN (Liu et al. 2019), on codes and on the pictures that they decode to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from facemorph.attributes import ATTRIBUTES, SHADE
from facemorph.edit.paint import shade
from facemorph.edit.regions import region_of_change
from facemorph.models import AttributeEditor, FaceAutoencoder, Latent
from training.editor.critics import CodeCritic, PictureCritic, PictureFeatures, Verdict
from training.loop.distributed import Evened, unshared

READ, KEPT, SIZE, PIXELS, LANDMARKS = 8.0, 10.0, 0.02, 2.0, 20.0
"""Weights beside the adversarial term: attributes asked for, attributes left alone, size of the change in the code and
in the picture, distance of the landmarks in parts of the side."""
MARKED = 8
"""On so many pictures of a batch the landmarks are compared."""

Points = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Faces:
    """B warped faces.

    Attributes:
        spatial: (B, C, h, w) codes.
        compact: (B, D) unit vectors.
        points: (B, 68, 2) landmarks, parts of the side.
        present: (B, K) attributes in [-1, 1].
    """

    spatial: torch.Tensor
    compact: torch.Tensor
    points: torch.Tensor
    present: torch.Tensor


@dataclass(frozen=True)
class Shown:
    """Faces as the critics see them: normalised codes, pictures, and their features."""

    code: torch.Tensor
    picture: torch.Tensor
    features: list[torch.Tensor]

    def detached(self) -> Shown:
        """Return the same without the way back to the editor."""
        return Shown(self.code.detach(), self.picture.detach(), [x.detach() for x in self.features])


@dataclass(frozen=True)
class Stage:
    """What plays: the editor, the fixed networks that show what it does, and the critics."""

    editor: AttributeEditor
    autoencoder: FaceAutoencoder
    features: PictureFeatures
    landmarks: Points
    code_critic: CodeCritic
    picture_critic: PictureCritic
    mixed: bool = True
    """Whether networks compute in bfloat16."""

    def show(self, spatial: torch.Tensor, compact: torch.Tensor) -> Shown:
        """Decode faces and look at them."""
        with torch.autocast(spatial.device.type, torch.bfloat16, enabled=self.mixed):
            picture = self.autoencoder.decode(Latent(spatial, compact))
        return self.look(spatial, picture)

    def look(self, spatial: torch.Tensor, picture: torch.Tensor) -> Shown:
        """Look at decoded faces."""
        with torch.autocast(spatial.device.type, torch.bfloat16, enabled=self.mixed):
            features = self.features(picture)
        return Shown((spatial - self.editor.code_mean) / self.editor.code_std, picture, features)

    def judge(self, shown: Shown, attributes: torch.Tensor) -> tuple[Verdict, Verdict]:
        """Return what both critics say of faces that are said to have (B, K) attributes."""
        with torch.autocast(attributes.device.type, torch.bfloat16, enabled=self.mixed):
            return self.code_critic(shown.code, attributes), self.picture_critic(shown.features, attributes)

    def edit(self, faces: Faces, change: torch.Tensor, before: Shown) -> Shown:
        """Change (B, K) attributes of faces where they may show, as `facemorph.morph.edit_pictures` does.

        What grows dark there is shown with all of its colours here.
        """
        with torch.autocast(change.device.type, torch.bfloat16, enabled=self.mixed):
            code = self.editor.change_code(faces.spatial, faces.compact, faces.points, faces.present, change)
            picture = self.autoencoder.decode(Latent(code, faces.compact))
        kinds = [ATTRIBUTES[name] for name in self.editor.config.attributes]
        regions = [kind.region for kind in kinds]
        mask = region_of_change(change, regions, faces.points, torch.ones_like(picture[:, :1], dtype=torch.float32))
        recolours = torch.tensor([kind.painting != SHADE for kind in kinds], device=change.device)
        kept = ~((change != 0) & recolours).any(1).reshape(-1, 1, 1, 1)
        delta = picture - before.picture
        return self.look(code, before.picture + mask * torch.where(kept, shade(delta, SHADE.finer_than), delta))


def probabilities(attributes: torch.Tensor, centre: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    """Return what to read of (B, K) attributes in [-1, 1]: probabilities, spread over all of what people show.

    Most people are middle-aged, so that `(attributes + 1) / 2` of their ages would hardly differ.

    Args:
        attributes: (B, K).
        centre: (K,), where graded attributes are read as even odds.
        slope: (K,), by how much the log-odds of these grow; 0 for attributes that one has or has not.
    """
    graded = torch.sigmoid(slope * (attributes - centre))
    return torch.where(slope > 0, graded, ((attributes + 1) / 2).clamp(0, 1))


def critic_loss(
    real: tuple[Verdict, Verdict], edited: tuple[Verdict, Verdict], truth: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Return the hinge loss of telling real from edited, and that of reading the (B, K) probabilities `truth`."""
    telling = torch.stack([F.relu(1 - verdict.score).mean() for verdict in real]).sum()
    telling = telling + torch.stack([F.relu(1 + verdict.score).mean() for verdict in edited]).sum()
    reading = torch.stack([F.binary_cross_entropy_with_logits(verdict.read, truth) for verdict in real]).mean()
    return {"critic": telling + reading, "told": telling / 2, "read": reading}


def editor_loss(
    real: tuple[Verdict, Verdict],
    edited: tuple[Verdict, Verdict],
    wanted: torch.Tensor,
    asked: torch.Tensor,
    evened: Evened = unshared,
) -> dict[str, torch.Tensor]:
    """Return how well edits pass for real, show what is asked and keep what is read of the rest, before weighting.

    Args:
        real: of the faces before.
        edited: of the faces after.
        wanted: (B, K), probabilities that the attributes asked for are to be read with.
        asked: (B, K) bool.
        evened: how an amount is evened out among the processes (`Processes.evening`).
    """
    score = torch.stack([verdict.score.mean() for verdict in edited]).sum()
    shown, kept = [], []
    for before, after in zip(real, edited, strict=True):
        target = torch.where(asked, wanted, before.read.sigmoid())
        least = F.binary_cross_entropy(target.clamp(1e-4, 1 - 1e-4), target.clamp(1e-4, 1 - 1e-4), reduction="none")
        errors = F.binary_cross_entropy_with_logits(after.read, target, reduction="none") - least
        shown.append(errors[asked].sum() / evened(asked.float().sum(), 1))
        kept.append(errors[~asked].sum() / evened((~asked).float().sum(), 1))
    return {"score": score, "asked": torch.stack(shown).mean(), "kept": torch.stack(kept).mean()}


def change_terms(stage: Stage, before: Shown, after: Shown, marked: int = MARKED) -> dict[str, torch.Tensor]:
    """Return how much the code and the picture change, and how far the landmarks move within their geometry.

    The landmarks are those of the first `marked` faces.
    """
    with torch.no_grad():
        marks = stage.landmarks(before.picture[:marked].float())
    moved = (stage.landmarks(after.picture[:marked].float()) - marks).abs().mean()
    size = ((after.code - before.code).square().sum(1) + 1e-4).sqrt().mean()
    return {"size": size, "pixels": (after.picture - before.picture).abs().mean(), "landmarks": moved}


def total(terms: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the editor's weighted loss."""
    return (
        READ * terms["asked"]
        + KEPT * terms["kept"]
        + SIZE * terms["size"]
        + PIXELS * terms["pixels"]
        + LANDMARKS * terms["landmarks"]
        - terms["score"]
    )
