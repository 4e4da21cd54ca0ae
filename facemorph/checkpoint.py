"""A checkpoint is a folder: `config.json`, `model.safetensors` and a `README.md` for people."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from facemorph.errors import CheckpointMismatchError, CheckpointNotFoundError

if TYPE_CHECKING:
    from torch import nn

FORMAT_VERSION = 1
CHECKPOINTS = Path(__file__).resolve().parent.parent / "checkpoints"
"""The folder of the checkpoints that come with the project."""
ATTRIBUTE_EDITOR = CHECKPOINTS / "attribute-editor"

Config = TypeVar("Config")
Model = TypeVar("Model", bound="nn.Module")


def save(folder: Path, model: nn.Module, config: Any) -> None:
    """Write `config` (a dataclass) and the weights of `model`, floating-point ones as float16, to `folder`."""
    from safetensors.torch import save_file  # here, not above: a configuration is read without torch

    folder.mkdir(parents=True, exist_ok=True)
    entries = {"format_version": FORMAT_VERSION, "model": type(model).__name__, **dataclasses.asdict(config)}
    (folder / "config.json").write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    state = {
        name: (value.half() if value.is_floating_point() else value).contiguous().cpu()
        for name, value in model.state_dict().items()
    }
    save_file(state, folder / "model.safetensors")


def read_config(folder: Path, config_type: type[Config], model_name: str) -> Config:
    """Read `config.json` of `folder` as a `config_type`.

    Raises:
        CheckpointNotFoundError: the folder or the file does not exist.
        CheckpointMismatchError: not JSON, another format or model, unknown or missing keys, or a value out of range.
    """
    path, entries = folder / "config.json", _read_entries(folder)
    version, name = entries.pop("format_version"), entries.pop("model")
    if version != FORMAT_VERSION or name != model_name:
        raise CheckpointMismatchError(
            f"'{path}' holds a {name} of format {version}; a {model_name} of format {FORMAT_VERSION} is needed. "
            "Use a checkpoint that this version made."
        )
    known = {field.name for field in dataclasses.fields(config_type)}  # type: ignore[arg-type]
    if known != set(entries):
        raise CheckpointMismatchError(
            f"'{path}' does not fit {model_name}: missing {sorted(known - set(entries))}, "
            f"unknown {sorted(set(entries) - known)}. Use a checkpoint that this version made."
        )
    try:
        return config_type(**{k: tuple(v) if isinstance(v, list) else v for k, v in entries.items()})
    except (TypeError, ValueError) as error:
        raise CheckpointMismatchError(
            f"'{path}' holds a value that is not allowed: {error}. Restore the file."
        ) from error


def read_model_name(folder: Path) -> str:
    """Return the class of the model that `config.json` of `folder` describes.

    Raises:
        CheckpointNotFoundError: the folder or the file does not exist.
        CheckpointMismatchError: the file is damaged.
    """
    return str(_read_entries(folder)["model"])


def read_offered(folder: Path) -> tuple[str, ...]:
    """Return the attributes that `config.json` of an attribute editor's `folder` offers.

    Raises:
        CheckpointNotFoundError: the folder or the file does not exist.
        CheckpointMismatchError: the file is damaged.
    """
    return tuple(map(str, _read_entries(folder).get("offered", ())))


def _read_entries(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise CheckpointNotFoundError(
            f"No checkpoint at '{folder}': config.json is missing. Clone the project again, or name another checkpoint."
        )
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointMismatchError(f"'{path}' is damaged: {error}. Restore the file.") from error
    if not isinstance(entries, dict) or not {"format_version", "model"} <= set(entries):
        raise CheckpointMismatchError(f"'{path}' is damaged: it names no format_version and model. Restore the file.")
    return entries


def load_weights(folder: Path, model: nn.Module) -> None:
    """Load `model.safetensors` of `folder` into `model`, strictly, as float32.

    Raises:
        CheckpointNotFoundError: the file does not exist.
        CheckpointMismatchError: it is damaged, holds NaN or infinity, or names or shapes differ from the model's.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / "model.safetensors"
    if not path.is_file():
        raise CheckpointNotFoundError(f"No weights at '{path}'. Clone the project again, or name another checkpoint.")
    try:
        state = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointMismatchError(f"'{path}' is damaged and cannot be read ({error}). Restore the file.") from error
    own = model.state_dict()
    problems = [f"missing {name}" for name in own if name not in state]
    problems += [f"unexpected {name}" for name in state if name not in own]
    problems += [
        f"{name} is {tuple(state[name].shape)}, not {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    problems += [
        f"{name} holds values that are no numbers"
        for name, value in state.items()
        if value.is_floating_point() and not value.isfinite().all()
    ]
    if problems:
        raise CheckpointMismatchError(
            f"'{path}' does not fit {type(model).__name__}: {'; '.join(problems[:5])}"
            f"{f' and {len(problems) - 5} more' if len(problems) > 5 else ''}. Use a checkpoint that this version made."
        )
    model.load_state_dict({name: v.to(torch.float32) if v.is_floating_point() else v for name, v in state.items()})


def load_model(folder: Path, model_type: type[Model], config_type: type[Config]) -> Model:
    """Build the model that `folder` describes and load its weights, in evaluation mode.

    Raises:
        CheckpointNotFoundError: a file does not exist.
        CheckpointMismatchError: a file is damaged or does not fit.
    """
    import torch

    model: Model = model_type(read_config(folder, config_type, model_type.__name__))
    load_weights(folder, model)
    return model.eval().to(memory_format=torch.channels_last)
