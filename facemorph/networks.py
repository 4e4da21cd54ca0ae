"""The networks as `facemorph.morph` and `facemorph.edit` see them: their `Codec`s, over real models."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from facemorph.align import mirrored
from facemorph.models import AttributeEditor, Autoencoder, Latent, LatentPrior, PaceNetwork, PartsParser
from facemorph.models.parts_parser import person_and_hair
from facemorph.morph import resize

REPAIR = 1.0
"""How faulty the latent prior takes a code for that belongs to two photos by halves."""
REPAIR_STEPS = 2


class Networks:
    """All networks of a morpher; bfloat16 where the processor multiplies it natively."""

    def __init__(
        self,
        model: Autoencoder,
        parser: PartsParser,
        pace: PaceNetwork,
        prior: LatentPrior | None,
        editor: AttributeEditor | None,
        device: torch.device,
    ) -> None:
        self._model = model.to(device)
        self._parser = parser.to(device)
        self._pace = pace.to(device)
        self._prior = None if prior is None else prior.to(device)
        self._editor = None if editor is None else editor.to(device)
        self._device = device
        self._reduced = device.type == "cuda" or _has_bfloat16()
        self.image_size = model.config.image_size
        self.repairs = prior is not None

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(B, 3, s, s) in [0, 1] → spatial and compact code; None where there is no such code."""
        with self._precision():
            z = self._model.encode(self._placed(x)).mode()
        return z.spatial.float().cpu(), None if z.compact is None else z.compact.float().cpu()

    def decode(self, spatial: torch.Tensor, compact: torch.Tensor | None) -> torch.Tensor:
        """Codes → (B, 3, s, s) in about [0, 1]."""
        z = Latent(self._placed(spatial), None if compact is None else compact.to(self._device))
        with self._precision():
            return self._model.decode(z).float().cpu().contiguous()

    def repair(self, spatial: torch.Tensor, compact: torch.Tensor | None, divided: torch.Tensor) -> torch.Tensor:
        """Spatial codes of two photos → of one, where `divided` (B, 1, h, w) in [0, 1] is above 0."""
        if self._prior is None or compact is None:
            return spatial
        noise = torch.zeros_like(spatial[:1])
        with self._precision():
            repaired: torch.Tensor = self._prior.refine(
                spatial.to(self._device),
                compact.to(self._device),
                REPAIR * divided.to(self._device),
                noise,
                REPAIR_STEPS,
            )
        return repaired.float().cpu()

    def present(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, s, s) in [0, 1] → (B, K) in [-1, 1], how far faces have each attribute."""
        spatial, compact = self.encode(x)
        if self._editor is None or compact is None:
            return torch.zeros(len(x), 0)
        present: torch.Tensor = self._editor.present(spatial.to(self._device), compact.to(self._device)).cpu()
        return present

    def likely(self, present: torch.Tensor) -> torch.Tensor:
        """(B, K) readings of `present` → (B, K) in [-1, 1], what they mean."""
        if self._editor is None:
            return present
        likely: torch.Tensor = self._editor.likely(present.to(self._device)).cpu()
        return likely

    def move(self, change: torch.Tensor) -> torch.Tensor:
        """(B, K) changes of attributes → (B, 68, 2), by how much landmarks move, parts of the side."""
        assert self._editor is not None
        moved: torch.Tensor = self._editor.move(change.to(self._device)).cpu()
        return moved

    def tint(self, change: torch.Tensor, column: int, colour: torch.Tensor, skin: torch.Tensor) -> torch.Tensor:
        """(B, 4) colours of a part and (B, 3) of the skin → colours of the part as (B, K) changes make it."""
        assert self._editor is not None
        placed = (x.to(self._device) for x in (colour, skin))
        tinted: torch.Tensor = self._editor.tint(change.to(self._device), column, *placed).cpu()
        return tinted

    def changed(
        self, x: torch.Tensor, points: torch.Tensor, present: torch.Tensor, change: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures (B, 3, s, s) in the geometry of `points` → decoded as they are, and with changed attributes.

        Both are means over the picture and its mirror image: faces are alike on both sides, what networks do is not.
        """
        assert self._editor is not None
        spatial, compact = self.encode(torch.cat([x, x.flip(-1)]))
        assert compact is not None
        points = torch.cat([points, mirrored(points)]).float()
        placed = (z.to(self._device) for z in (spatial, compact, points, present.repeat(2, 1), change.repeat(2, 1)))
        with self._precision():
            changed = self._editor.change_code(*placed).cpu()
        decoded = self.decode(torch.cat([spatial, changed]), compact.repeat(2, 1))
        before, before_mirrored, after, after_mirrored = decoded.chunk(4)
        return (before + before_mirrored.flip(-1)) / 2, (after + after_mirrored.flip(-1)) / 2

    def change(self, frames: torch.Tensor) -> torch.Tensor:
        """(T, 3, s, s) in [0, 1] → (T - 1,), how much the eye sees change from frame to frame."""
        size = self._pace.config.image_size
        change: torch.Tensor = self._pace(self._placed(resize(frames, size)))
        return change.cpu()

    def classes(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, s, s) in [0, 1] → (B, 19, m, m) in [0, 1], how likely each place shows each of `CLASSES`."""
        small = resize(x, self._parser.config.image_size)
        with self._precision():
            return self._parser.parts(self._placed(small)).cpu()

    def parts(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, s, s) in [0, 1] → (B, 2, m, m) in [0, 1], where the person and where the person's hair is."""
        return person_and_hair(self.classes(x))

    def _placed(self, x: torch.Tensor) -> torch.Tensor:
        return x.to(self._device).contiguous(memory_format=torch.channels_last)

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast(self._device.type, torch.bfloat16) if self._reduced else nullcontext()


def _has_bfloat16() -> bool:
    if not hasattr(torch.cpu, "get_capabilities"):
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
