"""Network → file content, for every target, and how each is run again: the one table is FORMATS."""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deraincli.inference.backends.export_metadata import METADATA_KEY, Description
from deraincli.models.checkpoint import ModelInfo, load_model, model_bytes

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""B×3×H×W in 0–1 → the restored B×3×H×W, not clipped."""

LARGEST_SIDE = 65536
"""torch.export wants a bound."""

STORED = {"fp32": torch.float32, "fp16": torch.float16}
"""What a model file keeps its weights as."""

LEAST_CELLS = 2
"""torch.export takes a size of 1 for a constant, so its sides are at least so many times `size_multiple`.
ONNX files of it do without the check and run on one cell, too."""


class Restorer(nn.Module):
    """The network without its maps: tensor in, tensor out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, rainy: Tensor) -> Tensor:
        """B×3×H×W float32 in 0–1 to the same, not clipped."""
        return self.network(rainy).image


@dataclass(frozen=True)
class Format:
    """A kind of file that models are exported to."""

    dump: Callable[[nn.Module, Description], bytes]
    """Network in eval mode and its precision → file content."""
    load: Callable[[bytes], Run]
    """That content → what runs it, on the CPU."""


def to_onnx(network: nn.Module, description: Description) -> bytes:
    """ONNX by PyTorch's exporter, for any batch, height and width. Needs the extra `export`."""
    from onnx import ModelProto

    program = _exported(network, description.size_multiple)
    with _quiet():
        converted: Any = torch.onnx.export(
            program, (), dynamo=True, input_names=["rainy"], output_names=["image"], verbose=False
        )
    model: ModelProto = converted.model_proto
    _strip(model)
    for value, name in ((model.graph.input[0], "rainy"), (model.graph.output[0], "image")):
        value.name = name
        for place, axis in ((0, "batch"), (2, "height"), (3, "width")):
            value.type.tensor_type.shape.dim[place].dim_param = axis
    describe(model, description)
    return model.SerializeToString()


def describe(model: Any, description: Description) -> None:
    """Sets the description that an ONNX model carries."""
    del model.metadata_props[:]
    model.metadata_props.add(key=METADATA_KEY, value=description.as_json())


def to_pt2(network: nn.Module, description: Description) -> bytes:
    """A torch.export archive, which `torch.export.load` reads without this package."""
    file = io.BytesIO()
    with _quiet():
        program = _exported(network, description.size_multiple)
        torch.export.save(program, file, extra_files={f"{METADATA_KEY}.json": description.as_json()})
    return file.getvalue()


def to_safetensors(network: nn.Module, description: Description) -> bytes:
    """A model file of our own, as `-m` takes it. Its precision is that of the stored weights alone."""
    info = ModelInfo(description.network, network.config, description.task)
    return model_bytes(network, info, dtype=STORED[description.precision])


def run_onnx(data: bytes) -> Run:
    """An ONNX file's content in ONNX Runtime on the CPU."""
    from deraincli.inference.backends.onnx_backend import open_session

    session = open_session(data)
    return lambda rainy: session.run(["image"], {"rainy": rainy})[0]


def run_pt2(data: bytes) -> Run:
    """A torch.export archive's content."""
    with _quiet():
        return _run_module(torch.export.load(io.BytesIO(data)).module())


def run_safetensors(data: bytes) -> Run:
    """A model file's content, computed in float32."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        file.write_bytes(data)
        return _run_module(Restorer(load_model(file)[0]))


FORMATS: dict[str, Format] = {
    "onnx": Format(to_onnx, run_onnx),
    "pt2": Format(to_pt2, run_pt2),
    "safetensors": Format(to_safetensors, run_safetensors),
}


def _run_module(module: Callable[[Tensor], Tensor]) -> Run:
    @torch.inference_mode()
    def run(rainy: NDArray[np.float32]) -> NDArray[np.float32]:
        return module(torch.from_numpy(rainy)).numpy()

    return run


def _exported(network: nn.Module, multiple: int) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", max=1024)
    height, width = (
        multiple * torch.export.Dim(side, min=LEAST_CELLS, max=LARGEST_SIDE // multiple)
        for side in ("h", "w")
    )
    shapes = {"rainy": {0: batch, 2: height, 3: width}}
    with _quiet():
        return torch.export.export(Restorer(network), (_example(multiple),), dynamic_shapes=shapes)


def _example(multiple: int) -> Tensor:
    """An input whose sides all differ, and none is 1, which torch.export would take for a constant."""
    step = max(multiple, 8)
    return torch.linspace(0, 1, 2 * 3 * 3 * step * 2 * step).reshape(2, 3, 3 * step, 2 * step)


def _strip(model: Any) -> None:
    """Drops stack traces, which tell this machine's paths, and inferred shapes, which readers infer again."""
    del model.graph.metadata_props[:], model.graph.value_info[:]
    for part in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del part.metadata_props[:]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps PyTorch's exporters from telling of their own deprecations and of packages not needed here."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
