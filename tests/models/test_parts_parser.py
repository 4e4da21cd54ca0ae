"""The parser: which part each place shows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facemorph import FaceMorpher
from facemorph.errors import InputError
from facemorph.models import PartsParser, PartsParserConfig
from facemorph.models.parts_parser import CLASSES, MIRRORED
from facemorph.ui.examples import EXAMPLES, find_pairs
from tests.drawn import draw_face
from tests.fakes import tiny_parser


def test_probabilities_add_up_to_one_at_the_size_of_the_logits() -> None:
    p = tiny_parser().parts(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert p.shape == (2, len(CLASSES), 16, 16)
    torch.testing.assert_close(p.sum(1), torch.ones(2, 16, 16))


def test_mirroring_twice_changes_no_class_and_once_swaps_the_sides() -> None:
    assert [MIRRORED[MIRRORED[index]] for index in range(len(CLASSES))] == list(range(len(CLASSES)))
    swapped = {CLASSES[a]: CLASSES[b] for a, b in enumerate(MIRRORED) if a != b}
    assert swapped["left_eye"] == "right_eye"
    assert all(a.split("_")[1] == b.split("_")[1] for a, b in swapped.items())
    assert len(swapped) == 6


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        ({"widths": (4,)}, "two or more"),
        ({"encoder_depths": (1,)}, "one number per width"),
        ({"output_stride": 3}, "must divide patch_size"),
        ({"image_size": 40}, "multiple of 32"),
    ],
)
def test_sizes_that_fit_no_network_are_refused(sizes: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        PartsParserConfig(**sizes)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [64, 150, 256, 512])
def test_a_morpher_tells_the_parts_of_a_face(tiny_morpher: FaceMorpher, size: int) -> None:
    parts = tiny_morpher.parts(tiny_morpher.align(draw_face()[0]), size)
    assert parts.shape == (size, size)
    assert parts.dtype == np.uint8
    assert parts.max() < len(CLASSES)


def test_a_bad_size_is_said(tiny_morpher: FaceMorpher) -> None:
    face = tiny_morpher.align(draw_face()[0])
    with pytest.raises(InputError, match=r"The size is 63\."):
        tiny_morpher.parts(face, 63)


def test_the_shipped_parser_sees_the_parts_where_they_are(shipped_morpher: FaceMorpher) -> None:
    """On an example face, which nobody is: eyes, mouth, skin and hair lie where the landmarks say."""
    face = shipped_morpher.align(find_pairs(EXAMPLES)[0][0])
    parts, points = shipped_morpher.parts(face, 512), face.landmarks

    def at(place: np.ndarray) -> str:
        x, y = place.round().astype(int)
        return CLASSES[parts[y, x]]

    assert at(points[36:42].mean(0)) == "right_eye"
    assert at(points[42:48].mean(0)) == "left_eye"
    assert at(points[30]) == "nose"
    assert at(points[48:68].mean(0)) in ("inner_mouth", "upper_lip", "lower_lip")
    assert at((points[36] + points[31]) / 2 + (0, 15)) == "skin"
    assert 0.05 < (parts == CLASSES.index("hair")).mean() < 0.6
    assert parts[4, 4] == 0


def test_it_learns_where_the_bright_places_are() -> None:
    torch.manual_seed(0)
    model = PartsParser(PartsParserConfig(image_size=32, widths=(8, 8), encoder_depths=(1, 1), decoder_depths=(1,)))
    x = (torch.rand(8, 1, 4, 4).repeat_interleave(8, 2).repeat_interleave(8, 3) > 0.5).float().expand(-1, 3, -1, -1)
    truth = 13 * torch.nn.functional.avg_pool2d(x[:, 0], 2).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(model(x), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (model(x).argmax(1) == truth).float().mean() > 0.95
