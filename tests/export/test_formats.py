"""Every kind of export: the network's answers at any size, in files that tell nothing of this machine."""

from __future__ import annotations

import copy
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from deraincli.export.formats import EXPORT_FORMATS
from deraincli.export.options import TARGETS
from deraincli.inference.backends.export_metadata import Description, description_in
from deraincli.models.baselines.prenet import PReNet, PReNetConfig
from deraincli.models.checkpoint import load_model

pytest.importorskip("onnxscript")

DESCRIPTION = Description("balnet-lite", "auto", "fp32", 32, 32, 16, 500.0, "0" * 64)


@pytest.fixture(scope="module")
def network(small_model: Path) -> nn.Module:
    return load_model(small_model)[0]


@pytest.fixture(scope="module")
def files(network: nn.Module) -> dict[str, bytes]:
    return {target: EXPORT_FORMATS[target].dump(network, DESCRIPTION) for target in TARGETS}


def picture(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, np.float32)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (1, 3, 160, 96), (3, 3, 64, 192)])
def test_answers_are_the_networks_at_sizes_never_traced(
    network: nn.Module, files: dict[str, bytes], target: str, shape: tuple[int, ...]
) -> None:
    rainy = picture(*shape)
    with torch.inference_mode():
        expected = network(torch.from_numpy(rainy)).image.numpy()
    assert np.abs(expected - rainy).max() > 0.01, "the network changes nothing"
    np.testing.assert_allclose(EXPORT_FORMATS[target].load(files[target])(rainy), expected, atol=1e-5)


@pytest.mark.parametrize("target", ["onnx", "safetensors"])
def test_one_cell_is_enough_but_for_torch_export(
    network: nn.Module, files: dict[str, bytes], target: str
) -> None:
    rainy = picture(1, 3, 32, 32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(rainy)).image.numpy()
    np.testing.assert_allclose(EXPORT_FORMATS[target].load(files[target])(rainy), expected, atol=1e-5)


def test_a_network_of_any_size_and_with_state_exports() -> None:
    torch.manual_seed(0)
    prenet = PReNet(PReNetConfig(passes=2)).eval()
    rainy = picture(1, 3, 33, 47)
    with torch.inference_mode():
        expected = prenet(torch.from_numpy(rainy)).image.numpy()
    onnx = EXPORT_FORMATS["onnx"]
    run = onnx.load(onnx.dump(prenet, replace(DESCRIPTION, size_multiple=1)))
    np.testing.assert_allclose(run(rainy), expected, atol=1e-5)


def test_half_precision_takes_and_gives_float32(network: nn.Module) -> None:
    import onnx

    data = EXPORT_FORMATS["onnx"].dump(copy.deepcopy(network).half(), replace(DESCRIPTION, precision="fp16"))
    weights = [tensor for tensor in onnx.load_from_string(data).graph.initializer if len(tensor.dims) == 4]
    assert weights
    assert {tensor.data_type for tensor in weights} == {onnx.TensorProto.FLOAT16}
    rainy = picture(1, 3, 64, 64)
    with torch.inference_mode():
        expected = network(torch.from_numpy(rainy)).image.numpy()
    answer = EXPORT_FORMATS["onnx"].load(data)(rainy)
    assert answer.dtype == np.float32
    assert 0 < np.abs(answer - expected).max() < 1 / 255


def test_onnx_names_its_axes_and_holds_the_description(files: dict[str, bytes]) -> None:
    import onnx

    model = onnx.load_from_string(files["onnx"])
    onnx.checker.check_model(model, full_check=True)
    for value, name in ((model.graph.input[0], "rainy"), (model.graph.output[0], "image")):
        assert value.name == name
        axes = value.type.tensor_type.shape.dim
        assert [axis.dim_param or axis.dim_value for axis in axes] == ["batch", 3, "height", "width"]
    assert description_in({entry.key: entry.value for entry in model.metadata_props}) == DESCRIPTION


def test_torch_export_files_hold_the_description(files: dict[str, bytes]) -> None:
    inside = {"deraincli.json": ""}
    torch.export.load(io.BytesIO(files["pt2"]), extra_files=inside)
    assert Description(**json.loads(inside["deraincli.json"])) == DESCRIPTION


def test_onnx_tells_no_path_of_this_machine(files: dict[str, bytes]) -> None:
    for told in (str(Path(torch.__file__).parent), str(Path(__file__).parents[2] / "deraincli")):
        assert told.encode() not in files["onnx"]
