"""The command line over the real pipeline with a tiny model: results, every refusal, and exit codes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facemorph import __main__ as cli
from facemorph.align import AlignedFace
from facemorph.arguments import offered, parser
from facemorph.attributes import ATTRIBUTES
from facemorph.errors import AlignmentError, CheckpointNotFoundError, InputError
from facemorph.pipeline import FaceMorpher, Morph
from facemorph.rendering import NO_HEAD
from facemorph.settings import NUM_FRAMES, Quality
from tests.conftest import Started
from tests.fakes import tiny_morpher

pytestmark = pytest.mark.usefixtures("few_probes")

COMMANDS = ("morph", "strip", "frame", "edit", "turn", "align")
Outcome = tuple[int, str, str]


def inputs_of(command: str, photos: tuple[Path, Path]) -> tuple[object, ...]:
    """Return the words that a command needs besides its options."""
    return {"align": photos[:1], "turn": photos[:1], "edit": (photos[0], "smile=0.5")}.get(command, photos)


class Terminal:
    """Runs commands as `python -m facemorph` would, with a stand-in for the checkpoint."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, morpher: FaceMorpher):
        self.loaded: list[dict[str, Any]] = []
        self._capsys = capsys
        self.morpher = morpher

        def load(path: Path | None, **options: str) -> FaceMorpher:
            self.loaded.append({"path": path, **options})
            return self.morpher

        monkeypatch.setattr(FaceMorpher, "from_checkpoint", load)

    def __call__(self, *words: object) -> Outcome:
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err


@pytest.fixture
def terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tiny_morpher: FaceMorpher
) -> Terminal:
    return Terminal(capsys, monkeypatch, tiny_morpher)


def frames_of(path: Path) -> tuple[int, tuple[int, int]]:
    with Image.open(path) as image:
        return getattr(image, "n_frames", 1), image.size


class TestMorph:
    def test_gif(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path) -> None:
        output = tmp_path / "out.gif"
        code, out, err = terminal("morph", *two_photos, "-o", output, "--steps", 5, "--size", 64)
        assert (code, frames_of(output)) == (0, (8, (64, 64)))
        assert out == f"{output} ({max(1, round(output.stat().st_size / 1024))} KB)\n"
        assert "Morphing [##############################] 5/5\n" in err
        assert terminal.loaded == [{"path": None, "aligner": "auto", "device": "cpu"}]

    def test_playing_options(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path) -> None:
        output = tmp_path / "out.gif"
        words = ["--steps", 3, "--size", 64, "--fps", 10, "--hold", 1, "--no-ping-pong", "--interpolation", "linear"]
        assert terminal("morph", *two_photos, "-o", output, *words)[0] == 0
        with Image.open(output) as image:
            durations = []
            for index in range(image.n_frames):
                image.seek(index)
                durations.append(image.info["duration"])
        assert durations == [1100, 100, 1100]

    @pytest.mark.parametrize("suffix", [".webp", ".mp4", ".png"])
    def test_other_formats(
        self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path, suffix: str
    ) -> None:
        output = tmp_path / f"out{suffix}"
        assert terminal("morph", *two_photos, "-o", output, "--steps", 3, "--size", 64)[0] == 0
        assert output.stat().st_size > 500

    def test_model_options(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path) -> None:
        words = ["--steps", 2, "--size", 64, "--aligner", "builtin", "--device", "cpu", "--checkpoint", tmp_path]
        assert terminal("morph", *two_photos, "-o", tmp_path / "o.gif", *words)[0] == 0
        assert terminal.loaded == [{"path": tmp_path, "aligner": "builtin", "device": "cpu"}]

    @pytest.mark.parametrize("command", ["morph", "strip"])
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ([], {"shape": None, "appearance": None, "quality": "best"}),
            (["--appearance", 0], {"shape": None, "appearance": 0.0, "quality": "best"}),
            (["--shape", 0.25, "--quality", "fast"], {"shape": 0.25, "appearance": None, "quality": "fast"}),
        ],
    )
    def test_what_is_held_and_how_well(
        self,
        terminal: Terminal,
        two_photos: tuple[Path, Path],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        command: str,
        words: list[object],
        expected: dict[str, object],
    ) -> None:
        asked: list[dict[str, Any]] = []
        morph = FaceMorpher.morph

        def listening(self: FaceMorpher, *arguments: Any, **settings: Any) -> Morph:
            asked.append(settings)
            return morph(self, *arguments, **settings)

        monkeypatch.setattr(FaceMorpher, "morph", listening)
        assert terminal(command, *two_photos, "-o", tmp_path / "o.png", "--steps", 2, "--size", 64, *words)[0] == 0
        assert [{name: settings[name] for name in expected} for settings in asked] == [expected]

    def test_several_faces(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path) -> None:
        terminal.morpher = tiny_morpher(5)
        words = ["-o", tmp_path / "o.gif", "--steps", 2, "--size", 64]
        code, _, err = terminal("morph", *two_photos, *words, "--face-b", 3)
        assert code == 0
        assert err.startswith("Warning: a.jpg: 5 faces found; the largest was taken.\n")
        assert err.count("faces found") == 1  # said once, and not about b.png, whose face was chosen
        code, out, err = terminal("morph", *two_photos, *words, "--face-a", 5)
        assert (code, out) == (2, "")
        assert (
            err
            == "Error: a.jpg: Face 5 was asked for, but this photo holds 5 faces. Choose from 0 (the largest) to 4.\n"
        )


