"""The handlers of the still: one frame whose shape and appearance stand at places of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from facemorph.errors import FaceMorphError
from facemorph.render import save_still
from facemorph.settings import Quality
from facemorph.ui.edits import Edits, curves
from facemorph.ui.guard import guarded
from facemorph.ui.handlers import ChosenFace, missing, note
from facemorph.ui.texts import Language, describe_error, file_size, language_of

if TYPE_CHECKING:
    from facemorph.pipeline import FaceMorpher


class StillView(NamedTuple):
    """What changes on the page when a still is rendered; the order of the event's outputs."""

    picture: Any
    note: Any
    png: Any


@dataclass(frozen=True)
class StillHandlers:
    """Render the still. They are generators, so that its file is there until Gradio has copied it."""

    morpher: FaceMorpher

    @guarded
    def show(
        self,
        chosen_a: ChosenFace | None,
        chosen_b: ChosenFace | None,
        shape: float,
        appearance: float,
        size: int,
        quality: Quality,
        edits: Edits,
        request: gr.Request,
    ) -> Iterator[StillView]:
        """Render the frame that the sliders ask for, with the attributes that are set."""
        language = language_of(request)
        if chosen_a is None or chosen_b is None:
            yield _no_still()._replace(note=note(missing(chosen_a, chosen_b, language), "error"))
            return
        yield from self._render(chosen_a, chosen_b, shape, appearance, size, quality, edits, language)

    @guarded
    def follow(
        self,
        is_open: bool,
        chosen_a: ChosenFace | None,
        chosen_b: ChosenFace | None,
        shape: float,
        appearance: float,
        size: int,
        quality: Quality,
        edits: Edits,
        request: gr.Request,
    ) -> Iterator[StillView]:
        """Render it anew when something else has changed, if it is in view; take it away when a face is gone."""
        if chosen_a is None or chosen_b is None:
            yield _no_still()  # and a note may stay: opening the accordion must not wipe what a slider has just said
        elif is_open:
            yield from self._render(chosen_a, chosen_b, shape, appearance, size, quality, edits, language_of(request))
        else:
            yield _unchanged()

    def _render(
        self,
        chosen_a: ChosenFace,
        chosen_b: ChosenFace,
        shape: float,
        appearance: float,
        size: int,
        quality: Quality,
        edits: Edits,
        language: Language,
    ) -> Iterator[StillView]:
        try:
            pixels = self.morpher.frame(
                chosen_a.face,
                chosen_b.face,
                float(appearance),
                int(size),
                shape=float(shape),
                quality=quality,
                edits=curves(edits),
            )
            with tempfile.TemporaryDirectory(prefix="facemorph-") as folder:
                file = save_still(Path(folder) / "facemorph-frame.png", pixels)
                label = f"PNG · {file_size(file.num_bytes)}"
                yield StillView(
                    gr.update(value=str(file.path), visible=True),
                    "",
                    gr.update(label=label, value=str(file.path), visible=True),
                )
        except FaceMorphError as error:
            yield _unchanged()._replace(note=note(describe_error(error, language), "error"))


def _no_still() -> StillView:
    return StillView(gr.update(value=None, visible=False), gr.skip(), gr.update(value=None, visible=False))


def _unchanged() -> StillView:
    return StillView(gr.skip(), gr.skip(), gr.skip())
