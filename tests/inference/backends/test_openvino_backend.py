"""Exported models in OpenVINO: PyTorch's pictures, what is kept of compiled models, what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import deraincli
from deraincli.errors import DeviceError, ModelError
from deraincli.inference.backends.openvino_backend import OpenVinoBackend
from deraincli.model_zoo import compiled
from deraincli.model_zoo.compiled import CompiledCache

pytest.importorskip("openvino")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of compiled models."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "deraincli" / "compiled"


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def tile(height: int = 64, width: int = 64) -> np.ndarray:
    return np.random.default_rng(1).random((3, height, width), np.float32)


@pytest.mark.parametrize("side", ["off", 96])
def test_pictures_are_those_of_pytorch(small_model: Path, small_export: Path, side: int | str) -> None:
    """To one level of 255 in fp32, where rounding falls the other way."""
    ours = deraincli.load(str(small_export), backend="openvino", precision="fp32", tile=side)
    theirs = deraincli.load(str(small_model), precision="fp32", device="cpu", tile=side)
    assert (ours.name, ours.backend, ours.device, ours.precision) == ("small", "openvino", "cpu", "fp32")
    picture = noise(150, 130)
    expected = theirs(picture).astype(int)
    assert np.abs(expected - picture).max() > 2, "the network changes nothing"
    gap = np.abs(ours(picture).astype(int) - expected)
    assert gap.max() <= 1
    assert gap.mean() < 0.01


def test_the_automatic_precision_stays_near_fp32(small_export: Path) -> None:
    """bf16 where the CPU has it, else fp32."""
    ours, exact = OpenVinoBackend(small_export), OpenVinoBackend(small_export, precision="fp32")
    assert ours.precision in ("bf16", "fp32")
    changed = np.abs(exact.run_tile(tile()) - tile()).max()
    assert np.abs(ours.run_tile(tile()) - exact.run_tile(tile())).max() < 0.02 * changed + 1e-6


def test_a_later_process_compiles_nothing(small_export: Path, cache: Path, monkeypatch) -> None:
    first = OpenVinoBackend(small_export, store=CompiledCache()).run_tile(tile())
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr(OpenVinoBackend, "_compile", None)
    second = OpenVinoBackend(small_export, store=CompiledCache()).run_tile(tile())
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("damage", ["cut", "one bit", "empty", "of another version"])
def test_what_is_damaged_is_compiled_again(small_export: Path, cache: Path, damage: str) -> None:
    expected = OpenVinoBackend(small_export, store=CompiledCache()).run_tile(tile())
    (entry,) = cache.iterdir()
    content = bytearray(entry.read_bytes())
    if damage == "of another version":
        CompiledCache().write(entry.stem, b"compiled by a build that this one does not read")
    elif damage == "one bit":
        content[len(content) // 2] ^= 1
        entry.write_bytes(content)
    else:
        entry.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    np.testing.assert_array_equal(
        OpenVinoBackend(small_export, store=CompiledCache()).run_tile(tile()), expected
    )
    assert CompiledCache().read(entry.stem), "the entry is whole again"


def test_a_cache_that_cannot_be_written_stops_nothing(small_export: Path, cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    expected = OpenVinoBackend(small_export).run_tile(tile())
    np.testing.assert_array_equal(
        OpenVinoBackend(small_export, store=CompiledCache()).run_tile(tile()), expected
    )


def test_the_cache_drops_what_was_used_longest_ago(cache: Path, monkeypatch) -> None:
    monkeypatch.setattr(compiled, "MOST", 3)
    store = CompiledCache()
    for number, key in enumerate("abc"):
        store.write(key, key.encode())
        path = cache / f"{key}.blob"
        path.touch()
        os.utime(path, (1000 + number, 1000 + number))
    assert store.read("a") == b"a"
    store.write("d", b"d")
    assert [store.read(key) for key in "abcd"] == [b"a", None, b"c", b"d"]


def test_models_do_not_take_each_others_compiled_ones(small_export: Path, tmp_path: Path) -> None:
    """The two differ in one weight, and in nothing that OpenVINO would call the model."""
    import onnx

    other = tmp_path / small_export.name
    model = onnx.load(small_export)
    head = next(each for each in model.graph.initializer if each.name.endswith("restorer.head.weight"))
    head.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(head) * 2, head.name))
    onnx.save(model, other)

    def answers() -> list[np.ndarray]:
        files = (small_export, other)
        return [OpenVinoBackend(file, store=CompiledCache()).run_tile(tile()) for file in files]

    first = answers()
    assert np.abs(first[0] - first[1]).max() > 1e-3
    np.testing.assert_array_equal(first, answers())


def test_threads_share_a_backend(small_export: Path) -> None:
    backend = OpenVinoBackend(small_export)
    tiles = [tile(32 * (1 + number % 3), 64) for number in range(6)]
    expected = [OpenVinoBackend(small_export).run_tile(each) for each in tiles[:3]] * 2
    with ThreadPoolExecutor(len(tiles)) as pool:
        answers = list(pool.map(backend.run_tile, tiles))
    for number, (answer, wanted) in enumerate(zip(answers, expected, strict=True)):
        np.testing.assert_array_equal(answer, wanted, err_msg=str(number))


def test_more_shapes_than_are_kept_in_memory(small_export: Path) -> None:
    backend = OpenVinoBackend(small_export)
    first, *_, last = [backend.run_tile(tile(side, side)) for side in (32, 64, 96, 128, 160, 32)]
    np.testing.assert_array_equal(first, last)


def test_maps_are_those_of_onnx_runtime(small_export: Path) -> None:
    pytest.importorskip("onnxruntime")
    ours, theirs = (
        deraincli.load(str(small_export), backend=backend, precision="fp32", tile=96)
        for backend in ("openvino", "onnxruntime")
    )
    _, our_maps = ours(noise(150, 130), return_maps=True)
    _, their_maps = theirs(noise(150, 130), return_maps=True)
    np.testing.assert_allclose(our_maps, their_maps, atol=1e-5)


def test_files_that_are_no_export_are_refused(small_export: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(small_export.read_bytes()[:5000])
    with pytest.raises(ModelError, match="not an intact ONNX or OpenVINO file"):
        OpenVinoBackend(cut)
    empty = tmp_path / "empty.openvino"
    empty.write_bytes(b"PK\x05\x06" + bytes(18))  # a zip file of nothing
    with pytest.raises(ModelError, match="not an intact ONNX or OpenVINO file"):
        OpenVinoBackend(empty)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"precision": "fp16"}, "does not compute in 'fp16'"),
        ({"precision": "int8"}, "is an export in fp32"),
        ({"device": "cuda"}, "no device 'cuda'"),
    ],
)
def test_other_precisions_and_devices_are_refused(small_export: Path, options: dict, says: str) -> None:
    with pytest.raises(DeviceError, match=says):
        OpenVinoBackend(small_export, **options)


def test_an_answer_that_is_not_finite_is_an_error(small_export: Path) -> None:
    with pytest.raises(ModelError, match="not finite"):
        OpenVinoBackend(small_export).run_tile(np.full((3, 32, 32), np.nan, np.float32))


def test_the_process_and_the_home_folder_stay_as_they_were(small_export: Path, tmp_path: Path) -> None:
    """No pinned threads, no telemetry, no identity, no changed environment, nothing printed."""
    code = f"""
