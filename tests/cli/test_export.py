"""`derain weights export` and `--backend onnxruntime` from end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from deraincli.export.cache import cached_export
from deraincli.header import sha256

pytest.importorskip("onnxscript")

EXAMPLE = Path(__file__).parents[2] / "examples" / "rainy_chelsea.jpg"


def cache_export(model: Path, export: Path) -> Path:
    """Puts an export where `derain weights export` would."""
    path = cached_export(model.stem, sha256(model), "fp32")
    path.parent.mkdir(parents=True)
    path.write_bytes(export.read_bytes())
    return path


def test_a_model_is_exported_once_and_then_found(derain, small_model: Path, tmp_path: Path) -> None:
    done = derain("weights", "export", small_model, "--json")
    record = json.loads(done.out)
    assert done.code == 0
    assert (record["target"], record["precision"]) == ("onnx", "fp32")
    assert Path(record["output"]).stat().st_size == record["bytes"]
    assert record["max_difference"] <= 1e-4
    again = derain("weights", "export", small_model)
    assert (again.code, again.out) == (1, b"")
    assert "--overwrite" in again.err

    for backend in ("onnxruntime", "eager"):
        out = tmp_path / f"{backend}.png"
        options = ("-m", small_model, "--backend", backend, "--precision", "fp32")
        assert derain("image", EXAMPLE, "-o", out, *options).code == 0
    ours, theirs = (
        np.asarray(PIL.Image.open(tmp_path / f"{name}.png"), int) for name in ("onnxruntime", "eager")
    )
    assert np.abs(ours - theirs).max() <= 1


def test_torchscript_goes_to_a_file(derain, small_model: Path, tmp_path: Path) -> None:
    import torch

    out = tmp_path / "small.pt"
    done = derain("weights", "export", small_model, "--to", "torchscript", "-o", out)
    assert done.code == 0
    assert "at most" in done.err
    answer = torch.jit.load(out)(torch.rand(1, 3, 64, 96))
    assert answer.shape == (1, 3, 64, 96)


def test_pytorch_is_not_even_loaded(
    small_model: Path, small_export: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cache_export(small_model, small_export)
    code = (
        "import sys; from deraincli.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        "heavy = {'torch', 'cv2', 'skimage', 'onnx'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    out = tmp_path / "out.png"
    arguments = ["image", str(EXAMPLE), "-o", str(out), "-m", str(small_model), "--backend", "onnxruntime"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=os.environ
    )
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert PIL.Image.open(out).size == PIL.Image.open(EXAMPLE).size


def test_without_an_export_the_command_is_told(derain, small_model: Path, tmp_path: Path) -> None:
    done = derain("image", EXAMPLE, "-o", tmp_path / "o.png", "-m", small_model, "--backend", "onnxruntime")
    assert done.code == 1
    assert f"derain weights export {small_model} --to onnx" in done.err


def test_other_weights_need_another_export(
    derain, small_model: Path, small_export: Path, random_model: Path, tmp_path: Path
) -> None:
    cache_export(small_model, small_export)
    renamed = tmp_path / small_model.name
    renamed.write_bytes(random_model.read_bytes())
    done = derain("image", EXAMPLE, "-o", tmp_path / "o.png", "-m", renamed, "--backend", "onnxruntime")
    assert (done.code, "derain weights export" in done.err) == (1, True)


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--to", "tflite"), 2, "onnx, torchscript, pt2"),
        (("--to", "pt2"), 2, "-o"),
        (("--precision", "int4"), 2, "fp32, fp16, int8"),
        (("--to", "pt2", "--precision", "fp16"), 2, "fp32"),
        (("--precision", "int8"), 2, "--pairs"),
        (("-o", "nowhere/x.onnx"), 1, "nowhere"),
    ],
)
def test_impossible_wishes_are_refused(
    derain, small_model: Path, options: tuple, code: int, says: str
) -> None:
    done = derain("weights", "export", small_model, *options)
    assert (done.code, done.out) == (code, b"")
    assert says in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_what_is_no_model_is_refused(derain, tmp_path: Path) -> None:
    fake = tmp_path / "fake.safetensors"
    fake.write_bytes(b"no model")
    for file in (fake, tmp_path / "missing.safetensors"):
        done = derain("weights", "export", file)
        assert (done.code, file.name in done.err, "Traceback" in done.err) == (1, True, False)


@pytest.mark.parametrize(("module", "extra"), [("onnxruntime", "onnxruntime"), ("onnxscript", "export")])
def test_a_missing_package_is_named(derain, small_model, small_export, monkeypatch, module, extra) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    if extra == "export":
        done = derain("weights", "export", small_model)
    else:
        done = derain("image", EXAMPLE, "-m", small_export, "--backend", "onnxruntime", "-o", "never.png")
    assert done.code == 1
    assert f"deraincli[{extra}]" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_an_unwritable_cache_is_told(derain, small_model: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    done = derain("weights", "export", small_model)
    assert (done.code, "XDG_CACHE_HOME" in done.err) == (1, True)
