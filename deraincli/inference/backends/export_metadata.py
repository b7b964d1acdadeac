"""What an exported model says of itself: all that a program needs to run it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field

from deraincli.errors import UsageError
from deraincli.models.config_io import parse_config

METADATA_KEY = "deraincli"
"""ONNX files hold the description as JSON under this key, torch.export archives in `deraincli.json`."""

PADDING = (
    "Mirror the picture at its bottom and right, the last row and column not repeated, until its sides are "
    "multiples of size_multiple and no less than smallest_side; cut the answer back and clip it to 0-1. "
    "Tiles start at multiples of size_multiple and need tile_margin pixels of context on every side."
)


@dataclass(frozen=True)
class Description:
    """How to run an exported model: `rainy` B×3×H×W, RGB, float32 in 0–1, gives `image` of the same shape."""

    network: str
    """A name of the table in `deraincli.models.registry`."""
    task: str
    """`streak`, `drop` or `auto` (either)."""
    precision: str
    """`fp32`, `fp16` or `int8`: that of weights and activations; input and output are float32."""
    size_multiple: Annotated[int, Field(ge=1)]
    """H and W are multiples of this."""
    smallest_side: Annotated[int, Field(ge=1)]
    """H and W are at least this: torch.export takes a side of one cell for a constant."""
    tile_margin: Annotated[int, Field(ge=0)]
    """Pixels of context that a tile needs on every side."""
    bytes_per_pixel: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """Memory that activations take in PyTorch."""
    weights_sha256: str
    """Of the model file it was made from."""
    padding: str = PADDING

    def as_json(self) -> str:
        """One JSON object."""
        return json.dumps(asdict(self))


def description_in(metadata: Mapping[str, str]) -> Description | None:
    """The description in an ONNX file's metadata; None if the file is not one of ours."""
    try:
        told = json.loads(metadata[METADATA_KEY])
        return parse_config(Description, told, source="the description")
    except (KeyError, ValueError, RecursionError, UsageError):
        return None
