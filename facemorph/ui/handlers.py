"""What the page does: photos in, faces and morphs out.

Here, and only here, errors become messages. A `FaceMorphError` becomes a line beside the photo or the button that it is
about, and nothing else on the page changes. Anything unexpected is for `facemorph.ui.guard`.
"""

from __future__ import annotations

import html
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import gradio as gr
import numpy as np
import numpy.typing as npt
from PIL import Image

from facemorph.align import AlignedFace
from facemorph.errors import FaceMorphError, ImageTooLargeError, UnsupportedImageError
from facemorph.render import draw_landmarks
from facemorph.settings import Quality
from facemorph.ui.downloads import DOWNLOADS, Downloads
from facemorph.ui.edits import Edits, curves
from facemorph.ui.guard import guarded
from facemorph.ui.stage import stage_value
from facemorph.ui.texts import (
    Language,
    describe_error,
    describe_face,
    describe_warnings,
    file_size,
    language_of,
    photo_name,
    say,
)

if TYPE_CHECKING:
    from facemorph.pipeline import FaceMorpher

Slot = Literal["A", "B"]
PREVIEW_SIZE = 384

HELD: dict[str, tuple[float | None, float | None]] = {
    "both": (None, None),
    "shape": (None, 0.0),
    "appearance": (0.0, None),
}
"""What morphs, and where shape and appearance are held for that: what does not morph stays as in face A."""


@dataclass(frozen=True, eq=False)  # Gradio tells by the hash whether the face is another one
class ChosenFace:
    """A face that was found in an uploaded photo; lives in the session's `gr.State`.

    Attributes:
        path: the uploaded file.
        index: which of the photo's faces, 0 for the largest.
        face: the crop and its landmarks.
    """

    path: str
    index: int
    face: AlignedFace


class PhotoView(NamedTuple):
    """What changes on the page when a photo is given or its face is chosen; the order of the event's outputs."""

    photo: Any
    chosen: Any
    crop: Any
    note: Any
    choice: Any


class MorphView(NamedTuple):
    """What changes on the page while a morph is made; the order of the event's outputs."""

    stage: Any
    note: Any
    gif: Any
    webp: Any
    mp4: Any
    png: Any


@dataclass(frozen=True)
class PhotoHandlers:
    """The handlers of one of the two photos."""

    morpher: FaceMorpher
    slot: Slot

    @guarded
    def align(self, path: str | None, chosen: ChosenFace | None, request: gr.Request) -> PhotoView:
        """Find the largest face of a new photo; leave everything where it is if the photo is already known."""
        if path is None or (chosen is not None and chosen.path == path):
            return PhotoView(*[gr.skip()] * len(PhotoView._fields))
        return self.view(path, 0, language_of(request))

    @guarded
    def choose(self, path: str | None, index: int | None, request: gr.Request) -> PhotoView:
        """Take another face of the same photo."""
        if path is None or index is None:
            return PhotoView(*[gr.skip()] * len(PhotoView._fields))
        return self.view(path, index, language_of(request))

    def clear(self) -> PhotoView:
        """Forget the photo."""
        return PhotoView(gr.skip(), None, _hidden(value=None), "", _hidden())

    def view(self, path: str, index: int, language: Language) -> PhotoView:
        """Align a face of the photo at `path` and return what to show of it, or why that was not possible."""
        try:
            face = self.morpher.align(path, face=index or None)
        except FaceMorphError as error:
            unreadable = isinstance(error, UnsupportedImageError | ImageTooLargeError)
            sentence = self._named(describe_error(error, language), language)
            photo = None if unreadable else gr.skip()
            return PhotoView(photo, None, _hidden(value=None), note(sentence, "error"), _hidden())
        return self.show(ChosenFace(path, index, face), language)._replace(photo=gr.skip())

    def show(self, chosen: ChosenFace, language: Language) -> PhotoView:
        """Return what to show of a face that is already aligned."""
        face = chosen.face
        choices = [(str(i) + say(language, " (largest)", "（最大）") * (i == 0), i) for i in range(face.num_faces)]
        choice = gr.update(choices=choices, value=chosen.index, visible=face.num_faces > 1)
        crop = gr.update(value=_preview(face), visible=True)
        return PhotoView(chosen.path, chosen, crop, note(self._named(describe_face(face, language), language)), choice)

    def _named(self, sentence: str, language: Language) -> str:
        return f"{photo_name(self.slot, language)}{say(language, ': ', '：')}{sentence}"


