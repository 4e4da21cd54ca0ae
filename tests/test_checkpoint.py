"""A checkpoint comes back as it was saved, and a broken one says what is broken."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from facemorph import checkpoint
from facemorph.errors import CheckpointMismatchError, CheckpointNotFoundError


@dataclasses.dataclass(frozen=True)
class TinyConfig:
    channels: tuple[int, ...] = (2, 3)
    scale: float = 0.5

    def __post_init__(self) -> None:
        if min(self.channels) < 1:
            raise ValueError(f"channels are {self.channels}, and every one must be at least 1")


class Tiny(nn.Module):
    def __init__(self, config: TinyConfig) -> None:
        super().__init__()
        self.layer = nn.Linear(*config.channels)
        self.register_buffer("steps", torch.tensor(7))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    checkpoint.save(tmp_path / "tiny", Tiny(TinyConfig()), TinyConfig())
    return tmp_path / "tiny"


def edit(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    entries = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in entries.items() if value is not ...}))


def read(folder: Path) -> TinyConfig:
    return checkpoint.read_config(folder, TinyConfig, "Tiny")


class TestRoundTrip:
    def test_config(self, tmp_path: Path) -> None:
        config = TinyConfig(channels=(4, 5), scale=0.25)
        checkpoint.save(tmp_path, Tiny(config), config)
        assert read(tmp_path) == config

    def test_weights(self, folder: Path) -> None:
        torch.manual_seed(0)
        saved, loaded = Tiny(TinyConfig()), Tiny(TinyConfig())
        checkpoint.load_weights(folder, loaded)
        for name, value in loaded.state_dict().items():
            expected = saved.state_dict()[name]
            assert value.dtype == expected.dtype
            assert torch.equal(value, expected.half().float() if expected.is_floating_point() else expected)

    def test_saving_the_loaded_model_changes_nothing(self, folder: Path, tmp_path: Path) -> None:
        model = Tiny(read(folder))
        checkpoint.load_weights(folder, model)
        checkpoint.save(tmp_path / "again", model, read(folder))
        for name in ("config.json", "model.safetensors"):
            assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()

    def test_files(self, folder: Path) -> None:
        assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
        entries = json.loads((folder / "config.json").read_text())
        assert entries == {"format_version": 1, "model": "Tiny", "channels": [2, 3], "scale": 0.5}
        assert load_file(folder / "model.safetensors")["layer.weight"].dtype == torch.float16


class TestConfig:
    def test_missing_folder(self, tmp_path: Path) -> None:
        message = f"No checkpoint at '{tmp_path / 'none'}': config.json is missing. Clone the project again, or name"
        with pytest.raises(CheckpointNotFoundError, match=re.escape(message)):
            read(tmp_path / "none")

    @pytest.mark.parametrize("text", ["", "{", "[1, 2]", "7", "null", '"text"', '{"model": "Tiny"}', "\xff\xfe"])
    def test_damaged(self, folder: Path, text: str) -> None:
        (folder / "config.json").write_bytes(text.encode("latin-1"))
        with pytest.raises(CheckpointMismatchError, match=r"config\.json' is damaged: .+\. Restore the file\.$"):
            read(folder)

    def test_other_model(self, folder: Path) -> None:
        edit(folder, model="Giant")
        message = "holds a Giant of format 1; a Tiny of format 1 is needed. Use a checkpoint that this version made."
        with pytest.raises(CheckpointMismatchError, match=re.escape(message)):
            read(folder)

    def test_other_format(self, folder: Path) -> None:
        edit(folder, format_version=2)
        with pytest.raises(CheckpointMismatchError, match="holds a Tiny of format 2; a Tiny of format 1 is needed"):
            read(folder)

    def test_unknown_and_missing_keys(self, folder: Path) -> None:
        edit(folder, scale=..., colour="red")
        with pytest.raises(CheckpointMismatchError, match=re.escape("missing ['scale'], unknown ['colour']")):
            read(folder)

    def test_value_out_of_range(self, folder: Path) -> None:
        edit(folder, channels=[0, 3])
        message = "holds a value that is not allowed: channels are (0, 3), and every one must be at least 1"
        with pytest.raises(CheckpointMismatchError, match=re.escape(message)):
            read(folder)

    def test_value_of_another_type(self, folder: Path) -> None:
        edit(folder, channels="many")
        with pytest.raises(CheckpointMismatchError, match="holds a value that is not allowed"):
            read(folder)


class TestWeights:
    def load(self, folder: Path) -> None:
        checkpoint.load_weights(folder, Tiny(TinyConfig()))

    def change(self, folder: Path, **changes: torch.Tensor | None) -> None:
        path = folder / "model.safetensors"
        state = load_file(path) | {name.replace("__", "."): value for name, value in changes.items()}
        save_file({name: value for name, value in state.items() if value is not None}, path)

    def test_missing_file(self, folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        message = (
            f"No weights at '{folder / 'model.safetensors'}'. Clone the project again, or name another checkpoint."
        )
        with pytest.raises(CheckpointNotFoundError, match=re.escape(message)):
            self.load(folder)

    @pytest.mark.parametrize("kept", [0, 4, 40, -1])
    def test_truncated(self, folder: Path, kept: int) -> None:
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[:kept])
        with pytest.raises(
            CheckpointMismatchError, match=r"model\.safetensors' is damaged and cannot be read \(.+\)\."
        ):
            self.load(folder)

    def test_git_lfs_pointer(self, folder: Path) -> None:
        (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
        with pytest.raises(CheckpointMismatchError, match="is damaged and cannot be read"):
            self.load(folder)

    def test_missing_and_unexpected_names(self, folder: Path) -> None:
        self.change(folder, layer__bias=None, extra=torch.zeros(1))
        message = "does not fit Tiny: missing layer.bias; unexpected extra. Use a checkpoint that this version made."
        with pytest.raises(CheckpointMismatchError, match=re.escape(message)):
            self.load(folder)

    def test_other_shape(self, folder: Path) -> None:
        self.change(folder, layer__weight=torch.zeros(3, 4))
        with pytest.raises(CheckpointMismatchError, match=re.escape("layer.weight is (3, 4), not (3, 2)")):
            self.load(folder)

    def test_many_problems_are_counted(self, folder: Path) -> None:
        self.change(folder, **{f"extra_{k}": torch.zeros(1) for k in range(9)})
        with pytest.raises(CheckpointMismatchError, match="unexpected extra_4 and 4 more"):
            self.load(folder)

    def test_refused_weights_leave_the_model_as_it_was(self, folder: Path) -> None:
        self.change(folder, layer__weight=torch.zeros(3, 2), extra=torch.zeros(1))
        model = Tiny(TinyConfig())
        before = model.layer.weight.clone()
        with pytest.raises(CheckpointMismatchError):
            checkpoint.load_weights(folder, model)
        assert torch.equal(model.layer.weight, before)

    @pytest.mark.parametrize("bad", [float("nan"), float("inf")])
    def test_values_that_are_no_numbers(self, folder: Path, bad: float) -> None:
        self.change(folder, layer__bias=torch.tensor([0.0, bad, 0.0]))
        with pytest.raises(CheckpointMismatchError, match=r"layer\.bias holds values that are no numbers"):
            self.load(folder)


def test_shipped_checkpoints_are_complete() -> None:
    folders = [path for path in checkpoint.CHECKPOINTS.iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        assert {path.name for path in folder.iterdir()} >= {"config.json", "model.safetensors", "README.md"}
