"""The reader of TensorFlow.js models, on models of one or two nodes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from training.attributes.tfjs import GraphModel


def word(text: str) -> dict[str, str]:
    return {"s": base64.b64encode(text.encode()).decode()}


def numbers(*values: int) -> dict[str, Any]:
    return {"list": {"i": [str(value) for value in values]}}


def write_model(folder: Path, nodes: list[dict[str, Any]], weights: dict[str, np.ndarray]) -> None:
    listed = [
        {
            "name": name,
            "shape": list(value.shape),
            "dtype": "int32" if value.dtype == np.int32 else "float32",
            **({"quantization": {"dtype": "float16"}} if value.dtype == np.float16 else {}),
        }
        for name, value in weights.items()
    ]
    constants = [{"name": name, "op": "Const"} for name in weights]
    described = {
        "modelTopology": {"node": [{"name": "x", "op": "Placeholder"}, *constants, *nodes]},
        "weightsManifest": [{"weights": listed}],
    }
    (folder / "m.json").write_text(json.dumps(described))
    (folder / "m.bin").write_bytes(b"".join(value.tobytes() for value in weights.values()))


def convolution(op: str, padding: str, stride: int, inputs: list[str], **more: Any) -> dict[str, Any]:
    attributes = {
        "padding": word(padding),
        "strides": numbers(1, stride, stride, 1),
        "dilations": numbers(1, 1, 1, 1),
        **more,
    }
    return {"name": "y", "op": op, "input": inputs, "attr": attributes}


@pytest.mark.parametrize("side", [7, 8])
def test_same_convolution_pads_the_end_more(tmp_path: Path, side: int) -> None:
    weight = np.random.default_rng(0).normal(size=(3, 3, 2, 4)).astype(np.float16)
    write_model(tmp_path, [convolution("Conv2D", "SAME", 2, ["x", "w"])], {"w": weight})
    x = torch.randn(2, side, side, 2)
    (y,) = GraphModel(tmp_path, "m")(x, "y")
    pads = (0, 1, 0, 1) if side == 8 else (1, 1, 1, 1)
    kernel = torch.from_numpy(weight.astype(np.float32)).permute(3, 2, 0, 1)
    assert torch.allclose(y, F.conv2d(F.pad(x.permute(0, 3, 1, 2), pads), kernel, stride=2).permute(0, 2, 3, 1))


def test_depthwise_convolution_keeps_channels_apart(tmp_path: Path) -> None:
    weight = np.zeros((1, 1, 2, 2), np.float32)
    weight[0, 0] = [[1, 2], [3, 4]]
    write_model(tmp_path, [convolution("DepthwiseConv2dNative", "VALID", 1, ["x", "w"])], {"w": weight})
    x = torch.tensor([10.0, 100.0]).expand(1, 2, 2, 2)
    (y,) = GraphModel(tmp_path, "m")(x, "y")
    assert y[0, 0, 0].tolist() == [10, 20, 300, 400]


def test_fused_nodes_add_the_bias_before_the_activation_and_two_outputs_come_at_once(tmp_path: Path) -> None:
    fused = {"fused_ops": {"list": {"s": [word("BiasAdd")["s"], word("Relu")["s"]]}}}
    nodes = [
        convolution("_FusedConv2D", "VALID", 1, ["x", "w", "b"], **fused),
        {"name": "mean", "op": "Mean", "input": ["y", "axes"], "attr": {"keep_dims": {"b": False}}},
    ]
    weights = {
        "w": np.ones((1, 1, 1, 2), np.float32),
        "b": np.array([-1, 1], np.float32),
        "axes": np.array([1, 2], np.int32),
    }
    write_model(tmp_path, nodes, weights)
    x = torch.tensor([0.0, 3.0]).view(1, 1, 2, 1)
    y, mean = GraphModel(tmp_path, "m")(x, "y", "mean")
    assert y.flatten().tolist() == [0, 1, 2, 4]
    assert mean.tolist() == [[1.0, 2.5]]


def test_same_pooling_never_takes_the_padding(tmp_path: Path) -> None:
    pool = {"padding": word("SAME"), "strides": numbers(1, 2, 2, 1), "ksize": numbers(1, 3, 3, 1)}
    write_model(tmp_path, [{"name": "y", "op": "MaxPool", "input": ["x"], "attr": pool}], {})
    (y,) = GraphModel(tmp_path, "m")(torch.full((1, 5, 5, 1), -2.0), "y")
    assert y.shape == (1, 3, 3, 1) and (y == -2).all()


def test_what_the_reader_cannot_do_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"m\.json' does not exist"):
        GraphModel(tmp_path, "m")
    write_model(tmp_path, [{"name": "y", "op": "Cumsum", "input": ["x"]}], {})
    with pytest.raises(SystemExit, match="'m' needs Cumsum, which this reader does not have"):
        GraphModel(tmp_path, "m")
    write_model(tmp_path, [], {"w": np.zeros(3, np.float32)})
    (tmp_path / "m.bin").write_bytes(b"\0" * 16)
    with pytest.raises(SystemExit, match="take 12 bytes and their file has 16"):
        GraphModel(tmp_path, "m")