def test_strip(terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path) -> None:
    output = tmp_path / "strip.png"
    code, out, _ = terminal("strip", *two_photos, "-o", output, "--size", 64)
    assert code == 0
    assert out.startswith(str(output))
    assert frames_of(output) == (1, (8 + 8 * (64 + 8), 64 + 8 + 28))


class TestEdit:
    def test_strength_0_is_the_aligned_photo(
        self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path
    ) -> None:
        for name, word in (("zero.png", "smile=0"), ("much.png", "smile=0.8")):
            assert terminal("edit", two_photos[0], word, "-o", tmp_path / name, "--size", 512)[0] == 0
        assert terminal("align", two_photos[0], "-o", tmp_path / "crop.png")[0] == 0
        zero, much, crop = (np.asarray(Image.open(tmp_path / f"{n}.png"), int) for n in ("zero", "much", "crop"))
        assert np.array_equal(zero, crop)
        assert not np.array_equal(much, crop)

    def test_an_unknown_attribute_is_told_the_known_ones(
        self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path
    ) -> None:
        for words in (("edit", two_photos[0], "wings=2"), ("morph", *two_photos, "--edit", "wings=2:sometimes")):
            code, _, err = terminal(*words, "-o", tmp_path / "x.png")
            assert code == 2
            assert "'wings' is no attribute that can be edited, choose from age, gender, smile" in err
            assert "makeup" not in err  # the networks know it, and it is not offered
        assert terminal.loaded == []

    def test_without_a_checkpoint_any_attribute_passes_and_loading_tells(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("facemorph.arguments.ATTRIBUTE_EDITOR", tmp_path)
        assert offered() == tuple(ATTRIBUTES)

    @pytest.mark.parametrize(("word", "said"), [("smile", "has no strength"), ("smile=2", "choose from -1 to 1")])
    def test_a_strength_that_is_none(
        self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path, word: str, said: str
    ) -> None:
        code, _, err = terminal("edit", two_photos[0], word, "-o", tmp_path / "x.png")
        assert code == 2
        assert said in err

    def test_along_a_morph(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path) -> None:
        for name, words in (("x.png", []), ("y.png", ["--edit", "smile=0.8:peaks"])):
            assert terminal("strip", *two_photos, "-o", tmp_path / name, "--size", 64, *words)[0] == 0
        assert (tmp_path / "x.png").read_bytes() != (tmp_path / "y.png").read_bytes()
        code, _, err = terminal("strip", *two_photos, "-o", tmp_path / "z.png", "--edit", "smile=0.8:sometimes")
        assert code == 2
        assert "peaks" in err


class TestTurn:
    @pytest.fixture
    def terminal(self, terminal: Terminal, turning_morpher: FaceMorpher) -> Terminal:
        terminal.morpher = turning_morpher
        return terminal

    @staticmethod
    def face(terminal: Terminal, photo: Path) -> AlignedFace:
        return terminal.morpher.align(photo)

    def test_still(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path) -> None:
        for name, words in (("x.png", []), ("y.png", ["--yaw", -10, "--pitch", 5]), ("z.png", ["--yaw", 0])):
            assert terminal("turn", two_photos[0], "-o", tmp_path / name, "--size", 64, *words)[0] == 0
        face = self.face(terminal, two_photos[0])
        for name, angles in (("x.png", (15, 0)), ("y.png", (-10, 5)), ("z.png", (0, 0))):
            expected = terminal.morpher.turn(face, *angles, 64)
            np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / name)), expected)

    @pytest.mark.parametrize("suffix", [".jpg", ".webp"])
    def test_other_stills(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path, suffix: str) -> None:
        output = tmp_path / f"o{suffix}"
        assert terminal("turn", two_photos[0], "-o", output, "--size", 64)[0] == 0
        assert frames_of(output) == (1, (64, 64))

    def test_a_swing_goes_there_and_back_and_hardly_rests(
        self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path
    ) -> None:
        output = tmp_path / "o.gif"
        code, out, _ = terminal("turn", two_photos[0], "-o", output, "--frames", 5, "--size", 64)
        assert (code, frames_of(output)) == (0, (8, (64, 64)))
        assert out.startswith(str(output))
        with Image.open(output) as image:
            durations = []
            for index in range(image.n_frames):
                image.seek(index)
                durations.append(image.info["duration"])
        assert durations == [150, 50, 50, 50, 150, 50, 50, 50]

    def test_a_swing_has_24_frames(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path) -> None:
        assert terminal("turn", two_photos[0], "-o", tmp_path / "o.gif", "--size", 64)[0] == 0
        assert frames_of(tmp_path / "o.gif")[0] == 46

    def test_a_webp_swings_where_frames_are_asked_for(
        self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path
    ) -> None:
        words = ["-o", tmp_path / "o.webp", "--size", 64, "--frames", 5]
        assert terminal("turn", two_photos[0], *words)[0] == 0
        assert frames_of(tmp_path / "o.webp")[0] == 8

    def test_mp4(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path) -> None:
        assert terminal("turn", two_photos[0], "-o", tmp_path / "o.mp4", "--size", 64, "--frames", 3)[0] == 0
        assert (tmp_path / "o.mp4").stat().st_size > 500

    @pytest.mark.parametrize("suffix", [".png", ".gif"])
    def test_what_no_head_explains(
        self,
        terminal: Terminal,
        tiny_morpher: FaceMorpher,
        two_photos: tuple[Path, Path],
        tmp_path: Path,
        suffix: str,
    ) -> None:
        terminal.morpher = tiny_morpher  # its aligner has no head
        output = tmp_path / f"o{suffix}"
        assert terminal("turn", two_photos[0], "-o", output) == (2, "", f"Error: {NO_HEAD}\n")
        assert not output.exists()


