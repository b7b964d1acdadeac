"""A training run as frozen data: the keys of the TOML file, their meaning, units and defaults."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from deraincli.errors import InputError, UsageError
from deraincli.models.config_io import parse_config
from deraincli.training.data.config import Count, DataConfig, Share
from deraincli.training.losses import AttentionLoss, ReconstructionLoss
from deraincli.training.vgg import FROM_TORCHVISION

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]

MAX_KEY_PARTS = 100
"""Largest number of parts of a key that is read, because Python's reader needs seconds for thousands."""
_KEY_PART = r"(?:[\w-]+|\"[^\"\n]*\"|'[^'\n]*')"
_LONG_KEY = re.compile(rf"(?<![\w-])(?:{_KEY_PART}[ \t]*\.[ \t]*){{{MAX_KEY_PARTS}}}")


@dataclass(frozen=True)
class LossConfig:
    """The losses and their weights. The reconstruction loss L_r2 has weight 1. A weight of 0 omits a loss."""

    reconstruction: ReconstructionLoss = "smooth_l1"
    """`smooth_l1`, or `l1` as in the authors' response, which is slow to start."""
    frequency: Weight = 0.0
    """Weight of the loss on the Fourier transform. The authors' response has none. 1 was tried."""
    attention: Weight = 0.01
    """λ_r1, the weight of each of the losses of RAM and CAM."""
    attention_kind: AttentionLoss = "cross_entropy"
    """Loss of the maps.

    `literal` is the L1 of the authors' response, under which the maps collapse. `balanced` is an L1 that
    gives both classes equal weight.
    """
    perceptual: Weight = 0.0
    """λ_p, the weight of the loss on VGG-16's `relu2_2`. The authors' response has 0.05."""
    vgg: str = FROM_TORCHVISION
    """`torchvision` (fetched once), or a .pth, .safetensors or .npz file: see `deraincli.training.vgg`."""
    adversarial: Weight = 0.0
    """λ_g, the weight of each of the losses by the global and the local discriminator.

    The authors' response has 0.01. Crops must have sides of at least 70 pixels.
    """


@dataclass(frozen=True)
class OptimiserConfig:
    """Muon and AdamW with linear warm-up and cosine decay to zero."""

    rate: Weight = 1.5e-3
    """Peak learning rate of AdamW, which updates all parameters that Muon does not update."""
    muon_rate: Weight = 0.02
    """Peak learning rate of Muon, which updates the weights of convolutions. With 0, AdamW updates all."""
    steps: Count = 20_000
    """Number of steps of the run."""
    warmup: Annotated[int, Field(ge=0)] = 200
    """Steps of linear warm-up."""
    weight_decay: Weight = 1e-4
    """Weight decay of AdamW."""
    clip: Annotated[float, Field(gt=0)] = 0.2
    """Largest norm of the whole gradient."""
    ema: Share = 0.999
    """Decay of the averaged weights, which are validated and saved, 0–1."""
    accumulate: Count = 1
    """Number of parts into which each process divides its crops of a batch, to need less memory."""
    discriminator_rate: Weight = 2e-4
    """Peak learning rate of the discriminators."""


@dataclass(frozen=True)
class TrainingConfig:
    """The config of a training run, which is the whole TOML file."""

    network: str
    """A name of the table in `deraincli.models.registry`."""
    data: DataConfig
    """The sources of crops."""
    task: Literal["auto", "streak", "drop"] = "streak"
    """The kind of rain that the model is for, which its card states."""
    network_options: dict[str, Any] = field(default_factory=dict)
    """Top-level keys of the network's config to replace, for example for ablations."""
    loss: LossConfig = LossConfig()
    """The losses."""
    optimiser: OptimiserConfig = OptimiserConfig()
    """The optimisers and the schedule."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Autocast precision of the forward pass. Weights stay fp32. fp16 scales its losses and needs CUDA.

    `auto` is bf16 where the device computes it natively, and else fp32, because emulated bf16 is slow.
    """
    compile: bool = False
    """Whether torch.compile makes the training step faster, at the cost of a slow start."""
    seed: Annotated[int, Field(ge=0, lt=2**64)] = 0
    """Seed of the initial weights and of all crops."""
    validate_every: Count = 1000
    """Steps between validations. Each validation also saves the state."""
    max_minutes: Weight = 0.0
    """Time limit of the whole run in minutes, including resumed parts. 0 for none.

    The run ends at the limit even before its last step, and the learning rate is fitted to it. A run with a
    limit cannot be repeated to the bit.
    """
    warm_start: str = ""
    """Name of a shipped model, or a model file, from whose weights the run starts.

    A BAL-Net can also start from one with fewer blocks. Its additional blocks leave their input unchanged at
    first.
    """


def load_config(path: Path, settings: tuple[str, ...] = ()) -> TrainingConfig:
    """Reads and validates a config.

    Args:
        path: The TOML file.
        settings: `a.b=value` settings that replace values of the file.

    Raises:
        InputError: The file cannot be read.
        UsageError: The file or a setting is not valid.
    """
    if path.exists() and not path.is_file():  # a pipe or a device may never end
        raise InputError(f"The config '{path}' is not a regular file: name a TOML file.")
    try:
        text = path.read_text(encoding="utf-8")
        if _LONG_KEY.search(text):
            raise UsageError(f"{path} has a key of more than {MAX_KEY_PARTS} parts: no setting has so many.")
        values = tomllib.loads(text)
    except OSError as error:
        raise InputError(f"Cannot read the config {path}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from None
    for setting in settings:
        _set(values, setting)
    source = " --set ".join([str(path), *settings])
    return parse_config(TrainingConfig, values, source=source)


def _set(values: dict[str, Any], setting: str) -> None:
    """Applies one `a.b=value` setting. The value is read as TOML, or else as a plain string."""
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise UsageError(f"--set takes key=value, for example optimiser.steps=5000, not {setting!r}.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise UsageError(f"--set {setting}: {parent} holds no keys.")
    values[last] = value
