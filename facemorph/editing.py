"""Edits of attributes, wired to the networks: of one face, or along the frames of a morph."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from facemorph import attributes, images
from facemorph.align import AlignedFace
from facemorph.attributes import Curve
from facemorph.edit import edit_pictures
from facemorph.models import AttributeEditorConfig
from facemorph.morph import resize
from facemorph.networks import Networks


class Editing:
    """What an editor that knows K attributes does to pictures; without an editor it offers nothing.

    Attributes:
        offered: names of the attributes that may be asked for.
    """

    def __init__(self, networks: Networks, config: AttributeEditorConfig | None) -> None:
        self._networks = networks
        self._known: tuple[str, ...] = () if config is None else config.attributes
        self.offered: tuple[str, ...] = () if config is None else config.offered

    def present(self, *faces: AlignedFace) -> torch.Tensor:
        """Return how far N faces have each attribute that the editor knows, (N, K) in [-1, 1]."""
        size = self._networks.image_size
        return torch.cat([self._networks.present(resize(images.to_tensor(face.image), size)) for face in faces])

    def apply(
        self,
        pictures: torch.Tensor,
        points: torch.Tensor,
        present: torch.Tensor,
        alphas: torch.Tensor,
        edits: Mapping[str, Curve],
    ) -> torch.Tensor:
        """Change pictures as curves ask for.

        Args:
            pictures: (T, 3, S, S) in [0, 1].
            points: (T, 68, 2) landmarks, parts of the side.
            present: (T, K) in [-1, 1], what each picture has already.
            alphas: (T,) in [0, 1], where on the curves each picture stands.
            edits: strengths at even distances from alpha 0 to 1, by attribute.

        Returns:
            (T, 3, S, S) in [0, 1].
        """
        readings = [present.numpy(), self._networks.likely(present).numpy()]  # what one of them allows is done
        added = attributes.changes_along(edits, self._known, readings, alphas.numpy())
        kinds = [attributes.ATTRIBUTES[name] for name in self._known]
        return edit_pictures(pictures, points, present, torch.from_numpy(added), kinds, self._networks)

    def warnings(self, strengths: Mapping[str, float], present: torch.Tensor) -> tuple[str, ...]:
        """Return what is worth knowing about edits of a face that has (K,) `present` already."""
        likely = self._networks.likely(present.unsqueeze(0))[0].tolist()
        return attributes.edit_warnings(strengths, dict(zip(self._known, likely, strict=True)))
