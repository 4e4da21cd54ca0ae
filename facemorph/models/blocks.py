"""Building blocks: convolutions without normalisation layers, slow on a CPU, and a transformer block."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions beside an identity.

    The second starts at zero, so that a deep stack trains without normalisation (Fixup: Zhang, Dauphin & Ma 2019).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) → (B, C, h, w)."""
        change: torch.Tensor = self.second(F.relu(self.first(x)))
        return x + change


class Downsample(nn.Sequential):
    """Halve height and width by space-to-depth and a 1×1 convolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(nn.PixelUnshuffle(2), nn.Conv2d(4 * in_channels, out_channels, 1))


class Upsample(nn.Sequential):
    """Double height and width by sub-pixel convolution (Shi et al. 2016)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(nn.Conv2d(in_channels, 4 * out_channels, 1), nn.PixelShuffle(2))


def stack(channels: int, depth: int) -> nn.Sequential:
    """Return `depth` residual blocks in a row."""
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(depth)))


def turn_channels(x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """Multiply the channels of (B, C, h, w) at each place with a (D, C) matrix, in float32; (B, D, h, w)."""
    with torch.autocast(x.device.type, enabled=False):  # bfloat16 would lose what a network is not to touch
        return torch.einsum("ij,bjhw->bihw", matrix, x.float())


class TransformerBlock(nn.Module):
    """A transformer block with modulated norms (adaLN: Peebles & Xie 2023; shared by all blocks: Chen et al. 2023)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.modulation = nn.Parameter(torch.zeros(6 * width))
        self.to_qkv = nn.Linear(width, 3 * width)
        self.from_heads = nn.Linear(width, width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)
        with torch.no_grad():  # the gates start open, and what they let through starts small
            for gate in self.modulation.view(6, width)[2::3]:
                gate.fill_(1.0)
            for layer in (self.from_heads, self.contract):
                layer.weight.mul_(0.1)

    def forward(self, x: torch.Tensor, modulation: torch.Tensor) -> torch.Tensor:
        """(B, N, width) tokens and (B, N, 6 · width) modulation that all blocks share → (B, N, width)."""
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = (modulation + self.modulation).chunk(6, -1)
        x = x + gate * self._attend(bare_norm(x) * (1 + scale) + shift)
        h = bare_norm(x) * (1 + scale_mlp) + shift_mlp
        changed: torch.Tensor = x + gate_mlp * self.contract(F.gelu(self.expand(h), approximate="tanh"))
        return changed

    def _attend(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.to_qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1)  # torch's fused attention is slow here
        attended: torch.Tensor = self.from_heads((weights.to(v.dtype) @ v).transpose(1, 2).flatten(2))
        return attended


def bare_norm(x: torch.Tensor) -> torch.Tensor:
    """Bring the last axis to mean 0 and variance 1, with no parameters."""
    return F.layer_norm(x, x.shape[-1:])
