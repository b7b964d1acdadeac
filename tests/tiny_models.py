"""Model files for tests: every kind of layer with few channels, four layers only, and full size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from deraincli.model_zoo.resolve import ModelFile, resolve_model
from deraincli.models.balnet.config import BALNetConfig, UNetConfig
from deraincli.models.baselines.jorder import JORDERConfig
from deraincli.models.checkpoint import ModelInfo, model_bytes
from deraincli.models.registry import NETWORKS

_KERNELS = {"stem_width": 4, "stem_kernels": (3,), "kernels": (3,), "dilations": (2,)}
_RESTORATION = UNetConfig(
    widths=(8, 8),
    pairs=(1,),
    bottleneck_pairs=1,
    growth=(4, 4),
    dense_layers=1,
    stream_widths=(4, 4),
    se_hidden=(2, 2),
    **_KERNELS,
)
_BRANCH = UNetConfig(
    widths=(8,),
    pairs=(),
    bottleneck_pairs=1,
    growth=(4,),
    dense_layers=1,
    stream_widths=(4,),
    se_hidden=(2,),
    **_KERNELS,
)
TINY = BALNetConfig(_RESTORATION, _BRANCH, unshuffle=2, tile_margin=16)
"""Has every kind of layer of balnet-lite."""


def model_file(path: Path) -> ModelFile:
    """A model file as commands pass it on."""
    (file,) = resolve_model(str(path)).files
    return file


def random_model(config: BALNetConfig | None = None) -> bytes:
    """Returns a balnet-lite, or another config of it, whose weights change a picture, not for the better."""
    kind = NETWORKS["balnet-lite"]
    config = config or kind.config
    torch.manual_seed(0)
    network = kind.build(config)
    torch.nn.init.normal_(network.restorer.head.weight, std=0.02)
    return model_bytes(network, ModelInfo("balnet-lite", config, "auto"))


def shallow_model() -> bytes:
    """Returns a jorder of four convolutions, whose export takes a tenth of the time of TINY's."""
    torch.manual_seed(0)
    config = JORDERConfig(width=4, pairs=1)
    network = NETWORKS["jorder"].build(config)
    torch.nn.init.normal_(network.head.weight, std=0.02)
    return model_bytes(network, ModelInfo("jorder", config, "auto"))


def model_with_maps(folder: Path, name: str, **options: object) -> Path:
    """Writes a small network of random weights whose maps are not flat."""
    kind = NETWORKS[name]
    config = replace(kind.config, **options)
    torch.manual_seed(0)
    network = kind.build(config)
    for key, parameter in network.named_parameters():
        if key.endswith("head.weight"):
            torch.nn.init.normal_(parameter, std=0.05)
    file = folder / "random.safetensors"
    file.write_bytes(model_bytes(network, ModelInfo(name, config, "auto")))
    return file


CONFIG = """
network = "prenet"
network_options = { passes = 2 }
precision = "fp32"
validate_every = 3

[data]
clean = ["clean"]
validation = "valid"
crop = 32
batch = 4

[optimiser]
steps = 6
warmup = 2
"""
"""Training of a small network for six steps on photos in `clean` and pairs in `valid`."""
