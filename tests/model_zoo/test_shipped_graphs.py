"""The ONNX graphs that ship beside the weights: they belong together, and give what PyTorch gives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import deraincli
from deraincli.inference.backends.export_metadata import description_in
from deraincli.inference.backends.registry import EXPORT_BACKENDS
from deraincli.model_zoo.catalogue import SHIPPED
from deraincli.model_zoo.exports import self_contained, shipped_graph
from deraincli.model_zoo.resolve import ModelFile, resolve_model
from deraincli.models.checkpoint import load_model

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")

EXAMPLE = Path(__file__).parents[2] / "examples" / "rainy_coffee.jpg"
ANEW = "run python tools/onnx_graphs.py"


def shipped(name: str) -> ModelFile:
    (file,) = resolve_model(name).files
    return file


def header(file: Path) -> tuple[dict[str, dict], int]:
    """What a safetensors file says of its tensors, and where their bytes begin."""
    data = file.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    return {name: tensor for name, tensor in json.loads(data[8:end]).items() if name != "__metadata__"}, end


@pytest.mark.parametrize("name", SHIPPED)
def test_a_graph_refers_to_exactly_the_weights_that_ship(name: str) -> None:
    file = shipped(name)
    graph = onnx.load(shipped_graph(file), load_external_data=False)
    description = description_in({entry.key: entry.value for entry in graph.metadata_props})
    assert description is not None
    assert description.weights_sha256 == SHIPPED[name].sha256, ANEW
    network, info = load_model(file.path)
    assert (description.network, description.task) == (info.network, info.task), ANEW
    assert description.size_multiple == network.size_multiple, ANEW
    assert description.tile_margin == network.tile_margin, ANEW
    referred = {}
    for tensor in graph.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            place = {entry.key: entry.value for entry in tensor.external_data}
            referred[tensor.name] = (place, list(tensor.dims), tensor.data_type)
    tensors, begin = header(file.path)
    assert referred == {
        key: (
            {
                "location": file.path.name,
                "offset": str(begin + tensor["data_offsets"][0]),
                "length": str(tensor["data_offsets"][1] - tensor["data_offsets"][0]),
            },
            tensor["shape"],
            onnx.TensorProto.FLOAT16,
        )
        for key, tensor in tensors.items()
    }, ANEW


@pytest.mark.parametrize("name", SHIPPED)
def test_a_graph_describes_the_network(name: str) -> None:
    file = shipped(name)
    network, info = load_model(file.path)
    graph = onnx.load(shipped_graph(file), load_external_data=False)
    described = description_in({entry.key: entry.value for entry in graph.metadata_props})
    expected = (info.network, info.task, "fp32", network.size_multiple, network.tile_margin)
    assert (
        described.network,
        described.task,
        described.precision,
        described.size_multiple,
        described.tile_margin,
    ) == expected, ANEW


@pytest.mark.parametrize("backend", EXPORT_BACKENDS)
@pytest.mark.parametrize("name", SHIPPED)
def test_pictures_and_maps_are_those_of_pytorch(
    name: str, backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    rainy = np.asarray(PIL.Image.open(EXAMPLE).crop((200, 100, 296, 164))) / 255
    options = {"device": "cpu", "precision": "fp32"}
    graph = str(shipped_graph(shipped(name)))
    ours, our_maps = deraincli.load(graph, backend=backend, **options)(rainy, return_maps=True)
    theirs, their_maps = deraincli.load(name, backend="eager", **options)(rainy, return_maps=True)
    assert np.abs(theirs - rainy).max() > 0.01, "the network changes nothing"
    assert np.ptp(their_maps.ram) > 0.1
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    np.testing.assert_allclose(our_maps.ram, their_maps.ram, atol=1e-3)
    np.testing.assert_allclose(our_maps.cam, their_maps.cam, atol=1e-3)
    fast = deraincli.load(graph, backend=backend, device="cpu")(rainy)  # OpenVINO takes bf16 where it can
    assert np.abs(fast - theirs).max() < 0.02


def test_other_programs_get_one_file_with_weights(tmp_path: Path) -> None:
    file = shipped("balnet-lite-streak")
    alone = tmp_path / "alone.onnx"
    alone.write_bytes(self_contained(file))
    assert abs(alone.stat().st_size - file.path.stat().st_size) < 500_000
    picture = np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)
    expected = deraincli.load(str(shipped_graph(file)))(picture)
    np.testing.assert_array_equal(deraincli.load(str(alone))(picture), expected)
