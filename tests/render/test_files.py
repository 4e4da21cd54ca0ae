"""Files are written, read back by somebody else's reader, and compared with the frames they came from."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from facemorph.errors import RenderError
from facemorph.render import (
    STILL_SUFFIXES,
    SUFFIXES,
    RenderOptions,
    check_path,
    draw_landmarks,
    render,
    save_still,
    timeline,
)
from facemorph.render.ffmpeg import encode
from tests.drawn import draw_face

Frames = npt.NDArray[np.uint8]
ANIMATED = (".gif", ".webp", ".mp4")


def dissolve(num_frames: int = 6, size: tuple[int, int] = (96, 96)) -> tuple[Frames, npt.NDArray[np.float32]]:
    """Two drawn faces with soft shading, one turning into the other."""
    alphas = np.linspace(0, 1, num_frames, dtype=np.float32)
    shade = np.linspace(0.6, 1, size[1])[None, :, None]
    ends = [
        draw_face(size, eye_distance=size[1] / 4, skin=skin)[0] * shade for skin in ((224, 172, 140), (120, 80, 60))
    ]
    frames = [np.round((1 - alpha) * ends[0] + alpha * ends[1]) for alpha in alphas]
    return np.stack(frames).astype(np.uint8), alphas


def read_pillow(path: Path) -> tuple[Frames, list[int], int]:
    """Return frames, durations in milliseconds and the loop count (0 is for ever)."""
    frames, durations = [], []
    with Image.open(path) as image:
        loop = image.info.get("loop", -1)
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            image.load()  # WebP knows a frame's duration only then
            frames.append(np.asarray(image.convert("RGB")))
            durations.append(image.info["duration"])
    return np.stack(frames), durations, loop


def read_mp4(path: Path) -> tuple[Frames, str]:
    """Return the frames, and what ffmpeg says about the file."""
    program = imageio_ffmpeg.get_ffmpeg_exe()
    command = [program, "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    words = done.stderr.decode()
    size = re.search(r"Video: h264 .*?, (\d+)x(\d+)", words)
    assert size is not None, words
    width, height = int(size[1]), int(size[2])
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3), words


def psnr(a: Frames, b: Frames) -> float:
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


@pytest.fixture
def no_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", missing)


class TestGif:
    @pytest.mark.parametrize(
        "options",
        [
            RenderOptions(),
            RenderOptions(fps=24, hold=0),
            RenderOptions(fps=7, ping_pong=False, hold=1.25),
            RenderOptions(fps=50, hold=0.333),
        ],
        ids=str,
    )
    def test_order_and_delays(self, tmp_path: Path, options: RenderOptions) -> None:
        frames, alphas = dissolve()
        path = render(tmp_path / "m.gif", frames, alphas, options).path
        read, durations, loop = read_pillow(path)
        steps = timeline(len(frames), options)
        assert loop == 0
        assert len(read) == len(steps)
        for shown, (index, _) in zip(read, steps, strict=True):
            assert np.argmax([psnr(shown, frame) for frame in frames]) == index
        starts, exact = np.cumsum(durations), 1000 * np.cumsum([seconds for _, seconds in steps])
        assert np.abs(starts - exact).max() <= 5 + 1e-6

    def test_colours(self, tmp_path: Path) -> None:
        frames, alphas = dissolve()
        render(tmp_path / "m.gif", frames, alphas, RenderOptions(ping_pong=False))
        read, _, _ = read_pillow(tmp_path / "m.gif")
        assert psnr(read, frames) > 42
        assert min(psnr(read[0], frames[0]), psnr(read[-1], frames[-1])) > 42

    def test_held_ends_get_more_of_the_palette(self, tmp_path: Path) -> None:
        frames, alphas = dissolve(24)
        ends = []
        for hold in (0.0, 5.0):
            render(tmp_path / "m.gif", frames, alphas, RenderOptions(ping_pong=False, hold=hold))
            read, _, _ = read_pillow(tmp_path / "m.gif")
            ends.append(psnr(read[[0, -1]], frames[[0, -1]]))
        assert ends[1] > ends[0] + 0.5

    def test_many_frames_at_an_uneven_rate(self, tmp_path: Path) -> None:
        frames, alphas = dissolve(120, (16, 16))
        options = RenderOptions(fps=35)
        render(tmp_path / "m.gif", frames, alphas, options)
        read, durations, _ = read_pillow(tmp_path / "m.gif")
        assert len(read) == 238
        assert sum(durations) == pytest.approx(1000 * (238 / 35 + 1), abs=5)

    def test_a_still_morph_keeps_its_length(self, tmp_path: Path) -> None:
        frames = np.repeat(dissolve(2)[0][:1], 5, 0)
        render(tmp_path / "m.gif", frames, np.linspace(0, 1, 5, dtype=np.float32), RenderOptions(fps=10, hold=0.5))
        read, durations, _ = read_pillow(tmp_path / "m.gif")
        assert sum(durations) == 8 * 100 + 2 * 500
        assert (read == read[0]).all()

    def test_single_frame(self, tmp_path: Path) -> None:
        frames, _ = dissolve(2)
        render(tmp_path / "m.gif", frames[:1], np.zeros(1, np.float32))
        read, _, _ = read_pillow(tmp_path / "m.gif")
        assert psnr(read, frames[:1]) > 42

    @pytest.mark.usefixtures("no_ffmpeg")
    def test_without_ffmpeg(self, tmp_path: Path) -> None:
        frames, alphas = dissolve()
        options = RenderOptions(fps=24)
        file = render(tmp_path / "m.gif", frames, alphas, options)
        assert file.warnings == (
            "No ffmpeg was found, so the GIF has coarser colours. Install imageio-ffmpeg for the better ones.",
        )
        read, durations, loop = read_pillow(file.path)
        assert loop == 0
        assert psnr(read[:6], frames) > 36
        assert sum(durations) == pytest.approx(1000 * (10 / 24 + 1), abs=5)
        assert [int(np.argmax([psnr(shown, frame) for frame in frames])) for shown in read] == [
            0,
            1,
            2,
            3,
            4,
            5,
            4,
            3,
            2,
            1,
        ]

    def test_ffmpeg_that_cannot_start(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(tmp_path / "gone"))
        with pytest.raises(RenderError, match=r"^ffmpeg cannot be started \(.+\)\. Reinstall imageio-ffmpeg\.$"):
            render(tmp_path / "m.gif", *dissolve())
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("reads_first", [True, False])
    def test_ffmpeg_that_fails(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads_first: bool) -> None:
        broken = tmp_path / "ffmpeg"
        broken.write_text(f"#!/bin/sh\n{'cat > /dev/null' if reads_first else ':'}\necho out of luck >&2\nexit 3\n")
        broken.chmod(0o755)
        monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(broken))
        with pytest.raises(RenderError, match=r"^ffmpeg could not write '\.gif' \(out of luck\)\."):
            render(tmp_path / "m.gif", *dissolve(20, (256, 256)))
        assert list(tmp_path.iterdir()) == [broken]

    def test_ffmpeg_that_talks_without_end_does_not_block(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        chatty = tmp_path / "ffmpeg"  # fills any pipe before it reads a byte
        chatty.write_text("#!/bin/sh\nhead -c 1000000 /dev/zero | tr '\\0' 'x' >&2\ncat > /dev/null\nexit 1\n")
        chatty.chmod(0o755)
        monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(chatty))
        with pytest.raises(RenderError, match="ffmpeg could not write") as caught:
            render(tmp_path / "m.gif", *dissolve(20, (256, 256)))
        assert len(str(caught.value)) < 1000


class TestWebp:
    def test_order_durations_and_colours(self, tmp_path: Path) -> None:
        frames, alphas = dissolve()
        options = RenderOptions(fps=30, hold=0.25)
        render(tmp_path / "m.webp", frames, alphas, options)
        read, durations, loop = read_pillow(tmp_path / "m.webp")
        steps = timeline(len(frames), options)
        assert loop == 0
        assert len(read) == len(steps)
        assert psnr(read, frames[[index for index, _ in steps]]) > 36
        exact = 1000 * np.cumsum([seconds for _, seconds in steps])
        assert np.abs(np.cumsum(durations) - exact).max() <= 0.5 + 1e-6


class TestMp4:
    def test_frames_and_format(self, tmp_path: Path) -> None:
        frames, alphas = dissolve()
        options = RenderOptions(fps=20, hold=0.5)
        render(tmp_path / "m.mp4", frames, alphas, options)
        read, words = read_mp4(tmp_path / "m.mp4")
        order = [0] * 11 + [1, 2, 3, 4] + [5] * 11 + [4, 3, 2, 1]
        assert len(read) == len(order)
        assert psnr(read, frames[order]) > 34
        assert re.search(r"Video: h264 .* yuv420p\(tv, bt709, progressive\), 96x96.* 20 fps", words), words

    def test_index_comes_first(self, tmp_path: Path) -> None:
        data = render(tmp_path / "m.mp4", *dissolve()).path.read_bytes()
        assert 0 < data.index(b"moov") < data.index(b"mdat")

    def test_flat_colours_keep_their_value(self, tmp_path: Path) -> None:
        frames = np.empty((3, 64, 64, 3), np.uint8)
        frames[:] = (200, 60, 90)
        render(tmp_path / "m.mp4", frames, np.zeros(3, np.float32))
        read, _ = read_mp4(tmp_path / "m.mp4")
        assert np.abs(read.astype(int) - frames[0]).max() <= 3

    def test_odd_sizes_become_even(self, tmp_path: Path) -> None:
        frames, alphas = dissolve(3, (65, 63))
        render(tmp_path / "m.mp4", frames, alphas)
        read, _ = read_mp4(tmp_path / "m.mp4")
        assert read.shape[1:] == (64, 62, 3)
        assert psnr(read[0], frames[0, :64, :62]) > 30

    @pytest.mark.usefixtures("no_ffmpeg")
    def test_without_ffmpeg(self, tmp_path: Path) -> None:
        message = "MP4 needs ffmpeg, and none was found. Install imageio-ffmpeg, or write a .gif or .webp."
        with pytest.raises(RenderError, match=re.escape(message)):
            render(tmp_path / "m.mp4", *dissolve())
        assert list(tmp_path.iterdir()) == []


class TestStrip:
    def test_frames_stand_in_a_row_pixel_for_pixel(self, tmp_path: Path) -> None:
        frames, alphas = dissolve(5)
        render(tmp_path / "m.png", frames, alphas)
        with Image.open(tmp_path / "m.png") as image:
            strip = np.asarray(image.convert("RGB"))
        gap, caption = 8, 28
        assert strip.shape == (96 + gap + caption, gap + 5 * (96 + gap), 3)
        for column, frame in enumerate(frames):
            left = gap + column * (96 + gap)
            assert np.abs(strip[gap : gap + 96, left : left + 96].astype(int) - frame).max() <= 1
        lefts = [gap + column * (96 + gap) for column in range(5)]
        captions = [strip[-caption:, left : left + 96] for left in lefts]
        assert max(words.min() for words in captions) < 128  # something stands below every frame
        assert len({words.tobytes() for words in captions}) == 5  # and not the same

    def test_many_frames_are_thinned_and_large_ones_reduced(self, tmp_path: Path) -> None:
        frames = np.zeros((40, 512, 512, 3), np.uint8)
        frames[0], frames[-1] = 255, 200
        render(tmp_path / "m.png", frames, np.linspace(0, 1, 40, dtype=np.float32))
        with Image.open(tmp_path / "m.png") as image:
            assert image.size == (8 + 8 * (256 + 8), 256 + 8 + 28)
            assert image.convert("RGB").getpixel((20, 20)) == (255, 255, 255)
            assert image.convert("RGB").getpixel((image.width - 20, 20)) == (200, 200, 200)

    def test_threads_do_not_disturb_each_other(self, tmp_path: Path) -> None:
        def draw(number: int) -> bytes:
            frames = np.full((4, 64, 64, 3), 40 * number, np.uint8)
            alphas = np.linspace(0, 1, 4, dtype=np.float32)
            return render(tmp_path / f"{number}.png", frames, alphas).path.read_bytes()

        alone = [draw(number) for number in range(6)]
        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(draw, range(6))) == alone


class TestRefused:
    def test_unknown_suffix_names_the_known_ones(self, tmp_path: Path) -> None:
        message = "'m.avi' ends in '.avi', which cannot be written. Use one of .gif, .webp, .mp4, .png."
        with pytest.raises(RenderError, match=re.escape(message)):
            render(tmp_path / "m.avi", *dissolve())

    def test_no_suffix(self, tmp_path: Path) -> None:
        with pytest.raises(RenderError, match=re.escape("'morph' has no suffix, which cannot be written. Use one of")):
            render(tmp_path / "morph", *dissolve())

    def test_missing_folder(self, tmp_path: Path) -> None:
        message = f"The folder '{tmp_path / 'none'}' does not exist. Create it first."
        with pytest.raises(RenderError, match=re.escape(message)):
            check_path(tmp_path / "none" / "m.gif")

    def test_folder_in_place_of_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "m.gif").mkdir()
        with pytest.raises(RenderError, match=re.escape(f"'{tmp_path / 'm.gif'}' is a folder. Name a file.")):
            check_path(tmp_path / "m.gif")

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that not even root can write to")
    def test_folder_without_permission(self) -> None:
        with pytest.raises(RenderError, match=r"^The folder '/proc' cannot be written to \(.+\)\. Choose another"):
            check_path("/proc/m.gif")

    def test_check_leaves_nothing_behind(self, tmp_path: Path) -> None:
        (tmp_path / "m.gif").write_bytes(b"old")
        assert check_path(str(tmp_path / "m.gif")) == tmp_path / "m.gif"
        assert (tmp_path / "m.gif").read_bytes() == b"old"
        assert len(list(tmp_path.iterdir())) == 1

    @pytest.mark.parametrize(
        ("shape", "dtype"),
        [((4, 8, 8), np.uint8), ((4, 8, 8, 4), np.uint8), ((4, 8, 8, 3), np.float32), ((0, 8, 8, 3), np.uint8)],
    )
    def test_wrong_frames(self, tmp_path: Path, shape: tuple[int, ...], dtype: type) -> None:
        frames = np.zeros(shape, dtype)
        message = f"Frames are a (T, H, W, 3) uint8 array, not {frames.shape} {frames.dtype}."
        with pytest.raises(RenderError, match=re.escape(message)):
            render(tmp_path / "m.gif", frames, np.zeros(shape[0], np.float32))

    def test_wrong_alphas(self, tmp_path: Path) -> None:
        with pytest.raises(RenderError, match=re.escape("6 frames need as many alphas, not an array of shape (5,).")):
            render(tmp_path / "m.gif", dissolve()[0], np.zeros(5, np.float32))


class TestAtomic:
    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_size_and_nothing_left_behind(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"m{suffix.upper()}"
        path.write_bytes(b"old")
        file = render(str(path), *dissolve())
        assert file.path == path
        assert file.num_bytes == path.stat().st_size > 100
        assert file.warnings == ()
        assert list(tmp_path.iterdir()) == [path]

    def test_the_old_file_survives_a_failure(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "m.webp"
        path.write_bytes(b"old")

        def full(*args: object, **kwargs: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Image.Image, "save", full)
        message = f"'{path}' cannot be written (No space left on device). Choose another place."
        with pytest.raises(RenderError, match=re.escape(message)):
            render(path, *dissolve())
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]

    def test_new_files_have_ordinary_permissions(self, tmp_path: Path) -> None:
        (tmp_path / "other").touch()
        render(tmp_path / "m.gif", *dissolve())
        assert (tmp_path / "m.gif").stat().st_mode == (tmp_path / "other").stat().st_mode

    def test_non_contiguous_frames(self, tmp_path: Path) -> None:
        frames, alphas = dissolve()
        render(tmp_path / "m.gif", frames[::-1, :, ::-1], alphas, RenderOptions(ping_pong=False))
        assert psnr(read_pillow(tmp_path / "m.gif")[0], frames[::-1, :, ::-1]) > 42


class TestStill:
    @pytest.mark.parametrize("suffix", STILL_SUFFIXES)
    def test_round_trip(self, tmp_path: Path, suffix: str) -> None:
        face, _ = draw_face()
        file = save_still(tmp_path / f"f{suffix}", face)
        with Image.open(file.path) as image:
            assert image.getexif() == {}
            assert psnr(np.asarray(image.convert("RGB")), face) > (60 if suffix == ".png" else 30)

    def test_unknown_suffix(self, tmp_path: Path) -> None:
        message = "'f.gif' ends in '.gif', which cannot be written. Use one of .png, .jpg, .jpeg, .webp."
        with pytest.raises(RenderError, match=re.escape(message)):
            save_still(tmp_path / "f.gif", draw_face()[0])


def test_landmarks_are_drawn_where_they_are() -> None:
    face, landmarks = draw_face((480, 400), eye_distance=90)
    drawn = draw_landmarks(face, landmarks)
    assert drawn.shape == face.shape
    changed = np.argwhere((drawn != face).any(-1))[:, ::-1]
    distances = np.linalg.norm(changed[:, None] - landmarks[None], axis=2)
    assert distances.min(1).max() < 6  # nothing is painted elsewhere
    assert distances.min(0).max() < 1.5  # and every point is painted
    assert (face == draw_face((480, 400), eye_distance=90)[0]).all()


def test_ffmpeg_is_ended_when_feeding_is_interrupted(tmp_path: Path) -> None:
    stubborn = tmp_path / "ffmpeg"  # does not care that its input has ended
    stubborn.write_text("#!/bin/sh\nexec sleep 600\n")
    stubborn.chmod(0o755)

    def interrupt() -> Iterator[int]:
        yield 0
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        encode(str(stubborn), dissolve()[0], interrupt(), 20, ["-f", "gif"], tmp_path / "m.gif")
    assert time.monotonic() - start < 300  # and not when it ends by itself
