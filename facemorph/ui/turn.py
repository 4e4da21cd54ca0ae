"""The accordion in which the head of one photo is turned: a still, and a swing from side to side."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from facemorph.errors import FaceMorphError
from facemorph.render import save_still
from facemorph.settings import PITCH, SWING_FRAMES, SWING_HOLD, YAW
from facemorph.ui.guard import guarded
from facemorph.ui.handlers import ChosenFace, Slot, no_photo, note, one_of
from facemorph.ui.settings import slider
from facemorph.ui.texts import describe_error, describe_warnings, file_size, language_of, text

if TYPE_CHECKING:
    from facemorph.pipeline import FaceMorpher


@dataclass(frozen=True)
class Turner:
    """The components; `outputs` is in the order of `TurnView`."""

    yaw: gr.Slider
    pitch: gr.Slider
    photo: gr.Radio
    button: gr.Button
    note: gr.HTML
    picture: gr.Image
    png: gr.DownloadButton
    swing: gr.Image
    gif: gr.DownloadButton

    @property
    def outputs(self) -> list[Any]:
        """What a turn changes."""
        return [self.picture, self.png, self.swing, self.gif, self.note, self.photo]


class TurnView(NamedTuple):
    """What changes on the page when a head is turned; the order of the event's outputs."""

    picture: Any
    png: Any
    swing: Any
    gif: Any
    note: Any
    photo: Any


@dataclass(frozen=True)
class TurnHandlers:
    """Turn the head of one photo, and take the pictures away when there are other photos."""

    morpher: FaceMorpher

    @guarded
    def turn(
        self,
        chosen_a: ChosenFace | None,
        chosen_b: ChosenFace | None,
        slot: Slot | None,
        yaw: float,
        pitch: float,
        size: int,
        request: gr.Request,
    ) -> Iterator[TurnView]:
        """Show the still, then the swing. It is a generator, so that its files are there until Gradio has copied them.

        An error is said and leaves what is in view.
        """
        language, unchanged = language_of(request), TurnView(*[gr.skip()] * len(TurnView._fields))
        chosen = one_of(chosen_a, chosen_b, slot)
        if chosen is None:
            yield unchanged._replace(note=note(no_photo(language), "error"))
            return
        asked = float(yaw), float(pitch)
        try:
            with tempfile.TemporaryDirectory(prefix="facemorph-") as folder:
                pixels = self.morpher.turn(chosen.face, *asked, int(size))
                still = save_still(Path(folder) / "facemorph-turn.png", pixels)
                yield unchanged._replace(
                    picture=gr.update(value=str(still.path), visible=True),
                    png=_download("PNG", still.path, still.num_bytes),
                    note="",
                )
                swing = self.morpher.swing(chosen.face, *asked, SWING_FRAMES, int(size))
                moving = swing.save(Path(folder) / "facemorph-turn.gif", hold=SWING_HOLD)
                yield unchanged._replace(
                    swing=gr.update(value=str(moving.path), visible=True),
                    gif=_download("GIF", moving.path, moving.num_bytes),
                    note=note(describe_warnings(moving.warnings, language)),  # those of the face stand beside the photo
                )
        except FaceMorphError as error:
            yield unchanged._replace(note=note(describe_error(error, language), "error"))

    def forget(self, chosen_a: ChosenFace | None, chosen_b: ChosenFace | None) -> TurnView:
        """Take the pictures away, which are of an earlier photo; of two photos one can be chosen."""
        both = chosen_a is not None and chosen_b is not None
        return TurnView(_hidden(), _hidden(), _hidden(), _hidden(), "", gr.update(visible=both))


def build_turner() -> Turner:
    """Lay out the accordion."""
    with gr.Accordion(text("turning"), open=False, elem_id="turning"):
        gr.Markdown(text("turning_info"), elem_classes="fine")
        yaw = slider("yaw", -YAW, YAW, 15)
        pitch = slider("pitch", -PITCH, PITCH, 0)
        photo = gr.Radio(
            [(text("photo_a"), "A"), (text("photo_b"), "B")],
            value="A",
            label=text("turn_photo"),
            visible=False,
            elem_id="turn-photo",
            elem_classes="words",
        )
        button = gr.Button(text("turn"), elem_id="turn")
        turn_note = gr.HTML(elem_id="note-turn")
        with gr.Row(elem_classes="turned", equal_height=False):
            picture, png = _shown("turned", "PNG", "png", "The face with its head turned")
            swing, gif = _shown("swing", "GIF", "gif", "The face, its head swinging from side to side")
    return Turner(yaw, pitch, photo, button, turn_note, picture, png, swing, gif)


def _shown(name: str, label: str, suffix: str, alt_text: str) -> tuple[gr.Image, gr.DownloadButton]:
    """Return a picture and the button below it that hands it out."""
    with gr.Column(min_width=120):
        picture = gr.Image(
            show_label=False,
            interactive=False,
            buttons=[],
            format=suffix,
            min_width=120,
            elem_id=name,
            visible=False,
            alt_text=alt_text,
        )
        button = gr.DownloadButton(label, visible=False, size="md", min_width=100, elem_id=f"download-{name}")
    return picture, button


def _download(label: str, path: Path, num_bytes: int) -> Any:
    return gr.update(label=f"{label} · {file_size(num_bytes)}", value=str(path), visible=True)


def _hidden() -> Any:
    """Return a new update each time: Gradio takes apart what it is given."""
    return gr.update(value=None, visible=False)