@dataclass(frozen=True)
class PairHandlers:
    """The handlers that concern both photos."""

    morpher: FaceMorpher

    @guarded
    def swap(
        self,
        path_a: str | None,
        chosen_a: ChosenFace | None,
        path_b: str | None,
        chosen_b: ChosenFace | None,
        request: gr.Request,
    ) -> tuple[Any, ...]:
        """Exchange the two photos with the faces chosen in them."""
        language = language_of(request)
        return (
            *self._moved("A", path_b, chosen_b, language),
            *self._moved("B", path_a, chosen_a, language),
        )

    @guarded
    def take(self, path_a: str, path_b: str, request: gr.Request) -> tuple[Any, ...]:
        """Take two photos at once, as the examples do."""
        language = language_of(request)
        return (*self._moved("A", path_a, None, language), *self._moved("B", path_b, None, language))

    def _moved(self, slot: Slot, path: str | None, chosen: ChosenFace | None, language: Language) -> PhotoView:
        handlers = PhotoHandlers(self.morpher, slot)
        if path is None:
            return handlers.clear()._replace(photo=None)
        if chosen is not None:
            return handlers.show(chosen, language)
        view = handlers.view(path, 0, language)
        return view if view.photo is None else view._replace(photo=path)

    @guarded
    def morph(
        self,
        chosen_a: ChosenFace | None,
        chosen_b: ChosenFace | None,
        steps: float,
        size: int,
        fps: float,
        ping_pong: bool,
        quality: Quality,
        moving: str | None,
        edits: Edits,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008, Gradio finds it by its default
    ) -> Iterator[MorphView]:
        """Morph face A into face B: first the GIF and the frames to scrub, then the other files."""
        language = language_of(request)
        unchanged = MorphView(*[gr.skip()] * len(MorphView._fields))
        if chosen_a is None or chosen_b is None:
            yield unchanged._replace(note=note(missing(chosen_a, chosen_b, language), "error"))
            return
        moving = moving or "both"  # what a browser sends for a radio that it has not drawn yet
        shape, appearance = HELD[moving]
        label = say(language, "Morphing", "正在变形")
        try:
            result = self.morpher.morph(
                chosen_a.face,
                chosen_b.face,
                num_frames=int(steps),
                size=int(size),
                progress=lambda done, total: progress((done, total), desc=label, unit=say(language, "frames", "帧")),
                quality=quality,
                shape=shape,
                appearance=appearance,
                edits=curves(edits),
            )
            with tempfile.TemporaryDirectory(prefix="facemorph-") as folder:
                files = Downloads(result, Path(folder), fps=float(fps), ping_pong=ping_pong)
                gif, gif_button, warnings = files.download("gif")
                caption = _caption(len(result.frames), moving, bool(edits), int(size), gif, language)
                known = chosen_a.face.warnings + chosen_b.face.warnings  # these stand beside the photos
                warnings = (*(sentence for sentence in result.warnings if sentence not in known), *warnings)
                yield MorphView(
                    stage_value(gif, result.frames, result.alphas, caption),
                    note(describe_warnings(warnings, language)),
                    gif_button,
                    *[
                        gr.DownloadButton(f"{DOWNLOADS[suffix]} …", interactive=False)
                        for suffix in ("webp", "mp4", "png")
                    ],
                )
                yield self._other_files(files, unchanged, warnings, language)
        except FaceMorphError as error:
            yield unchanged._replace(note=note(describe_error(error, language), "error"))

    def _other_files(
        self, files: Downloads, unchanged: MorphView, warnings: tuple[str, ...], language: Language
    ) -> MorphView:
        """Render WebP, MP4 and strip; one that fails is said and does not cost the others."""
        buttons, failures = {}, []
        for suffix in ("webp", "mp4", "png"):
            try:
                _, buttons[suffix], more = files.download(suffix)
                warnings = (*warnings, *(sentence for sentence in more if sentence not in warnings))
            except FaceMorphError as error:
                buttons[suffix] = gr.DownloadButton(DOWNLOADS[suffix], value=None, interactive=False)
                failures.append(describe_error(error, language))
        sentences = " ".join([describe_warnings(warnings, language), *failures]).strip()
        return unchanged._replace(note=note(sentences, "error" if failures else "plain"), **buttons)


def note(sentence: str, kind: Literal["plain", "error"] = "plain") -> str:
    """Return `sentence` as the HTML of a note; an error is announced to screen readers at once."""
    if not sentence:
        return ""
    role = "alert" if kind == "error" else "status"
    return f'<p class="note {kind}" role="{role}">{html.escape(sentence)}</p>'


def _hidden(**properties: Any) -> Any:
    """Return a new update each time: Gradio takes apart what it is given."""
    return gr.update(visible=False, **properties)


def _preview(face: AlignedFace) -> npt.NDArray[np.uint8]:
    """Return the crop with its landmarks marked: (384, 384, 3) uint8."""
    marked = Image.fromarray(draw_landmarks(face.image, face.landmarks))
    return np.asarray(marked.resize((PREVIEW_SIZE, PREVIEW_SIZE), Image.Resampling.LANCZOS))


def one_of(chosen_a: ChosenFace | None, chosen_b: ChosenFace | None, slot: Slot | None) -> ChosenFace | None:
    """Return the face of `slot`, or the other one where that has none."""
    return (chosen_b or chosen_a) if slot == "B" else (chosen_a or chosen_b)


def no_photo(language: Language) -> str:
    """Return the sentence about one photo that is needed, whichever."""
    return say(language, "Add a photo first, as A or as B.", "请先添加照片 A 或 B。")


def missing(chosen_a: ChosenFace | None, chosen_b: ChosenFace | None, language: Language) -> str:
    """Return the sentence about the photos that have no face yet; at least one has none."""
    if chosen_a is None and chosen_b is None:
        return say(language, "Add photos A and B first.", "请先添加照片 A 和 B。")
    slot = "A" if chosen_a is None else "B"
    return say(language, f"Photo {slot} has no face yet. Add one first.", f"照片 {slot} 还没有人脸，请先添加。")


def _caption(num_frames: int, moving: str, is_edited: bool, size: int, gif: Path, language: Language) -> str:
    size_text = file_size(gif.stat().st_size)
    english, chinese = {"shape": (", shape only", "，仅形状"), "appearance": (", appearance only", "，仅外观")}.get(
        moving, ("", "")
    )
    if is_edited:
        english, chinese = f"{english}, edited", f"{chinese}，已编辑"
    return say(
        language,
        f"{num_frames} frames{english} · {size} × {size} px · GIF {size_text}",
        f"{num_frames} 帧{chinese} · {size} × {size} 像素 · GIF {size_text}",
    )