class TestFrame:
    @pytest.mark.parametrize(("alpha", "photo"), [(0, 0), (1, 1)])
    def test_ends_are_the_aligned_photos(
        self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path, alpha: int, photo: int
    ) -> None:
        words = ["--alpha", alpha, "--size", 512]
        assert terminal("frame", *two_photos, "-o", tmp_path / "f.png", *words)[0] == 0
        assert terminal("align", two_photos[photo], "-o", tmp_path / "crop.png")[0] == 0
        with Image.open(tmp_path / "f.png") as frame, Image.open(tmp_path / "crop.png") as crop:
            assert np.abs(np.asarray(frame, int) - np.asarray(crop, int)).mean() < 1

    def test_middle_is_the_default(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path) -> None:
        for name, words in (("x.png", []), ("y.png", ["--alpha", 0.5]), ("z.png", ["--alpha", 0.4])):
            assert terminal("frame", *two_photos, "-o", tmp_path / name, "--size", 64, *words)[0] == 0
        x, y, z = ((tmp_path / name).read_bytes() for name in ("x.png", "y.png", "z.png"))
        assert x == y != z

    def test_shape_goes_its_own_way(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path) -> None:
        written = {}
        for alpha, shape in ((0, None), (0, 0), (0, 1), (1, 1), (1, None)):
            output = tmp_path / f"{alpha}-{shape}.png"
            words = ["--alpha", alpha, "--size", 64, *([] if shape is None else ["--shape", shape])]
            assert terminal("frame", *two_photos, "-o", output, *words)[0] == 0
            written[alpha, shape] = output.read_bytes()
        assert written[0, None] == written[0, 0]
        assert written[1, None] == written[1, 1]
        assert len(set(written.values())) == 3

    def test_quality(
        self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []
        frame = FaceMorpher.frame

        def listening(self: FaceMorpher, *arguments: Any, quality: Quality, **settings: Any) -> Any:
            asked.append(quality)
            return frame(self, *arguments, quality=quality, **settings)

        monkeypatch.setattr(FaceMorpher, "frame", listening)
        for words in ([], ["--quality", "best"], ["--quality", "fast"]):
            assert terminal("frame", *two_photos, "-o", tmp_path / "o.png", "--size", 64, *words)[0] == 0
        assert asked == ["best", "best", "fast"]


class TestAlign:
    def test_crop(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path) -> None:
        output = tmp_path / "crop.png"
        code, out, _ = terminal("align", two_photos[0], "-o", output)
        assert (code, frames_of(output)) == (0, (1, (512, 512)))
        assert re.fullmatch(rf"{re.escape(str(output))} \(\d+ KB\)\n", out)

    def test_landmarks(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path) -> None:
        terminal("align", two_photos[0], "-o", tmp_path / "plain.png")
        terminal("align", two_photos[0], "-o", tmp_path / "marked.png", "--landmarks")
        with Image.open(tmp_path / "plain.png") as plain, Image.open(tmp_path / "marked.png") as marked:
            changed = (np.asarray(plain) != np.asarray(marked)).any(-1)
        assert 0.005 < changed.mean() < 0.1

    def test_face(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path) -> None:
        terminal.morpher = tiny_morpher(2)
        for face in (0, 1):
            assert terminal("align", two_photos[0], "-o", tmp_path / f"{face}.png", "--face", face)[0] == 0
        assert (tmp_path / "0.png").read_bytes() != (tmp_path / "1.png").read_bytes()


class TestRefusedBeforeTheWork:
    """Nothing is loaded for a command that cannot end well."""

    @pytest.fixture(autouse=True)
    def nothing_is_loaded(self, terminal: Terminal) -> Any:
        yield
        assert terminal.loaded == []

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--steps", "0"], "argument --steps: 0 is out of range, choose from 2 to {most}"),
            (["--steps", "10000"], "argument --steps: 10000 is out of range, choose from 2 to {most}"),
            (["--steps", "many"], "argument --steps: 'many' is no whole number"),
            (["--steps", "2.5"], "argument --steps: '2.5' is no whole number"),
            (["--size", "65"], "argument --size: 65 is odd, choose an even number of pixels"),
            (["--size", "32"], "argument --size: 32 is out of range, choose from 64 to 512"),
            (["--size", "4096"], "argument --size: 4096 is out of range, choose from 64 to 512"),
            (["--fps", "fast"], "argument --fps: 'fast' is no number"),
            (["--hold", "long"], "argument --hold: 'long' is no number"),
            (["--fps", "0"], "argument --fps: 0 is out of range, choose from 1 to 50"),
            (["--fps", "100"], "argument --fps: 100 is out of range, choose from 1 to 50"),
            (["--hold", "-1"], "argument --hold: -1 is out of range, choose from 0 to 10"),
            (["--face-a", "-1"], "argument --face-a: -1 is out of range, choose from 0 to 99"),
            (["--device", "abacus"], "argument --device: torch has no device 'abacus' here, choose cpu"),
            (["--shape", "1.5"], "argument --shape: 1.5 is out of range, choose from 0 to 1"),
            (["--appearance", "-1"], "argument --appearance: -1 is out of range, choose from 0 to 1"),
            (["--shape", "0", "--appearance", "1"], "argument --appearance: not allowed with argument --shape"),
            (["--loud"], "unrecognized arguments: --loud"),
        ],
    )
    def test_options(
        self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path, words: list[str], message: str
    ) -> None:
        code, out, err = terminal("morph", *two_photos, "-o", tmp_path / "o.gif", *words)
        most = NUM_FRAMES[1]
        program = "python -m facemorph" + ("" if words == ["--loud"] else " morph")
        assert (code, out) == (2, "")
        assert err == f"Error: {message.format(most=most)}. See {program} --help.\n"

    @pytest.mark.parametrize("option", ["--alpha", "--shape"])
    @pytest.mark.parametrize("value", ["-0.1", "1.01", "nan"])
    def test_position_of_a_frame(
        self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path, option: str, value: str
    ) -> None:
        code, _, err = terminal("frame", *two_photos, "-o", tmp_path / "o.png", f"{option}={value}")
        message = f"Error: argument {option}: {value} is out of range, choose from 0 to 1"
        assert (code, err.split(". See")[0]) == (2, message)

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--yaw", "26"], "argument --yaw: 26 is out of range, choose from -25 to 25"),
            (["--yaw", "-25.5"], "argument --yaw: -25.5 is out of range, choose from -25 to 25"),
            (["--yaw", "nan"], "argument --yaw: nan is out of range, choose from -25 to 25"),
            (["--yaw", "left"], "argument --yaw: 'left' is no number"),
            (["--pitch", "16"], "argument --pitch: 16 is out of range, choose from -15 to 15"),
            (["--frames", "1"], "argument --frames: 1 is out of range, choose from 2 to 240"),
            (["--size", "65"], "argument --size: 65 is odd, choose an even number of pixels"),
        ],
    )
    def test_turns(
        self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path, words: list[str], message: str
    ) -> None:
        code, out, err = terminal("turn", two_photos[0], "-o", tmp_path / "o.gif", *words)
        assert (code, out, err) == (2, "", f"Error: {message}. See python -m facemorph turn --help.\n")

    def test_frames_of_a_still(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path) -> None:
        message = "Error: 'o.png' holds one picture, not 8 frames. Use one of .gif, .mp4, .webp.\n"
        assert terminal("turn", two_photos[0], "-o", tmp_path / "o.png", "--frames", 8) == (2, "", message)

    @pytest.mark.parametrize("command", ["morph", "strip", "frame"])
    def test_quality(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path, command: str) -> None:
        code, _, err = terminal(command, *two_photos, "-o", tmp_path / "o.png", "--quality", "good")
        assert code == 2
        assert err.startswith("Error: argument --quality: invalid choice: 'good' (choose from ")

    @pytest.mark.parametrize(
        ("command", "suffix", "known"),
        [
            ("morph", ".avi", ".gif, .webp, .mp4, .png"),
            ("strip", ".gif", ".png"),
            ("frame", ".gif", ".png, .jpg, .jpeg, .webp"),
            ("turn", ".avi", ".png, .jpg, .jpeg, .webp, .gif, .mp4"),
            ("align", ".mp4", ".png, .jpg, .jpeg, .webp"),
        ],
    )
    def test_suffix(
        self,
        terminal: Terminal,
        two_photos: tuple[Path, Path],
        tmp_path: Path,
        command: str,
        suffix: str,
        known: str,
    ) -> None:
        photos = inputs_of(command, two_photos)
        message = f"Error: 'o{suffix}' ends in '{suffix}', which cannot be written. Use one of {known}.\n"
        assert terminal(command, *photos, "-o", tmp_path / f"o{suffix}") == (2, "", message)

    @pytest.mark.parametrize("command", COMMANDS)
    def test_folder(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path, command: str) -> None:
        photos = inputs_of(command, two_photos)
        message = f"Error: The folder '{tmp_path / 'none'}' does not exist. Create it first.\n"
        assert terminal(command, *photos, "-o", tmp_path / "none" / "o.png") == (2, "", message)

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that not even root can write to")
    @pytest.mark.parametrize("command", COMMANDS)
    def test_folder_without_permission(self, terminal: Terminal, two_photos: tuple[Path, Path], command: str) -> None:
        photos = inputs_of(command, two_photos)
        code, out, err = terminal(command, *photos, "-o", "/proc/o.png")
        assert (code, out) == (2, "")
        assert re.fullmatch(r"Error: The folder '/proc' cannot be written to \(.+\)\. Choose another folder\.\n", err)

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ([], "the following arguments are required: COMMAND"),
            (["dance"], "argument COMMAND: invalid choice: 'dance'"),
            (["morph", "a.jpg"], "the following arguments are required: -o/--output, PHOTO_B"),
            (["align"], "the following arguments are required: -o/--output, photo"),
            (["turn", "a.jpg"], "the following arguments are required: -o/--output"),
        ],
    )
    def test_missing_words(self, terminal: Terminal, words: list[str], message: str) -> None:
        code, out, err = terminal(*words)
        assert (code, out) == (2, "")
        assert err.startswith(f"Error: {message}")
        assert err.count("\n") == 1


