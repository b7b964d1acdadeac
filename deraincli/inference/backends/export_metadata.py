"""The description inside of an exported model, which has all that a program needs to run it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field

from deraincli.errors import UsageError
from deraincli.models.config_io import parse_config

METADATA_KEY = "deraincli"
"""Key of the description, which is JSON, in the metadata of ONNX files. Archives of torch.export hold it in
`deraincli.json`."""

PADDING = (
    "Mirror the picture at its bottom and right, the last row and column not repeated, until its sides are "
    "multiples of size_multiple and no less than smallest_side; cut the answer back and clip it to 0-1. "
    "Tiles start at multiples of size_multiple and need tile_margin pixels of context on every side."
)


@dataclass(frozen=True)
class Description:
    """How to run an exported model.

    Its input `rainy` is B×3×H×W RGB, float32 in 0–1. Its output `image` has the same shape.
    """

    network: str
    """Name of the network in `deraincli.models.registry`."""
    task: str
    """`streak`, `drop` or `auto` (either)."""
    precision: str
    """Precision of weights and activations: `fp32`, `fp16` or `int8`. Input and output are float32."""
    size_multiple: Annotated[int, Field(ge=1)]
    """Number of pixels of which H and W are multiples."""
    smallest_side: Annotated[int, Field(ge=1)]
    """Least H and W in pixels, because torch.export treats a side of one cell as a constant."""
    tile_margin: Annotated[int, Field(ge=0)]
    """Pixels of context that a tile needs on every side."""
    bytes_per_pixel: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """Memory of the activations in PyTorch, bytes per pixel of a tile."""
    weights_sha256: str
    """SHA-256 of the model file that was exported."""
    padding: str = PADDING
    """How to pad pictures, in words."""

    def as_json(self) -> str:
        """Returns the description as one JSON object."""
        return json.dumps(asdict(self))


def description_in(metadata: Mapping[str, str]) -> Description | None:
    """Reads the description of an exported model.

    Args:
        metadata: The metadata of an ONNX file.

    Returns:
        The description, None if deraincli did not make the file.
    """
    try:
        stored = json.loads(metadata[METADATA_KEY])
        return parse_config(Description, stored, source="the description")
    except (KeyError, ValueError, RecursionError, UsageError):
        return None
