"""The adversarial training of the editor, a few steps on made-up codes, and the state between legs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from facemorph.models import AttributeEditor
from tests.fakes import tiny_editor
from training import train_attribute_editor as training
from training.run_state import load_state, save_state


def wide_enough() -> AttributeEditor:
    """Return an editor of codes that the critic can halve twice to 4 × 4."""
    torch.manual_seed(0)
    editor = tiny_editor()
    config = {**vars(editor.config), "latent_size": 16}
    return AttributeEditor(type(editor.config)(**config)).train()


def draw(model: AttributeEditor, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
    config, count = model.config, 4
    spatial = torch.randn(count, config.latent_channels, 16, 16, generator=generator)
    compact = torch.nn.functional.normalize(torch.randn(count, config.compact_dim, generator=generator), dim=1)
    present = 2 * torch.rand(count, len(config.attributes), generator=generator) - 1
    return spatial, compact, torch.rand(count, 68, 2, generator=generator), present


@pytest.fixture
def changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "draw_changes", some_change)


def run(
    model: AttributeEditor, steps: int
) -> tuple[dict[str, torch.nn.Module], dict[str, torch.optim.Optimizer], list[dict[str, float]]]:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    nets, optimizers = training.build(model, 3e-3)
    terms = [
        training.train_step(model, nets, optimizers, lambda: draw(model, torch.Generator().manual_seed(1)), generator)
        for _ in range(steps)
    ]
    return nets, optimizers, terms


def some_change(present: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Ask for the first attribute only, away from where it is."""
    change = torch.zeros_like(present)
    change[:, 0] = torch.where(present[:, 0] > 0, -1.0, 1.0) * 0.8
    return change


@pytest.mark.usefixtures("changes")
def test_both_networks_learn_and_the_fit_stays() -> None:
    model = wide_enough()
    fitted = {name: value.clone() for name, value in model.named_buffers()}
    before = {name: value.clone() for name, value in model.refinement.state_dict().items()}
    _, _, terms = run(model, 80)  # on one batch
    assert terms[-1]["read"] < 0.9 * terms[0]["read"]
    assert all(abs(value) < 1e4 for value in terms[-1].values())
    assert any(not torch.equal(before[name], value) for name, value in model.refinement.state_dict().items())
    assert all(torch.equal(fitted[name], value) for name, value in model.named_buffers())


@pytest.mark.usefixtures("changes")
def test_a_leg_goes_on_from_the_last(tmp_path: Path) -> None:
    nets, optimizers, _ = run(wide_enough(), 2)
    save_state(tmp_path, nets, optimizers, step=2)
    others, other_optimizers = training.build(wide_enough(), 1e-3)
    assert load_state(tmp_path / "none", others, other_optimizers) is None
    assert load_state(tmp_path, others, other_optimizers) == {"step": 2}
    for name, net in nets.items():
        for key, value in net.state_dict().items():
            assert torch.equal(others[name].state_dict()[key], value)