def test_torch_is_not_imported_for_a_command_that_cannot_end_well(tmp_path: Path) -> None:
    (tmp_path / "diary.jpg").write_text("Dear diary")
    commands = [
        ["morph", "a.jpg", "b.jpg", "-o", "o.gif", "--steps", "1"],
        ["morph", "a.jpg", "b.jpg", "-o", "o.avi"],
        ["morph", "a.jpg", "b.jpg", "-o", "o.gif"],
        ["edit", "a.jpg", "wings=1", "-o", "o.png"],
        ["turn", "a.jpg", "-o", "o.gif", "--yaw", "40"],
        ["turn", "a.jpg", "-o", "o.gif", "--pitch=-20"],
        ["turn", "a.jpg", "-o", "o.png", "--frames", "8"],
        ["align", "diary.jpg", "-o", "o.png"],
    ]
    program = f"""
import sys
sys.modules["torch"] = None  # whoever imports it fails
from facemorph.__main__ import main
for words in {commands}:
    try:
        code = main(words)
    except SystemExit as stop:
        code = stop.code
    assert code == 2, (words, code)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).resolve().parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["Error"] * len(commands)


class TestRefusedPhotos:
    def test_no_face_names_the_photo(
        self, terminal: Terminal, two_photos: tuple[Path, Path], faceless_photo: Path, tmp_path: Path
    ) -> None:
        code, out, err = terminal("morph", two_photos[0], faceless_photo, "-o", tmp_path / "o.gif")
        assert (code, out) == (2, "")
        assert err.startswith("Error: wall.png: No face found in this photo. Use a photo where one face looks at")
        assert not (tmp_path / "o.gif").exists()

    def test_missing_photo(self, terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path) -> None:
        words = ["morph", two_photos[0], tmp_path / "nobody.jpg", "-o", tmp_path / "o.gif"]
        assert terminal(*words) == (2, "", "Error: 'nobody.jpg' does not exist. Check the path.\n")
        assert terminal.loaded == []  # told at once, not after the networks are loaded

    def test_text_named_jpg(self, terminal: Terminal, tmp_path: Path) -> None:
        (tmp_path / "diary.jpg").write_text("Dear diary")
        code, out, err = terminal("align", tmp_path / "diary.jpg", "-o", tmp_path / "o.png")
        assert (code, out) == (2, "")
        assert err.startswith("Error: 'diary.jpg' is not a picture that can be opened here")
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("A photo is wrong."), 2),
        (CheckpointNotFoundError("No checkpoint."), 1),
        (AlignmentError("The backend cannot run."), 1),
    ],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_exit_codes(
    terminal: Terminal,
    two_photos: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    error: Exception,
    code: int,
) -> None:
    def fail(*args: object, **options: object) -> FaceMorpher:
        raise error

    monkeypatch.setattr(FaceMorpher, "from_checkpoint", fail)
    photos = inputs_of(command, two_photos)
    assert terminal(command, *photos, "-o", tmp_path / "o.png") == (code, "", f"Error: {error}\n")


def test_mp4_without_ffmpeg(
    terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facemorph.render.mp4.find_ffmpeg", lambda: None)
    code, out, err = terminal("morph", *two_photos, "-o", tmp_path / "o.mp4", "--steps", 2, "--size", 64)
    assert (code, out) == (1, "")
    assert err.endswith(
        "Error: MP4 needs ffmpeg, and none was found. Install imageio-ffmpeg, or write a .gif or .webp.\n"
    )


def test_gif_without_ffmpeg_warns(
    terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facemorph.render.gif.find_ffmpeg", lambda: None)
    code, out, err = terminal("morph", *two_photos, "-o", tmp_path / "o.gif", "--steps", 2, "--size", 64)
    assert code == 0
    assert out.startswith(str(tmp_path / "o.gif"))
    assert "Warning: No ffmpeg was found, so the GIF has coarser colours." in err


def test_unforeseen_errors_are_not_hidden(
    terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **options: object) -> FaceMorpher:
        raise ZeroDivisionError

    monkeypatch.setattr(FaceMorpher, "from_checkpoint", fail)
    with pytest.raises(ZeroDivisionError):
        terminal("morph", *two_photos, "-o", tmp_path / "o.gif")


def test_interruption(
    terminal: Terminal, two_photos: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*args: object, **options: object) -> FaceMorpher:
        raise KeyboardInterrupt

    monkeypatch.setattr(FaceMorpher, "from_checkpoint", stop)
    assert terminal("morph", *two_photos, "-o", tmp_path / "o.gif") == (130, "", "\nStopped.\n")


class TestHelp:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_example_is_a_command_that_parses(self, terminal: Terminal, command: str) -> None:
        code, out, err = terminal(command, "--help")
        assert (code, err) == (0, "")
        example = out.splitlines()[-1]
        assert example.startswith(f"example: python -m facemorph {command} ")
        words = example.removeprefix("example: python -m facemorph ").split()
        assert parser().parse_args(words).command == command

    def test_every_command_is_listed(self, terminal: Terminal) -> None:
        code, out, _ = terminal("--help")
        assert code == 0
        for command in COMMANDS:
            assert re.search(rf"^ +{command} +[A-Z].+\.$", out, re.MULTILINE)
        assert set(cli.COMMANDS) == set(COMMANDS)

    def test_as_a_program(self, started: Started) -> None:
        assert (started.done.returncode, started.done.stdout) == (2, "")
        assert started.done.stderr.startswith("Error: 'out.avi' ends in '.avi', which cannot be written.")
