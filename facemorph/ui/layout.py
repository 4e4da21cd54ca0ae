"""The page: which components there are, where they stand, and which handler each event calls."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from facemorph.ui import theme
from facemorph.ui.downloads import DOWNLOADS
from facemorph.ui.edit import EditHandlers, Editor, build_editor
from facemorph.ui.examples import EXAMPLES, example_row, find_pairs
from facemorph.ui.handlers import PairHandlers, PhotoHandlers, Slot
from facemorph.ui.photo import Photo
from facemorph.ui.settings import Settings, Still, build_settings
from facemorph.ui.stage import Stage
from facemorph.ui.still import StillHandlers
from facemorph.ui.texts import I18N, TITLE, text
from facemorph.ui.turn import Turner, TurnHandlers, build_turner

if TYPE_CHECKING:
    from facemorph.pipeline import FaceMorpher

CACHE_SECONDS = (600, 3000)
"""Every 600 s, files older than 3000 s are deleted: none lives longer than an hour."""
PHOTO_CHANGED, ASKED = (
    f"""() => {{ document.querySelector("#stage .stage")?.dispatchEvent(new Event("{what}")); }}"""
    for what in ("photo", "ask")
)
"""The stage says when it shows the morph of other photos than those that are there."""
SHOW_STAGE = """() => {
  if (document.querySelectorAll(".crop img").length < 2) return;
  document.querySelector("#stage").scrollIntoView({ block: "nearest", behavior: "smooth" });
}"""
"""On a phone the morph appears below the button: bring it into view while it is made."""
STATE_SECONDS = 3600
QUEUE_LENGTH = 20
HEAVY: dict[str, Any] = {"concurrency_id": "faces", "concurrency_limit": 1, "api_visibility": "private"}
"""Whatever runs a model shares one place in the queue."""
LATEST: dict[str, Any] = {"trigger_mode": "always_last", "show_progress": "minimal", **HEAVY}
"""A picture that follows a slider: while one is made, only the last position waits."""
LIGHT: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


@dataclass(frozen=True)
class PhotoColumn:
    """The components of one photo; `outputs` is in the order of `PhotoView`."""

    photo: Photo
    chosen: gr.State
    crop: gr.Image
    note: gr.HTML
    choice: gr.Dropdown

    @property
    def outputs(self) -> list[Any]:
        """All of them."""
        return [self.photo, self.chosen, self.crop, self.note, self.choice]


@dataclass(frozen=True)
class Result:
    """Where the morph appears; `outputs` is in the order of `MorphView`."""

    stage: Stage
    note: gr.HTML
    downloads: list[gr.DownloadButton]

    @property
    def outputs(self) -> list[Any]:
        """All of them."""
        return [self.stage, self.note, *self.downloads]


def build_page(morpher: FaceMorpher, examples: Path = EXAMPLES) -> gr.Blocks:
    """Return the page, ready to launch with `launch_options()`.

    Args:
        morpher: does the work; shared by all sessions, so it keeps nothing of theirs.
        examples: folder of photos to offer; two neighbours by name are a pair. It may be missing or empty.
    """
    pairs = find_pairs(examples)
    page = gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=CACHE_SECONDS)
    with page:
        _header()
        with gr.Column(elem_classes="page"):
            with gr.Column(elem_classes="inputs"):
                with gr.Row(elem_classes="photos", equal_height=False):
                    a, b = _photo_column("A"), _photo_column("B")
                with gr.Column(elem_classes="notes"):
                    a.note.render()  # type: ignore[no-untyped-call]
                    b.note.render()  # type: ignore[no-untyped-call]
                gallery = _examples(pairs)
                with gr.Row(elem_classes="actions"):
                    swap = gr.Button(text("swap"), scale=2, min_width=90, elem_id="swap")
                    button = gr.Button(text("morph"), variant="primary", scale=5, min_width=140, elem_id="morph")
                result_note = gr.HTML(elem_id="note-morph")
            with gr.Column(elem_classes="result"):
                result = _result(result_note)
            with gr.Column(elem_classes="options"):
                settings, still = build_settings()
                editor = build_editor(morpher.attributes)
                turner = build_turner()
        gr.Markdown(text("consent"), elem_classes="fine")
        _connect(morpher, a, b, swap, settings, editor, button, result)
        _connect_still(morpher, a, b, settings, still, editor)
        _connect_editor(morpher, a, b, settings, editor)
        _connect_turner(morpher, a, b, settings, turner)
        if gallery is not None:
            _connect_examples(morpher, gallery, pairs, a, b)
    page.queue(max_size=QUEUE_LENGTH, api_open=False)
    return page


def launch_options(*, inbrowser: bool = False) -> dict[str, Any]:
    """Return the arguments for `Blocks.launch`: looks, languages, and what is served to whom."""
    default_name = "0.0.0.0" if "SPACE_ID" in os.environ else "127.0.0.1"
    return {
        "server_name": os.environ.get("GRADIO_SERVER_NAME") or default_name,
        "server_port": int(port) if (port := os.environ.get("PORT")) else None,
        "inbrowser": inbrowser,
        "share": False,
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": [],
        "max_file_size": "60mb",
        "allowed_paths": [str(EXAMPLES)],
        "i18n": I18N,
        "theme": theme.make_theme(),
        "css": theme.CSS,
        "head": theme.HEAD,
    }


def _header() -> None:
    with gr.Column(elem_classes="header"):
        gr.Markdown(f"# {TITLE}")
        gr.Markdown(text("lead"), elem_classes="lead")
        gr.Markdown(text("privacy"), elem_classes="fine")


def _examples(pairs: Sequence[tuple[Path, Path]]) -> gr.HTML | None:
    if not pairs:
        return None
    with gr.Column(elem_classes="examples"):
        gr.Markdown(text("examples"), elem_classes="fine")
        return example_row(pairs)


def _photo_column(slot: Slot) -> PhotoColumn:
    key = slot.lower()
    with gr.Column(min_width=140, elem_classes=f"photo photo-{key}"):
        photo = Photo(
            label=text(f"photo_{key}"),
            sources=["upload", "webcam", "clipboard"],
            type="filepath",
            buttons=[],
            height=220,
            min_width=140,
            elem_id=f"photo-{key}",
            alt_text=f"Photo {slot}",
        )
        choice = gr.Dropdown(
            label=text("face_choice"), choices=[], visible=False, interactive=True, elem_id=f"choice-{key}"
        )
        crop = gr.Image(
            show_label=False,
            interactive=False,
            buttons=[],
            format="webp",
            min_width=140,
            elem_id=f"crop-{key}",
            elem_classes="crop",
            visible=False,
            alt_text=f"Face {slot}, aligned, with its landmarks",
        )
        note = gr.HTML(elem_id=f"note-{key}", render=False)
    return PhotoColumn(photo, gr.State(time_to_live=STATE_SECONDS), crop, note, choice)


def _result(note: gr.HTML) -> Result:
    stage = Stage(elem_id="stage")
    with gr.Row(elem_classes="downloads"):
        downloads = [
            gr.DownloadButton(name, interactive=False, size="md", min_width=100, elem_id=f"download-{suffix}")
            for suffix, name in DOWNLOADS.items()
        ]
    return Result(stage, note, downloads)


def _connect(
    morpher: FaceMorpher,
    a: PhotoColumn,
    b: PhotoColumn,
    swap: gr.Button,
    settings: Settings,
    editor: Editor,
    button: gr.Button,
    result: Result,
) -> None:
    for slot, column in (("A", a), ("B", b)):
        handlers = PhotoHandlers(morpher, slot)  # type: ignore[arg-type]
        column.photo.change(
            handlers.align, [column.photo, column.chosen], column.outputs, show_progress_on=column.photo, **HEAVY
        )
        column.photo.change(None, None, result.note, js="() => ''")  # what was missing may be here now
        column.chosen.change(None, js=PHOTO_CHANGED)
        column.photo.clear(handlers.clear, None, column.outputs, **LIGHT)
        column.choice.input(
            handlers.choose, [column.photo, column.choice], column.outputs, show_progress_on=column.photo, **HEAVY
        )
    pair = PairHandlers(morpher)
    swap.click(
        pair.swap,
        [a.photo, a.chosen, b.photo, b.chosen],
        [*a.outputs, *b.outputs],
        show_progress="hidden",
        **HEAVY,
    )
    button.click(None, js=ASKED)
    button.click(None, js=SHOW_STAGE)
    button.click(
        pair.morph,
        [a.chosen, b.chosen, *settings.inputs, editor.edits],
        result.outputs,
        show_progress_on=result.stage,
        **HEAVY,
    )


def _connect_still(
    morpher: FaceMorpher, a: PhotoColumn, b: PhotoColumn, settings: Settings, still: Still, editor: Editor
) -> None:
    for column in (a, b):
        column.photo.change(None, None, still.note, js="() => ''")
    handlers = StillHandlers(morpher)
    is_open = _is_open(still.accordion)
    inputs = [a.chosen, b.chosen, still.shape, still.appearance, settings.size, settings.quality, editor.edits]
    latest = {**LATEST, "show_progress_on": still.picture}
    # Not `release`: the arrow keys release nothing.
    gr.on([still.shape.input, still.appearance.input], handlers.show, inputs, still.outputs, **latest)
    changed = [event.change for event in (is_open, a.chosen, b.chosen, editor.edits)]
    changed += [settings.size.input, settings.quality.input]
    gr.on(changed, handlers.follow, [is_open, *inputs], still.outputs, **latest)


def _connect_editor(morpher: FaceMorpher, a: PhotoColumn, b: PhotoColumn, settings: Settings, editor: Editor) -> None:
    handlers = EditHandlers(morpher)
    is_open = _is_open(editor.accordion)
    setting = [editor.strength, editor.curve]
    gr.on(
        [editor.strength.input, editor.curve.input],
        handlers.keep,
        [editor.edits, editor.name, *setting],
        [editor.edits, editor.summary],
        trigger_mode="always_last",
        **LIGHT,
    )
    editor.name.input(handlers.recall, [editor.edits, editor.name], setting, **LIGHT)
    editor.clear.click(handlers.clear, None, [editor.edits, *setting, editor.summary], **LIGHT)
    gr.on(
        [event.change for event in (is_open, a.chosen, b.chosen, editor.edits)]
        + [editor.photo.input, settings.size.input],
        handlers.compare,
        [is_open, a.chosen, b.chosen, editor.photo, editor.edits, settings.size],
        editor.outputs,
        show_progress_on=editor.pictures,
        **LATEST,
    )


def _connect_turner(morpher: FaceMorpher, a: PhotoColumn, b: PhotoColumn, settings: Settings, turner: Turner) -> None:
    handlers, button = TurnHandlers(morpher), turner.button
    chosen = [a.chosen, b.chosen]
    pressed = button.click(lambda: gr.update(interactive=False), None, button, **LIGHT)
    turned = pressed.then(
        handlers.turn,
        [*chosen, turner.photo, turner.yaw, turner.pitch, settings.size],
        turner.outputs,
        show_progress="minimal",
        show_progress_on=[turner.picture, turner.swing],
        **HEAVY,
    )
    turned.then(lambda: gr.update(interactive=True), None, button, **LIGHT)  # whatever became of it
    gr.on([face.change for face in chosen], handlers.forget, chosen, turner.outputs, **LIGHT)


def _is_open(accordion: gr.Accordion) -> gr.State:
    """Return whether the accordion, which begins closed, is open."""
    is_open = gr.State(False)
    name = str(accordion.elem_id)
    accordion.expand(lambda: True, None, is_open, api_name=f"open_{name}", **LIGHT)
    accordion.collapse(lambda: False, None, is_open, api_name=f"close_{name}", **LIGHT)
    return is_open


def _connect_examples(
    morpher: FaceMorpher,
    gallery: gr.HTML,
    pairs: Sequence[tuple[Path, Path]],
    a: PhotoColumn,
    b: PhotoColumn,
) -> None:
    pair = PairHandlers(morpher)

    def take(event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        first, second = pairs[event.index]
        return pair.take(str(first), str(second), request)

    gallery.click(take, None, [*a.outputs, *b.outputs], show_progress_on=[a.photo, b.photo], **HEAVY)