import json, logging, os, signal, sys
from pathlib import Path
import numpy as np
def state():
    affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    return dict(os.environ), affinity, signal.getsignal(signal.SIGINT), list(logging.getLogger().handlers)
before = state()
from deraincli.inference.backends.openvino_backend import OpenVinoBackend
OpenVinoBackend(Path({str(small_export)!r})).run_tile(np.zeros((3, 64, 64), np.float32))
assert state() == before
print(json.dumps(list(sys.modules)))
"""
    home = tmp_path / "home"
    home.mkdir()
    environment = os.environ | {"HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert not {"torch", "openvino_telemetry"} & set(json.loads(done.stdout))
    assert list(home.rglob("*")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_running_out_of_memory_is_a_memory_error(small_export: Path) -> None:
    code = f"""
import resource
from pathlib import Path
import numpy as np
from deraincli.inference.backends.openvino_backend import OpenVinoBackend
backend = OpenVinoBackend(Path({str(small_export)!r}))
tile = np.zeros((3, 4096, 4096), np.float32)
backend.run_tile(tile[:, :32, :32])
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
unlimited = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, unlimited[1]))
try:
    backend.run_tile(tile)
except MemoryError:
    print("MemoryError")
resource.setrlimit(resource.RLIMIT_AS, unlimited)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("MemoryError\n", "")


def test_ctrl_c_reaches_python_after_backends_have_gone(small_export: Path) -> None:
    """Each core of OpenVINO takes the stack of signal handlers with it, so all backends need one."""
    script = f"""
import os, signal
from pathlib import Path
from deraincli.inference.backends.openvino_backend import OpenVinoBackend

first = OpenVinoBackend(Path({str(small_export)!r}))
second = OpenVinoBackend(Path({str(small_export)!r}))
del first
del second
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr
