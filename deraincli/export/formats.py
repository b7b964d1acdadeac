"""Converts a network to the file content of every target, and runs such content.

The table EXPORT_FORMATS lists all targets.
"""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deraincli.inference.backends.export_metadata import METADATA_KEY, OUTPUTS, Description, description_in
from deraincli.models.base import RestorationNetwork
from deraincli.models.checkpoint import ModelInfo, load_model, model_bytes
from deraincli.runtime.process import quiet_log

if TYPE_CHECKING:
    from onnx import ModelProto

RunExport = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Maps B×3×H×W in 0–1 to the restored B×3×H×W, not clipped."""

LARGEST_SIDE = 65536
"""Upper bound of a picture's sides in pixels. torch.export requires a bound."""

STORED = {"fp32": torch.float32, "fp16": torch.float16}
"""Data type of the weights in a model file, by precision."""

LEAST_CELLS = 2
"""Smallest side of a torch.export input, in units of `size_multiple`.

torch.export treats a size of 1 as a constant. ONNX files made from its program have no such check and
also run on one unit.
"""


class ImageOnly(nn.Module):
    """Wraps a network so that it returns the restored picture only, without its maps."""

    def __init__(self, network: RestorationNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, rainy: Tensor) -> Tensor:
        """Restores a batch.

        Args:
            rainy: B×3×H×W, float32, 0–1.

        Returns:
            The restored batch B×3×H×W, float32, not clipped.
        """
        return self.network(rainy).image


class Outputs(nn.Module):
    """Wraps a network so that it returns the restored picture and its maps, in the order of `names`."""

    names: list[str]
    """The names of OUTPUTS that the network has."""

    def __init__(self, network: RestorationNetwork) -> None:
        super().__init__()
        self.network = network
        with torch.inference_mode():
            answer = network(_example(network.size_multiple))
        self.names = [name for name in OUTPUTS if getattr(answer, name) is not None]

    def forward(self, rainy: Tensor) -> tuple[Tensor, ...]:
        """Restores a batch.

        Args:
            rainy: B×3×H×W, float32, 0–1.

        Returns:
            The restored batch B×3×H×W and the maps B×1×H×W, float32.
        """
        answer = self.network(rainy)
        return tuple(getattr(answer, name).float() for name in self.names)


@dataclass(frozen=True)
class ExportFormat:
    """A file format that models are exported to."""

    dump: Callable[[RestorationNetwork, Description], bytes]
    """Converts a network in eval mode and its description to file content."""
    load: Callable[[bytes], RunExport]
    """Converts that content to a function that runs it on the CPU."""


def to_onnx(network: RestorationNetwork, description: Description) -> bytes:
    """Converts a network to ONNX for any batch size, height and width. The outputs have names of OUTPUTS.

    Uses PyTorch's exporter and needs the extra `export`.

    Args:
        network: The network in eval mode.
        description: Metadata to store in the file.

    Returns:
        The content of the ONNX file.
    """
    outputs = Outputs(network)
    program = _exported(outputs, description.size_multiple)
    with _quiet():
        converted: Any = torch.onnx.export(
            program, (), dynamo=True, input_names=["rainy"], output_names=outputs.names, verbose=False
        )
    model: ModelProto = converted.model_proto
    _strip(model)
    names = ("rainy", *outputs.names)
    for value, name in zip((*model.graph.input, *model.graph.output), names, strict=True):
        value.name = name
        for place, axis in ((0, "batch"), (2, "height"), (3, "width")):
            value.type.tensor_type.shape.dim[place].dim_param = axis
    describe(model, description)
    return model.SerializeToString()


def describe(model: ModelProto, description: Description) -> None:
    """Replaces the metadata of an ONNX model.

    Args:
        model: The ONNX model, changed in place.
        description: The new metadata.
    """
    del model.metadata_props[:]
    model.metadata_props.add(key=METADATA_KEY, value=description.as_json())


def to_openvino(network: RestorationNetwork, description: Description) -> bytes:
    """Converts a network to an archive of OpenVINO for any batch size, height and width.

    Args:
        network: The network in eval mode.
        description: Metadata to store in the archive.

    Returns:
        The content of the archive.
    """
    from deraincli.inference.backends.openvino_file import archived, read_model

    return archived(read_model(to_onnx(network, description)), description)


