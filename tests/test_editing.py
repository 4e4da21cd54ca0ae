"""Properties of an edit, whatever the weights: the real pipeline over an untrained model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facemorph import AlignedFace, FaceMorpher
from facemorph.align import mirrored
from facemorph.attributes import curve
from facemorph.errors import InputError, StrengthError, UnknownAttributeError
from facemorph.models import AttributeEditorConfig
from tests.drawn import draw_face
from tests.fakes import TINY_FACE, tiny_editor

pytestmark = pytest.mark.usefixtures("few_probes")


@pytest.fixture(scope="module")
def face(tiny_morpher: FaceMorpher) -> AlignedFace:
    return tiny_morpher.align(draw_face()[0])


@pytest.fixture(scope="module")
def other(tiny_morpher: FaceMorpher) -> AlignedFace:
    return tiny_morpher.align(draw_face((400, 300), eye_distance=60, roll=8, skin=(150, 100, 80))[0])


def test_strength_0_is_the_aligned_photo(tiny_morpher: FaceMorpher, face: AlignedFace) -> None:
    assert np.array_equal(tiny_morpher.edit(face, {"smile": 0.0, "age": 0.0}, 512), face.image)
    assert np.array_equal(tiny_morpher.edit(face, {}, 512), face.image)


def test_an_edit_changes_the_face(tiny_morpher: FaceMorpher, face: AlignedFace) -> None:
    before, after = (tiny_morpher.edit(face, {"smile": s}).astype(int) for s in (0.0, 0.8))
    assert np.abs(after - before)[96:208, 64:192].max() > 8


def test_more_strength_is_more_change(tiny_morpher: FaceMorpher, face: AlignedFace) -> None:
    before, *after = (tiny_morpher.edit(face, {"age": s}).astype(int) for s in (0.0, 0.2, 0.8))
    little, much = (np.abs(x - before).mean() for x in after)
    assert 0 < little < much


def test_several_at_once_differ_from_each(tiny_morpher: FaceMorpher, face: AlignedFace) -> None:
    both = tiny_morpher.edit(face, {"smile": 0.8, "age": 0.8})
    assert all(not np.array_equal(both, tiny_morpher.edit(face, {name: 0.8})) for name in ("smile", "age"))


def test_attributes_that_are_held_back_are_unknown(tiny_morpher: FaceMorpher, face: AlignedFace) -> None:
    assert tiny_morpher.attributes == ("smile", "age")
    with pytest.raises(UnknownAttributeError, match="smile, age"):
        tiny_morpher.edit(face, {"hat": 0.5})
    with pytest.raises(StrengthError):
        tiny_morpher.edit_warnings(face, {"smile": 1.5})


def test_a_curve_leaves_the_end_where_it_is_0(tiny_morpher: FaceMorpher, face: AlignedFace, other: AlignedFace) -> None:
    plain = tiny_morpher.morph(face, other, 5, 128)
    edited = tiny_morpher.morph(face, other, 5, 128, edits={"age": curve("appears", 0.8)})
    assert np.array_equal(plain.frames[0], edited.frames[0])
    assert not np.array_equal(plain.frames[-1], edited.frames[-1])
    alone = tiny_morpher.edit(other, {"age": 0.8}, 128)
    assert np.abs(edited.frames[-1].astype(int) - alone).max() <= 1  # batches round otherwise than single pictures


def test_a_frame_is_edited_like_that_of_a_morph(
    tiny_morpher: FaceMorpher, face: AlignedFace, other: AlignedFace
) -> None:
    morph = tiny_morpher.morph(face, other, 3, 128, edits={"age": (0.8, -0.4)})
    frame = tiny_morpher.frame(face, other, float(morph.alphas[1]), 128, edits={"age": (0.8, -0.4)})
    assert np.abs(frame.astype(int) - morph.frames[1]).max() <= 1


def test_an_empty_curve_is_refused(tiny_morpher: FaceMorpher, face: AlignedFace) -> None:
    with pytest.raises(InputError, match="no strengths"):
        tiny_morpher.morph(face, face, 3, 128, edits={"age": ()})


def test_the_refinement_gets_a_gradient_and_nothing_changes_without_a_change() -> None:
    editor = tiny_editor().train()
    generator = torch.Generator().manual_seed(0)
    spatial = torch.randn(
        2, TINY_FACE.latent_channels, TINY_FACE.latent_size, TINY_FACE.latent_size, generator=generator
    )
    compact = torch.nn.functional.normalize(torch.randn(2, TINY_FACE.compact_dim, generator=generator), dim=1)
    points, present = torch.rand(2, 68, 2, generator=generator), torch.zeros(2, 3)
    change = torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.0, -1.0]])
    changed = editor.change_code(spatial, compact, points, present, change)
    assert torch.equal(changed[0], spatial[0])
    assert not torch.equal(changed[1], spatial[1])
    torch.nn.init.normal_(editor.refinement.out.weight)
    editor.change_code(spatial, compact, points, present, change).square().sum().backward()
    assert all(p.grad is not None for p in editor.refinement.parameters())


def test_offered_attributes_are_known_ones() -> None:
    with pytest.raises(ValueError, match="wings"):
        AttributeEditorConfig(offered=("wings",))


def test_what_passes_on_the_way_is_warned_of(tiny_morpher: FaceMorpher, face: AlignedFace, other: AlignedFace) -> None:
    editor = tiny_morpher.networks._editor
    assert editor is not None
    kept = editor.reading_bias.clone()
    editor.reading_bias[0] = 5.0
    try:
        said = tiny_morpher.morph(face, other, 3, 64, edits={"smile": (0, 0.8, 0)}).warnings
    finally:
        editor.reading_bias.copy_(kept)
    assert any("already has" in sentence for sentence in said)


def test_the_shipped_editor_offers_the_common_ones(shipped_morpher: FaceMorpher) -> None:
    assert {"age", "gender", "smile"} <= set(shipped_morpher.attributes)


def test_an_edit_of_the_mirror_image_is_the_mirror_image_of_the_edit(tiny_morpher: FaceMorpher) -> None:
    size = tiny_morpher.networks.image_size
    x = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(3))
    points = torch.rand(1, 68, 2, generator=torch.Generator().manual_seed(4))
    present, change = torch.zeros(1, 3), torch.tensor([[1.0, -0.5, 0.0]])
    plain = tiny_morpher.networks.changed(x, points, present, change)
    turned = tiny_morpher.networks.changed(x.flip(-1), mirrored(points), present, change)
    for one, other in zip(plain, turned, strict=True):
        torch.testing.assert_close(one, other.flip(-1), atol=1e-2, rtol=0)
    assert (plain[1] - plain[0]).abs().max() > 0.01
