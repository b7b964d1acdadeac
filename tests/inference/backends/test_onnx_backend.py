"""Exported models in ONNX Runtime: the pictures PyTorch gives, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import deraincli
from deraincli.errors import DeviceError, ModelError, UsageError
from deraincli.inference.backends.onnx_backend import OnnxBackend

pytest.importorskip("onnxruntime")


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("tile", ["off", 96])
def test_pictures_are_those_of_pytorch(small_model: Path, small_export: Path, tile: int | str) -> None:
    """To one level of 255, where rounding falls the other way."""
    ours = deraincli.load(str(small_export), backend="onnxruntime", tile=tile)
    theirs = deraincli.load(str(small_model), precision="fp32", device="cpu", tile=tile)
    assert (ours.name, ours.backend, ours.device, ours.precision) == ("small", "onnxruntime", "cpu", "fp32")
    picture = noise(150, 130)
    expected = theirs(picture).astype(int)
    assert np.abs(expected - picture).max() > 2, "the network changes nothing"
    gap = np.abs(ours(picture).astype(int) - expected)
    assert gap.max() <= 1
    assert gap.mean() < 0.01


def test_the_automatic_tile_heeds_the_model(small_export: Path) -> None:
    backend = OnnxBackend(small_export)
    tiling = backend.tiling("auto", "auto")
    assert tiling.multiple == 32
    assert tiling.fade + 2 * 16 <= tiling.overlap  # the margin of small_model, out of sight on either side
    assert backend.tiling("off", "auto").side is None


def test_maps_at_levels_are_refused(small_export: Path) -> None:
    derainer = deraincli.load(str(small_export))
    assert derainer.level_strides == ()
    with pytest.raises(UsageError, match="no attention maps at encoder levels"):
        derainer.restore(noise(32, 32), levels=True)


def test_files_that_are_no_export_are_refused(small_export: Path, tmp_path: Path) -> None:
    from onnx import TensorProto, helper, save

    cut = tmp_path / "cut.onnx"
    cut.write_bytes(small_export.read_bytes()[:5000])
    with pytest.raises(ModelError, match="not an intact ONNX file"):
        OnnxBackend(cut)
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "ab"]
    graph = helper.make_graph([helper.make_node("Abs", ["a"], ["b"])], "foreign", value[:1], value[1:])
    save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        tmp_path / "f.onnx",
    )
    with pytest.raises(ModelError, match="does not say how to run it"):
        OnnxBackend(tmp_path / "f.onnx")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"precision": "fp16"}, "computes in fp32"),
        ({"device": "mps"}, "mps"),
        ({"device": "cuda:x"}, "cuda:x"),
    ],
)
def test_other_precisions_and_devices_are_refused(small_export: Path, options: dict, says: str) -> None:
    with pytest.raises(DeviceError, match=says):
        OnnxBackend(small_export, **options)


def test_the_environment_of_the_process_stays_as_it_was(small_export: Path, monkeypatch) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    before = dict(os.environ)
    OnnxBackend(small_export)
    assert dict(os.environ) == before


def test_an_export_does_not_run_in_pytorch(small_export: Path) -> None:
    with pytest.raises(UsageError, match="onnxruntime"):
        deraincli.load(str(small_export), backend="eager")
    assert deraincli.load(str(small_export)).backend in ("onnxruntime", "openvino")


def test_an_answer_that_is_not_finite_is_an_error(small_export: Path) -> None:
    tile = np.full((3, 32, 32), np.nan, np.float32)
    with pytest.raises(ModelError, match="not finite"):
        OnnxBackend(small_export).run_tile(tile)


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_running_out_of_memory_is_a_memory_error(small_export: Path) -> None:
    code = f"""
import resource
from pathlib import Path
import numpy as np
from deraincli.inference.backends.onnx_backend import OnnxBackend
backend = OnnxBackend(Path({str(small_export)!r}))
tile = np.zeros((3, 4096, 4096), np.float32)
backend.run_tile(tile[:, :32, :32])  # threads take what they need while they can have it
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
unlimited = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, unlimited[1]))
try:
    backend.run_tile(tile)
except MemoryError:
    print("MemoryError")
resource.setrlimit(resource.RLIMIT_AS, unlimited)  # threads that end need memory too
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("MemoryError\n", "")