def to_pt2(network: RestorationNetwork, description: Description) -> bytes:
    """Converts a network to a torch.export archive.

    `torch.export.load` reads the archive without this package.

    Args:
        network: The network in eval mode.
        description: Metadata to store in the archive.

    Returns:
        The content of the archive.
    """
    file = io.BytesIO()
    with _quiet():
        program = _exported(ImageOnly(network), description.size_multiple)
        torch.export.save(program, file, extra_files={f"{METADATA_KEY}.json": description.as_json()})
    return file.getvalue()


def to_safetensors(network: RestorationNetwork, description: Description) -> bytes:
    """Converts a network to a model file of this package, as `-m` accepts it.

    Args:
        network: The network, with its config.
        description: Its precision applies to the stored weights only.

    Returns:
        The content of the model file.
    """
    info = ModelInfo(description.network, network.config, description.task)
    return model_bytes(network, info, dtype=STORED[description.precision])


def run_onnx(data: bytes) -> RunExport:
    """Runs the content of an ONNX file in ONNX Runtime on the CPU.

    Args:
        data: Content of the ONNX file.

    Returns:
        A function that restores a batch.
    """
    from deraincli.inference.backends.onnx_backend import open_session

    session = open_session(data)
    return lambda rainy: session.run(["image"], {"rainy": rainy})[0]


def run_openvino(data: bytes) -> RunExport:
    """Runs the content of an archive in OpenVINO on the CPU: int8 as `--backend openvino` runs it, else fp32.

    Args:
        data: Content of the archive.

    Returns:
        A function that restores a batch.
    """
    from deraincli.inference.backends.openvino_backend import OpenVinoBackend
    from deraincli.inference.backends.openvino_file import metadata_of, read_model

    description = description_in(metadata_of(read_model(data)))
    is_int8 = description is not None and description.precision == "int8"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.openvino"
        file.write_bytes(data)
        return OpenVinoBackend(file, device="cpu", precision="int8" if is_int8 else "fp32").run_batch


def run_pt2(data: bytes) -> RunExport:
    """Runs the content of a torch.export archive on the CPU.

    Args:
        data: Content of the archive.

    Returns:
        A function that restores a batch.
    """
    with _quiet():
        return _run_module(torch.export.load(io.BytesIO(data)).module())


def run_safetensors(data: bytes) -> RunExport:
    """Runs the content of a model file on the CPU in float32.

    Args:
        data: Content of the model file.

    Returns:
        A function that restores a batch.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        file.write_bytes(data)
        return _run_module(ImageOnly(load_model(file)[0]))


EXPORT_FORMATS: dict[str, ExportFormat] = {
    "onnx": ExportFormat(to_onnx, run_onnx),
    "openvino": ExportFormat(to_openvino, run_openvino),
    "pt2": ExportFormat(to_pt2, run_pt2),
    "safetensors": ExportFormat(to_safetensors, run_safetensors),
}


def _run_module(module: Callable[[Tensor], Tensor]) -> RunExport:
    @torch.inference_mode()
    def run(rainy: NDArray[np.float32]) -> NDArray[np.float32]:
        return module(torch.from_numpy(rainy)).numpy()

    return run


def _exported(module: nn.Module, multiple: int) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", max=1024)
    height, width = (
        multiple * torch.export.Dim(side, min=LEAST_CELLS, max=LARGEST_SIDE // multiple)
        for side in ("h", "w")
    )
    shapes = {"rainy": {0: batch, 2: height, 3: width}}
    with _quiet():
        return torch.export.export(module, (_example(multiple),), dynamic_shapes=shapes)


def _example(multiple: int) -> Tensor:
    """Makes an input whose sizes differ and exceed 1, because torch.export treats 1 as a constant."""
    step = max(multiple, 8)
    return torch.linspace(0, 1, 2 * 3 * 3 * step * 2 * step).reshape(2, 3, 3 * step, 2 * step)


def _strip(model: ModelProto) -> None:
    """Removes stack traces, which reveal local paths, and shapes, which readers infer again."""
    del model.graph.metadata_props[:], model.graph.value_info[:]
    for part in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del part.metadata_props[:]


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences the exporters' warnings about their own deprecations and about packages not needed here."""
    with quiet_log("torch.onnx", logging.ERROR), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
