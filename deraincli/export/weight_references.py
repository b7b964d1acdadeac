"""Makes ONNX graphs whose weights stay in a model file, so that no weight is stored twice.

A graph refers to the bytes of each weight in the safetensors file beside it, by offset and length, and
converts the weight to float32 when it is loaded. ONNX Runtime and OpenVINO both read such graphs.
"""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import NamedTuple

from deraincli.errors import ModelError

PREFIX = "network."
"""What PyTorch's exporter puts before the names of the weights."""


class Place(NamedTuple):
    """Where the bytes of a float16 weight are."""

    shape: tuple[int, ...]
    """Shape of the weight."""
    offset: int
    """Bytes before it, from the start of the file."""

    @property
    def length(self) -> int:
        """Size in bytes."""
        return 2 * math.prod(self.shape)


def places(file: Path) -> dict[str, Place]:
    """Returns where every weight of a model file is.

    Args:
        file: A safetensors file with weights in float16. Its header is not checked: read the model first.

    Raises:
        ModelError: The weights are not in float16.
    """
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    if any(weight["dtype"] != "F16" for weight in header.values()):
        raise ModelError(f"The weights in {file} are not in float16: `derain weights export` converts them.")
    return {
        name: Place(tuple(weight["shape"]), 8 + length + weight["data_offsets"][0])
        for name, weight in header.items()
    }


def refer_to_weights(model: bytes, file: Path) -> bytes:
    """Replaces the weights of an ONNX model by references to the model file that it was exported from.

    Args:
        model: Content of the ONNX file in fp32.
        file: The model file, with weights in float16. The graph must be stored beside it.

    Returns:
        The content of the ONNX file without weights.

    Raises:
        ModelError: The weights of the two do not have the same names and shapes.
    """
    import onnx
    from onnx import TensorProto, helper

    graph = onnx.load_from_string(model)
    stored = places(file)
    constants, references, casts = [], [], []
    for tensor in graph.graph.initializer:
        name = tensor.name.removeprefix(PREFIX)
        if name == tensor.name:
            constants.append(tensor)
            continue
        place = stored.pop(name, None)
        if place is None or place.shape != tuple(tensor.dims):
            raise ModelError(f"{file} has no weight {name} of the shape {tuple(tensor.dims)}.")
        reference = TensorProto(name=name, data_type=TensorProto.FLOAT16, dims=place.shape)
        reference.data_location = TensorProto.EXTERNAL
        for key, value in (("location", file.name), ("offset", place.offset), ("length", place.length)):
            reference.external_data.add(key=key, value=str(value))
        references.append(reference)
        casts.append(helper.make_node("Cast", [name], [tensor.name], to=TensorProto.FLOAT))
    if stored:
        raise ModelError(f"The graph does not use the weights {', '.join(stored)} of {file}.")
    nodes = [*casts, *graph.graph.node]
    del graph.graph.initializer[:], graph.graph.node[:]
    graph.graph.initializer.extend([*constants, *references])
    graph.graph.node.extend(nodes)
    return graph.SerializeToString()
