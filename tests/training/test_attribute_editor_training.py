"""The adversarial training of the editor, a few steps on made-up faces, and the state between legs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from facemorph.attributes import ATTRIBUTES, TINTED
from facemorph.models import AttributeEditor, AttributeEditorConfig, FaceAutoencoder
from tests.fakes import TINY_FACE
from training.editor import train as training
from training.editor.critics import STAGES, CodeCritic, PictureCritic
from training.editor.losses import Faces, Shown, Stage, change_terms, critic_loss, editor_loss, probabilities
from training.loop.distributed import Share
from training.loop.state import load_state, save_state
from training.loop.streams import OneStream

NAMES = tuple(ATTRIBUTES)
COUNT = 4
SIZE = 128


class PlainFeatures(torch.nn.Module):
    """In place of SqueezeNet: what each stage sees is the reduced picture, its channels repeated."""

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        sides = (31, 15, 7, 7)
        return [
            torch.nn.functional.adaptive_avg_pool2d(x, side).repeat(1, channels // 3 + 1, 1, 1)[:, :channels]
            for side, channels in zip(sides, STAGES.values(), strict=True)
        ]


def corners(x: torch.Tensor) -> torch.Tensor:
    """In place of the landmark network: points that follow the brightness."""
    return x.mean((1, 2, 3)).reshape(-1, 1, 1).expand(-1, 68, 2)


@pytest.fixture
def stage() -> Stage:
    torch.manual_seed(0)
    config = AttributeEditorConfig(
        attributes=NAMES,
        offered=("smile",),
        gains=(1.0,) * len(NAMES),
        latent_channels=TINY_FACE.latent_channels,
        compact_dim=TINY_FACE.compact_dim,
        widths=(8, 12),
    )
    autoencoder = FaceAutoencoder(replace(TINY_FACE, image_size=SIZE)).requires_grad_(False)
    editor = AttributeEditor(config).train()
    return Stage(
        editor,
        autoencoder,
        PlainFeatures(),  # type: ignore[arg-type]
        corners,
        CodeCritic(config.latent_channels, len(NAMES), width=8),
        PictureCritic(len(NAMES), width=8),
        mixed=False,  # faster on tiny networks
    )


def draw() -> tuple[Faces, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    compact = torch.nn.functional.normalize(torch.randn(COUNT, TINY_FACE.compact_dim, generator=generator), dim=1)
    labels = torch.where(torch.rand(COUNT, len(NAMES), generator=generator) > 0.5, 0.9, -0.9)
    faces = Faces(
        torch.randn(COUNT, TINY_FACE.latent_channels, 16, 16, generator=generator),
        compact,
        torch.rand(COUNT, 68, 2, generator=generator),
        0.8 * labels,
    )
    return faces, labels


def readable(attributes: torch.Tensor) -> torch.Tensor:
    return (attributes + 1) / 2


def run(stage: Stage, steps: int) -> tuple[dict[str, torch.optim.Optimizer], list[dict[str, float]]]:
    game = training.Game.of(stage, 3e-3, share=Share(COUNT))
    draws = OneStream(torch.Generator().manual_seed(0), COUNT)
    return game.optimizers, [game.step(*draw(), readable, draws) for _ in range(steps)]


def test_all_networks_learn_and_what_is_fixed_stays(stage: Stage) -> None:
    fixed = {name: value.clone() for name, value in stage.editor.named_buffers()}
    decoder = {name: value.clone() for name, value in stage.autoencoder.state_dict().items()}
    learnt = {name: net.state_dict() for name, net in training.networks_of(stage).items()}
    before = {(net, name): value.clone() for net, state in learnt.items() for name, value in state.items()}
    _, terms = run(stage, 40)  # on one batch
    assert terms[-1]["read"] < 0.9 * terms[0]["read"]
    assert all(abs(value) < 1e4 for value in terms[-1].values())
    for net in learnt:
        assert any(not torch.equal(before[net, name], value) for name, value in learnt[net].items())
    assert all(torch.equal(fixed[name], value) for name, value in stage.editor.named_buffers())
    assert all(torch.equal(decoder[name], value) for name, value in stage.autoencoder.state_dict().items())


def test_a_leg_goes_on_from_the_last(stage: Stage, tmp_path: Path) -> None:
    optimizers, _ = run(stage, 2)
    nets = training.networks_of(stage)
    save_state(tmp_path, nets, optimizers, step=2)
    kept = {(net, key): value.clone() for net, module in nets.items() for key, value in module.state_dict().items()}
    run(stage, 1)
    assert load_state(tmp_path / "none", nets, optimizers) is None
    assert load_state(tmp_path, nets, optimizers) == {"step": 2}
    for net, module in nets.items():
        for key, value in module.state_dict().items():
            assert torch.equal(kept[net, key], value)


def test_changes_go_to_the_other_side_and_no_further() -> None:
    present = torch.where(torch.rand(256, len(NAMES), generator=torch.Generator().manual_seed(0)) > 0.5, 0.7, -0.7)
    change = training.draw_changes(present, OneStream(torch.Generator().manual_seed(0), len(present)))
    assert set((change != 0).sum(1).tolist()) == {1, 2, 3}
    tinted = [attribute.region in TINTED for attribute in ATTRIBUTES.values()]
    assert not change[:, tinted].any()
    others = torch.arange(len(NAMES)) != training.AGE
    assert ((present + change)[:, others].abs() <= 1 + 1e-6).all()
    assert (change * present)[:, others].le(0).all()


def test_a_smile_shows_around_the_mouth_and_age_everywhere(stage: Stage) -> None:
    faces, _ = draw()
    with torch.no_grad():
        stage.editor.directions.fill_(0.5)
        before = stage.show(faces.spatial, faces.compact)
        change = torch.zeros(COUNT, len(NAMES))
        change[0, NAMES.index("smile")] = 1
        change[1, NAMES.index("age")] = 1
        changed = (stage.edit(faces, change, before).picture - before.picture).abs().amax(1)
    assert changed[0].min() == 0 < changed[0].max()
    assert (changed[1] > 0).float().mean() > 0.99
    assert not changed[2:].any()


def test_ages_are_read_from_young_to_old_and_a_smile_as_it_is() -> None:
    centre, slope = torch.tensor([-0.2, 0.0]), torch.tensor([8.0, 0.0])
    read = probabilities(torch.tensor([[-0.2, -1.0], [0.3, 0.5]]), centre, slope)
    assert torch.allclose(read[0], torch.tensor([0.5, 0.0]))
    assert read[1, 0] > 0.95
    assert read[1, 1] == 0.75


def test_losses_are_least_where_edits_do_what_they_should(stage: Stage) -> None:
    faces, labels = draw()
    with torch.no_grad():
        before = stage.show(faces.spatial, faces.compact)
        verdict = stage.judge(before, labels)
    nothing_asked = torch.zeros_like(labels, dtype=torch.bool)
    asked = nothing_asked.clone()
    asked[:, 2] = True
    terms = editor_loss(verdict, verdict, 1 - verdict[0].read.sigmoid(), asked)
    assert abs(float(terms["kept"])) < 1e-5
    assert float(terms["asked"]) >= 0
    told = critic_loss(verdict, verdict, readable(labels))["told"]
    assert float(told) >= 1  # nobody can tell a face from itself
    same = change_terms(stage, before, before)
    assert float(same["pixels"]) == float(same["landmarks"]) == 0
    brighter = Shown(before.code, before.picture + 0.1, before.features)
    assert float(change_terms(stage, before, brighter)["landmarks"]) > 0
