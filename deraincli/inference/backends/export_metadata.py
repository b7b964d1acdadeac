"""The description inside of an exported model, which has all that a program needs to run it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

METADATA_KEY = "deraincli"
"""Key of the description, which is JSON, in the metadata of ONNX files. Archives of torch.export hold it in
`deraincli.json`."""

OUTPUTS = ("image", "ram", "cam")
"""Names of an ONNX file's outputs. A network without maps has the first one only."""

PADDING = (
    "Mirror the picture at its bottom and right, the last row and column not repeated, until its sides are "
    "multiples of size_multiple and no less than smallest_side; cut the answer back and clip it to 0-1. "
    "Tiles start at multiples of size_multiple and need tile_margin pixels of context on every side."
)


@dataclass(frozen=True)
class Description:
    """How to run an exported model.

    Its input `rainy` is B×3×H×W RGB, float32 in 0–1. Its output `image` has the same shape. The outputs `ram`
    and `cam` of ONNX files are the attention maps B×1×H×W, if the network has them.
    """

    network: str
    """Name of the network in `deraincli.models.registry`."""
    task: str
    """`streak`, `drop` or `auto` (either)."""
    precision: str
    """Precision of weights and activations: `fp32`, `fp16` or `int8`. Input and output are float32."""
    size_multiple: int
    """Number of pixels of which H and W are multiples."""
    smallest_side: int
    """Least H and W in pixels, because torch.export treats a side of one cell as a constant."""
    tile_margin: int
    """Pixels of context that a tile needs on every side."""
    bytes_per_pixel: float
    """Memory of the activations in PyTorch, bytes per pixel of a tile."""
    weights_sha256: str
    """SHA-256 of the model file that was exported."""
    padding: str = PADDING
    """How to pad pictures, in words."""

    def __post_init__(self) -> None:
        """Checks the fields, without pydantic, which takes longer to import than a small picture to restore.

        Raises:
            ValueError: A field has another type or is out of range.
        """
        texts = (self.network, self.task, self.precision, self.weights_sha256, self.padding)
        sizes = (self.size_multiple, self.smallest_side, self.tile_margin + 1)
        sound = (
            all(isinstance(text, str) for text in texts)
            and all(type(size) is int and size >= 1 for size in sizes)
            and type(self.bytes_per_pixel) in (int, float)
            and 0 < self.bytes_per_pixel < math.inf
        )
        if not sound:
            raise ValueError("a field has another type or is out of range")

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
        return Description(**json.loads(metadata[METADATA_KEY]))
    except (KeyError, TypeError, ValueError, RecursionError):  # TypeError: other fields, or no object
        return None
