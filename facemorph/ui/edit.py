"""The accordion in which attributes are edited: on one photo, before and after, and along the morph."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from facemorph.attributes import CURVES, CurveName
from facemorph.errors import FaceMorphError
from facemorph.render import save_still
from facemorph.ui.edits import CONSTANT, Edits, strengths, summary, with_edit
from facemorph.ui.guard import guarded
from facemorph.ui.handlers import ChosenFace, Slot, no_photo, note, one_of
from facemorph.ui.settings import slider, words
from facemorph.ui.texts import describe_error, describe_warnings, file_size, language_of, text

if TYPE_CHECKING:
    from facemorph.pipeline import FaceMorpher


@dataclass(frozen=True)
class Editor:
    """The components; `outputs` is in the order of `EditView`."""

    accordion: gr.Accordion
    edits: gr.State
    name: gr.Dropdown
    strength: gr.Slider
    curve: gr.Radio
    summary: gr.HTML
    clear: gr.Button
    photo: gr.Radio
    note: gr.HTML
    pictures: gr.ImageSlider
    png: gr.DownloadButton

    @property
    def outputs(self) -> list[Any]:
        """What a new edit changes."""
        return [self.pictures, self.note, self.png, self.photo]


class EditView(NamedTuple):
    """What changes on the page when a photo is edited; the order of the event's outputs."""

    pictures: Any
    note: Any
    png: Any
    photo: Any


@dataclass(frozen=True)
class EditHandlers:
    """Keep what is set, and show it on one photo."""

    morpher: FaceMorpher

    @guarded
    def keep(
        self, edits: Edits, name: str, strength: float, curve: CurveName | None, request: gr.Request
    ) -> tuple[Edits, str]:
        """Take over the setting of one attribute; return all of them and the line that lists them."""
        edits = with_edit(edits, name, float(strength), curve or CONSTANT)
        return edits, note(summary(edits, language_of(request)))

    @guarded
    def recall(self, edits: Edits, name: str) -> tuple[float, CurveName]:
        """Return the strength and the curve of the attribute that was chosen in the list."""
        return edits.get(name, (0.0, CONSTANT))

    def clear(self) -> tuple[Edits, float, CurveName, str]:
        """Forget all settings; the strength, the curve and the line follow."""
        return {}, 0.0, CONSTANT, ""

    @guarded
    def compare(
        self,
        is_open: bool,
        chosen_a: ChosenFace | None,
        chosen_b: ChosenFace | None,
        slot: Slot | None,
        edits: Edits,
        size: int,
        request: gr.Request,
    ) -> Iterator[EditView]:
        """Show one photo's face before and after the edits, if that is in view.

        It is a generator, so that the files are there until Gradio has copied them.
        """
        language = language_of(request)
        choice = gr.update(visible=chosen_a is not None and chosen_b is not None)
        chosen = one_of(chosen_a, chosen_b, slot)
        if chosen is None or not edits:
            sentence = no_photo(language) if edits else ""
            yield EditView(_hidden(), note(sentence, "error"), _hidden(), choice)
            return
        if not is_open:
            yield EditView(gr.skip(), gr.skip(), gr.skip(), choice)
            return
        asked = strengths(edits)
        try:
            before, after = (self.morpher.edit(chosen.face, each, int(size)) for each in ({}, asked))
            warnings = self.morpher.edit_warnings(chosen.face, asked)
            with tempfile.TemporaryDirectory(prefix="facemorph-") as folder:
                original = save_still(Path(folder) / "facemorph-before.png", before)
                edited = save_still(Path(folder) / "facemorph-edit.png", after)
                yield EditView(
                    gr.update(value=(str(original.path), str(edited.path)), visible=True),
                    note(describe_warnings(warnings, language)),
                    gr.update(label=f"PNG · {file_size(edited.num_bytes)}", value=str(edited.path), visible=True),
                    choice,
                )
        except FaceMorphError as error:
            yield EditView(gr.skip(), note(describe_error(error, language), "error"), gr.skip(), choice)


def build_editor(names: Sequence[str]) -> Editor:
    """Lay out the accordion for the attributes `names`; where there are none it is hidden.

    Args:
        names: of `facemorph.attributes.ATTRIBUTES`, in the order of the list.
    """
    with gr.Accordion(text("attributes"), open=False, visible=bool(names), elem_id="attributes") as accordion:
        gr.Markdown(text("attributes_info"), elem_classes="fine")
        name = gr.Dropdown(
            [(text(f"attribute_{name}"), name) for name in names],
            value=next(iter(names), None),
            label=text("attribute"),
            filterable=False,
            interactive=True,
            elem_id="attribute",
        )
        strength = slider("strength", -1, 1, 0, step=0.1)
        curve = words("curve", *((f"curve_{name}", name) for name in CURVES))
        with gr.Row(elem_classes="set"):
            line = gr.HTML(elem_id="edits")
            clear = gr.Button(text("clear"), size="sm", min_width=80, scale=0, elem_id="clear-edits")
        photo = gr.Radio(
            [(text("photo_a"), "A"), (text("photo_b"), "B")],
            value="A",
            label=text("edit_photo"),
            visible=False,
            elem_id="edit-photo",
            elem_classes="words",
        )
        edit_note = gr.HTML(elem_id="note-edit")
        pictures = gr.ImageSlider(
            label="The face before and after the edit",
            show_label=False,
            interactive=False,
            buttons=[],
            format="png",
            min_width=140,
            elem_id="before-after",
            visible=False,
        )
        png = gr.DownloadButton("PNG", visible=False, size="md", elem_id="download-edit")
    return Editor(accordion, gr.State({}), name, strength, curve, line, clear, photo, edit_note, pictures, png)


def _hidden() -> Any:
    return gr.update(value=None, visible=False)
