"""What the editor does to colours, and how it learns that from people who have an attribute and who lack it."""

from __future__ import annotations

import torch

from facemorph.models import AttributeEditor, AttributeEditorConfig
from training.editor.fit import TYPICAL, fit_calibration, fit_tints

NAMES = ("smile", "black_hair", "pale_skin")
SMILE, BLACK, PALE = range(3)
COUNT = 400
DARK, LIGHT = -2.5, -1.2
"""Of hair, with and without black hair, in the light of white skin."""


def editor(**settings: object) -> AttributeEditor:
    config = AttributeEditorConfig(attributes=NAMES, offered=NAMES, gains=(1.0, 1.0, 1.0), compact_dim=16)
    return AttributeEditor(AttributeEditorConfig(**{**vars(config), **settings}))  # type: ignore[arg-type]


def fitted(**settings: object) -> AttributeEditor:
    """Fit on people whose hair is as light as the photo, and darker where it is black; pale skin is lighter by 0.4."""
    generator = torch.Generator().manual_seed(0)
    values = torch.where(torch.rand(COUNT, 3, generator=generator) > 0.5, 1.0, -1.0)
    light = 0.3 * torch.randn(COUNT, 1, generator=generator)
    skin = torch.cat([(light + 0.2 * values[:, 2:]).expand(-1, 3), torch.zeros(COUNT, 1)], 1)
    tone = torch.where(values[:, 1:2] > 0, DARK, LIGHT)
    hair = torch.cat([(tone + skin[:, :1]).expand(-1, 3), torch.full((COUNT, 1), -1.0)], 1)
    area = torch.full((COUNT, 1), 0.1)
    area[-50:] = 0.0  # bald, whatever is measured there
    hair[-50:] = 7.0
    skin_area = torch.full((COUNT, 1), 0.3)
    model = editor(**settings)
    measured = {"hair": torch.cat([hair, area], 1), "skin": torch.cat([skin, skin_area], 1)}
    fit_tints(model, measured, values)
    return model


def tinted(model: AttributeEditor, column: int, change: float, light: float = 0.0) -> torch.Tensor:
    changes = torch.zeros(1, 3)
    changes[:, column] = change
    start = torch.tensor([[light - 1.8, light - 1.8, light - 1.8, -1.0]])
    return model.tint(changes, column, start, torch.full((1, 3), light))[0]


def test_hair_goes_to_what_people_with_and_without_it_have_in_that_light() -> None:
    model = fitted()
    for light in (-0.3, 0.0, 0.3):
        assert abs(tinted(model, BLACK, 2.0, light)[0] - (DARK + light)) < 0.1
        assert abs(tinted(model, BLACK, -2.0, light)[0] - (LIGHT + light)) < 0.1


def test_a_part_of_the_change_goes_a_part_of_the_way() -> None:
    model = fitted()
    start, half, all_of_it = (float(tinted(model, BLACK, change)[0]) for change in (0.0, 1.0, 2.0))
    assert abs(start - -1.8) < 1e-6
    assert abs(half - (start + all_of_it) / 2) < 1e-5


def test_a_gain_goes_beyond() -> None:
    gains = (1.0, 2.0, 1.0)
    plain, more = (float(tinted(model, BLACK, 2.0)[0]) for model in (fitted(), fitted(gains=gains)))
    assert abs(more - (DARK - (LIGHT - DARK) / 2)) < 0.1
    assert more < plain


def test_skin_shifts_from_where_it_is() -> None:
    model = fitted()
    skin = torch.tensor([[-0.5, -0.6, -0.7, -1.0]])
    changes = torch.zeros(1, 3)
    changes[:, PALE] = 2.0
    moved = model.tint(changes, PALE, skin, skin[:, :3]) - skin
    assert torch.allclose(moved[0, :3], torch.full((3,), 0.2), atol=0.05)


def test_what_is_no_colour_has_no_tint() -> None:
    assert not fitted().tints[SMILE].any()


def test_readings_are_spread_to_mean_the_same_for_rare_and_for_common_attributes() -> None:
    model = editor()
    generator = torch.Generator().manual_seed(0)
    values = torch.where(torch.rand(COUNT, 3, generator=generator) > 0.9, 1.0, -1.0)
    compact = torch.zeros(COUNT, 16)
    compact[:, :3] = 0.1 * values - 0.5
    model.reading[:3] = torch.eye(3) / 4  # the features are four times the compact code
    codes = {"spatial": torch.zeros(1, COUNT, 32, 16, 16), "compact": compact.unsqueeze(0)}
    with torch.no_grad():
        fit_calibration(model, codes, values)
        read = model.present(codes["spatial"][0], compact)
        likely = model.likely(read)
    assert read[:, SMILE].max() < 0
    assert torch.allclose(likely[:, :2], TYPICAL * values[:, :2], atol=1e-3)
    assert torch.equal(likely[:, PALE], read[:, PALE])  # more of it is always possible
