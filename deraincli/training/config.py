"""A training run as frozen data: the keys of the TOML file, their meaning, units and defaults."""

from __future__ import annotations

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

Weight = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class LossConfig:
    """The losses and their weights; the reconstruction loss L_r2 has weight 1, and 0 leaves a loss out."""

    reconstruction: ReconstructionLoss = "smooth_l1"
    """`l1` is that of the authors' response, which is slow to start."""
    attention: Weight = 0.01
    """λ_r1, for RAM and CAM each."""
    attention_kind: AttentionLoss = "cross_entropy"
    """`literal` is the L1 of the authors' response, under which the maps collapse; `balanced` an L1 that
    counts both classes alike."""
    perceptual: Weight = 0.0
    """λ_p, of VGG-16's `relu2_2`; the authors' response has 0.05."""
    vgg: str = FROM_TORCHVISION
    """`torchvision` (fetched once), or a .pth, .safetensors or .npz file: see `deraincli.training.vgg`."""
    adversarial: Weight = 0.0
    """λ_g, for the global and the local discriminator each; the authors' response has 0.01. Needs crops
    of at least 70 pixels."""


@dataclass(frozen=True)
class OptimiserConfig:
    """Muon and AdamW with linear warm-up and cosine decay to zero."""

    rate: Weight = 1.5e-3
    """Peak learning rate of AdamW, which has what Muon has not."""
    muon_rate: Weight = 0.02
    """Peak learning rate of Muon, which has the weights of convolutions; 0 leaves all to AdamW."""
    steps: Count = 20_000
    warmup: Annotated[int, Field(ge=0)] = 200
    """Steps of linear warm-up."""
    weight_decay: Weight = 1e-4
    clip: Annotated[float, Field(gt=0)] = 0.2
    """Largest norm of the whole gradient."""
    ema: Share = 0.999
    """Decay of the averaged weights, which are validated and exported."""
    accumulate: Count = 1
    """Parts that each process computes its crops of a batch in, one after another, to need less memory."""
    discriminator_rate: Weight = 2e-4
    """Peak learning rate of the discriminators."""


@dataclass(frozen=True)
class TrainingConfig:
    """The whole file."""

    network: str
    """A name of the table in `deraincli.models.registry`."""
    data: DataConfig
    task: Literal["auto", "streak", "drop"] = "streak"
    """Which rain the model is for, kept in its card."""
    network_options: dict[str, Any] = field(default_factory=dict)
    """Top-level keys of the network's config to replace, as for the ablations."""
    loss: LossConfig = LossConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    precision: Literal["fp32", "bf16", "fp16"] = "bf16"
    """Autocast precision of the forward pass; weights stay fp32. fp16 scales its losses and needs CUDA."""
    compile: bool = False
    """Whether torch.compile makes the training step faster, at the cost of a slow start."""
    seed: Annotated[int, Field(ge=0)] = 0
    validate_every: Count = 1000
    """Steps between validations, each of which also saves the state."""
    max_minutes: Weight = 0.0
    """Minutes of the whole run, resumed parts included, after which it ends even before its last step; the
    learning rate is fitted to that. 0 is no limit. Such a run cannot be repeated to the bit."""
    warm_start: str = ""
    """A shipped model by name, or a model file, whose weights the run begins with. A BAL-Net may also begin
    as one that differs in having fewer blocks; the further ones let their features pass at first."""


def load_config(path: Path, settings: tuple[str, ...] = ()) -> TrainingConfig:
    """Reads and validates a TOML file, with `a.b=value` settings on top.

    Raises InputError if it cannot be read, UsageError for what it says wrongly.
    """
    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"Cannot read the config {path}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no valid TOML: {error}.") from None
    for setting in settings:
        _set(values, setting)
    source = " --set ".join([str(path), *settings])
    return parse_config(TrainingConfig, values, source=source)


def _set(values: dict[str, Any], setting: str) -> None:
    """Applies one `a.b=value`; the value is read as TOML, or as a bare string."""
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
