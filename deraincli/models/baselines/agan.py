"""AGAN (Qian et al., CVPR 2018).

Qian, Tan, Yang, Su, Liu, "Attentive generative adversarial network for raindrop removal from a single
image". A small recurrent network finds drops in four passes, each of which sees the previous mask. An
autoencoder with dilated convolutions then restores the picture, guided by the last mask.

This is the generator, which is sufficient for restoration. `derain train` uses the same losses as for all
networks, including one on the last mask. The paper also has a discriminator and losses at smaller sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deraincli.models.base import NetworkOutput, RestorationNetwork

WIDTH = 32
"""Channels of the recurrent network."""
RESIDUAL_BLOCKS = 5
FIRST_MASK = 0.5
"""Value of the mask before the first pass, 0–1."""


@dataclass(frozen=True)
class AGANConfig:
    """The published generator: 6,244,362 parameters."""

    passes: int = 4
    """Passes of the recurrent network, which share its weights."""


class AGAN(RestorationNetwork):
    """The generator. Its masks have no sigmoid, so the last mask is clamped to 0–1 for display."""

    size_multiple = 4
    tile_margin = 96
    """Pixels of context.

    The receptive field reaches 208 pixels, but with random weights 99.9 % of the influence lie within 9
    pixels (`tests/performance/receptive_field.py`). This margin leaves ample room for trained weights.
    """

    def __init__(self, config: AGANConfig) -> None:
        super().__init__()
        self.config = config
        self.attention = RecurrentAttention(config.passes)
        self.painter = Autoencoder()

    def forward(self, rainy: Tensor) -> NetworkOutput:
        """Restores B×3×H×W in 0–1. Sides must be multiples of 4. RAM is the last mask, CAM is 1 − RAM."""
        picture = rainy.to(self.painter.head.weight.dtype)
        mask = self.attention(picture)[-1]
        image = self.painter(torch.cat([picture, mask], 1))
        ram = mask.float().clamp(0, 1)
        return NetworkOutput(image.float(), ram, 1 - ram)


class RecurrentAttention(nn.Module):
    """Residual blocks and an LSTM, which compute the next mask from the picture and the last mask."""

    def __init__(self, passes: int) -> None:
        super().__init__()
        self.passes = passes
        self.stem = _conv(4, WIDTH)
        self.residual = nn.ModuleList(
            [
                nn.Sequential(_conv(WIDTH, WIDTH), nn.ReLU(), _conv(WIDTH, WIDTH))
                for _ in range(RESIDUAL_BLOCKS)
            ]
        )
        self.gates = nn.ModuleDict({gate: _conv(2 * WIDTH, WIDTH) for gate in ("i", "f", "g", "o")})
        self.head = _conv(WIDTH, 1)
        # Masks start at a half, because the clamp to 0–1 leaves no gradient outside that range.
        nn.init.constant_(self.head.bias, FIRST_MASK)  # type: ignore[arg-type]

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Returns the mask of every pass, each B×1×H×W, approximately in 0–1."""
        batch, _, height, width = picture.shape
        hidden = cell = picture.new_zeros(batch, WIDTH, height, width)
        masks = [picture.new_full((batch, 1, height, width), FIRST_MASK)]
        for _ in range(self.passes):
            x = F.relu(self.stem(torch.cat([picture, masks[-1]], 1)))
            for block in self.residual:
                x = F.relu(x + F.relu(block(x)))
            both = torch.cat([x, hidden], 1)
            i, f, o = (torch.sigmoid(self.gates[gate](both)) for gate in ("i", "f", "o"))
            cell = f * cell + i * torch.tanh(self.gates["g"](both))
            hidden = o * torch.tanh(cell)
            masks.append(self.head(hidden))
        return masks[1:]


class Autoencoder(nn.Module):
    """Restores the picture, given the mask. The deepest layers work at a quarter of the size."""

    def __init__(self) -> None:
        super().__init__()
        self.encode_full = _conv(4, 64, kernel=5)
        self.encode_half = nn.ModuleList([_conv(64, 128, stride=2), _conv(128, 128)])
        self.encode_quarter = nn.ModuleList(
            [
                _conv(128, 256, stride=2),
                *(_conv(256, 256, dilation=dilation) for dilation in (1, 1, 2, 4, 8, 16, 1, 1)),
            ]
        )
        self.up_to_half = Up(256, 128)
        self.decode_half = _conv(128, 128)
        self.up_to_full = Up(128, 64)
        self.decode_full = _conv(64, 32)
        self.head = _conv(32, 3)
        # The paper's losses need smaller pictures too. Their layers count as parameters, but do not run here.
        self.smaller_heads = nn.ModuleList([_conv(256, 3), _conv(128, 3)]).requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """Maps B×4×H×W to B×3×H×W, approximately in 0–1."""
        x = full = F.relu(self.encode_full(x))
        for layer in self.encode_half:
            x = F.relu(layer(x))
        half = x
        for layer in self.encode_quarter:
            x = F.relu(layer(x))
        x = F.relu(self.decode_half(self.up_to_half(x) + half))
        x = F.relu(self.decode_full(self.up_to_full(x) + full))
        return self.head(x)


class Up(nn.Module):
    """Doubles the size. Averaging neighbours removes the grid pattern of a transposed convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps B×C×H×W to B×outputs×2H×2W."""
        x = F.pad(self.conv(x), (1, 0, 1, 0), mode="reflect")
        return F.relu(F.avg_pool2d(x, 2, stride=1))


def _conv(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    padding = dilation * (kernel // 2)
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation)
