"""`derain weights export` and `--backend onnxruntime` from end to end."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from paired import write_set
from tiny_models import model_file

from deraincli.export.exporter import export_model
from deraincli.model_zoo.catalogue import AUTO_MODEL, SHIPPED
from deraincli.model_zoo.exports import cached_export
from deraincli.model_zoo.resolve import resolve_model
from deraincli.models.checkpoint import load_model, model_bytes
from deraincli.models.header import sha256

pytest.importorskip("onnxscript")

EXAMPLE = Path(__file__).parents[2] / "examples" / "rainy_chelsea.jpg"


def cache_export(model: Path | str, export: Path) -> None:
    """Puts an export of a model where `derain weights export` would."""
    (file,) = resolve_model(str(model)).files
    path = cached_export(file, "fp32")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(export.read_bytes())


def test_a_model_is_exported_once_and_then_found(derain, shallow_model: Path, tmp_path: Path) -> None:
    done = derain("weights", "export", shallow_model, "--json")
    record = json.loads(done.out)
    assert done.code == 0
    assert done.err.splitlines()[:2] == [
        "Converting shallow to onnx in fp32, which can take minutes.",
        "Comparing with PyTorch.",
    ]
    assert (record["target"], record["precision"]) == ("onnx", "fp32")
    assert Path(record["output"]).stat().st_size == record["bytes"]
    assert record["max_difference"] <= 1e-4
    again = derain("weights", "export", shallow_model)
    assert (again.code, again.out) == (1, b"")
    assert "--overwrite" in again.err

    for backend in ("onnxruntime", "eager"):
        out = tmp_path / f"{backend}.png"
        options = ("-m", shallow_model, "--backend", backend, "--precision", "fp32")
        assert derain("image", EXAMPLE, "-o", out, *options).code == 0
    ours, theirs = (
        np.asarray(PIL.Image.open(tmp_path / f"{name}.png"), int) for name in ("onnxruntime", "eager")
    )
    assert np.abs(ours - theirs).max() <= 1


def test_the_command_that_makes_an_export_works_with_any_path(
    derain, small_model: Path, tmp_path: Path
) -> None:
    model = tmp_path / "my models" / "it's.safetensors"
    model.parent.mkdir()
    model.write_bytes(small_model.read_bytes())
    done = derain("image", EXAMPLE, "-o", tmp_path / "o.png", "-m", model, "--backend", "onnxruntime")
    assert done.code == 1
    command = shlex.split(" ".join(done.err.split()).split("`")[1])
    assert command == ["derain", "weights", "export", str(model), "--to", "onnx"]


def test_openvino_runs_exports_in_both_forms(derain, shallow_model: Path, tmp_path: Path) -> None:
    """The ONNX file, and the archive where there is no ONNX file, give PyTorch's picture."""
    pytest.importorskip("openvino")

    def restored(backend: str, name: str) -> np.ndarray:
        out = tmp_path / f"{name}.png"
        options = ("-m", shallow_model, "--backend", backend, "--precision", "fp32", "--json")
        done = derain("image", EXAMPLE, "-o", out, *options)
        assert done.code == 0, done.err
        return np.asarray(PIL.Image.open(out), int)

    expected = restored("eager", "eager")
    for target in ("openvino", "onnx"):
        done = derain("weights", "export", shallow_model, "--to", target, "--json")
        assert done.code == 0, done.err
        assert Path(json.loads(done.out)["output"]).suffix == f".{target}"
        assert np.abs(restored("openvino", target) - expected).max() <= 1


def test_openvino_runs_int8_once_it_is_exported(
    derain, shallow_model: Path, tmp_path: Path, monkeypatch
) -> None:
    pytest.importorskip("nncf")
    monkeypatch.setattr(
        "deraincli.export.exporter.ALLOWED_LOSS", 100.0
    )  # random weights have nothing to lose
    wish = ("image", EXAMPLE, "-m", shallow_model, "--backend", "openvino", "--precision", "int8", "--json")
    done = derain(*wish, "-o", tmp_path / "early.png")
    command = f"`derain weights export {shallow_model} --to openvino --precision int8 --pairs DATASET`"
    assert (done.code, command in done.err) == (1, True)
    pairs = write_set(tmp_path / "pairs", count=2)
    options = ("--to", "openvino", "--precision", "int8", "--pairs", pairs)
    done = derain("weights", "export", shallow_model, *options, "--json")
    assert (done.code, json.loads(done.out)["precision"]) == (0, "int8")
    out = tmp_path / "out.png"
    done = derain(*wish, "-o", out)
    assert (done.code, json.loads(done.out)["precision"]) == (0, "int8")
    assert (np.asarray(PIL.Image.open(out)) != np.asarray(PIL.Image.open(EXAMPLE))).any()
    archive = cached_export(model_file(shallow_model), "int8", "openvino")
    done = derain("image", EXAMPLE, "-m", archive, "--backend", "onnxruntime", "-o", tmp_path / "never.png")
    assert (done.code, "does not run" in done.err) == (1, True)


def test_a_provider_is_chosen_where_onnx_runtime_runs(derain, small_export: Path, tmp_path: Path) -> None:
    arguments = ("image", EXAMPLE, "-o", tmp_path / "out.png", "-m", small_export)
    ours = ("--backend", "onnxruntime")
    for options, code, says in (
        ((*ours, "--provider", "tensorrt"), 2, "auto, cuda, rocm, directml, coreml, openvino or cpu"),
        ((*ours, "--provider", "rocm"), 1, "no provider 'rocm'"),
        (("--backend", "openvino", "--provider", "cpu"), 2, "A provider is for ONNX Runtime"),
        ((*ours, "--provider", "cpu"), 0, ""),
    ):
        done = derain(*arguments, *options)
        assert (done.code, says in done.err) == (code, True), done.err
        assert (tmp_path / "out.png").exists() == (code == 0)


def test_torch_export_goes_to_a_file(derain, shallow_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "small.pt2"
    done = derain("weights", "export", shallow_model, "--to", "pt2", "-o", out)
    assert done.code == 0
    assert "at most" in done.err
    assert "Warning" not in done.err
    answer = torch.export.load(out).module()(torch.rand(1, 3, 64, 96))
    assert answer.shape == (1, 3, 64, 96)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_pytorch_is_not_even_loaded(
    small_model: Path, small_export: Path, tmp_path: Path, monkeypatch, backend: str
) -> None:
    pytest.importorskip(backend)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cache_export(small_model, small_export)
    code = (
        "import sys; from deraincli.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        "heavy = {'torch', 'skimage', 'onnx'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    out = tmp_path / "out.png"
    arguments = ["image", str(EXAMPLE), "-o", str(out), "-m", str(small_model), "--backend", backend]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=os.environ
    )
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert PIL.Image.open(out).size == PIL.Image.open(EXAMPLE).size


def test_the_default_chooses_a_specialist_by_the_picture(derain, shallow_model: Path, tmp_path: Path) -> None:
    """Like in PyTorch: an idle specialist for streaks beside a busy one for drops is what drops look like."""

    def exported(name: str, factor: float) -> Path:
        network, info = load_model(shallow_model)
        network.head.weight.data *= factor
        (tmp_path / f"{name}.safetensors").write_bytes(model_bytes(network, info))
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(export_model(model_file(path.with_suffix(".safetensors")), "onnx").data)
        return path

    idle, busy = exported("idle", 0), exported("busy", 3)
    streak, drop = AUTO_MODEL.members.values()

    def ran(*options: str) -> str:
        to = ("-o", tmp_path / "out.bmp", "--overwrite", "--json")
        done = derain("image", EXAMPLE, *to, "--backend", "onnxruntime", *options)
        assert done.code == 0, done.err
        return json.loads(done.out)["model"]

    for export, expected in ((idle, drop), (busy, streak)):
        cache_export(streak, export)
        cache_export(drop, busy)
        assert ran() == ran("-m", "balnet-lite") == expected
        assert ran("--task", "drop") == ran("-m", drop) == drop
        assert ran("--task", "streak") == streak


def test_shipped_models_need_no_export_in_fp32(derain, tmp_path: Path) -> None:
    to = ("-o", tmp_path / "o.png", "--backend", "onnxruntime", "--task", "streak", "--precision")
    assert derain("image", EXAMPLE, *to, "fp32").code == 0
    done = derain("image", EXAMPLE, *to, "fp16", "--overwrite")
    command = f"`derain weights export {AUTO_MODEL.members['streak']} --to onnx --precision fp16`"
    assert (done.code, command in done.err) == (1, True)


def test_the_default_means_both_specialists(derain, small_export: Path, tmp_path: Path) -> None:
    streak, drop = AUTO_MODEL.members.values()
    done = derain("weights", "export", "-o", tmp_path / "lite.onnx")
    assert (done.code, streak in done.err, drop in done.err) == (2, True, True)
    cache_export(drop, small_export)
    done = derain("weights", "export")
    assert (done.code, drop in done.err) == (1, True)
    assert "Converting" not in done.err, "what exists is noticed before the work"


def test_both_specialists_are_exported(derain, monkeypatch: pytest.MonkeyPatch, shallow_model: Path) -> None:
    data = shallow_model.read_bytes()
    for name, entry in SHIPPED.items():
        file = shallow_model.with_name(f"{name}.safetensors")
        file.write_bytes(data)
        changed = replace(entry, file=file.name, sha256=sha256(file))
        monkeypatch.setitem(SHIPPED, name, changed)
    monkeypatch.setattr("deraincli.model_zoo.resolve.weights_folder", lambda: shallow_model.parent)
    done = derain("weights", "export", "--json")
    assert done.code == 0, done.err
    assert [json.loads(line)["model"] for line in done.out.splitlines()] == list(AUTO_MODEL.members.values())


def test_what_is_for_other_programs_does_not_run_here(derain, tmp_path: Path) -> None:
    (tmp_path / "lite.pt2").write_bytes(b"anything")
    for backend in ("onnxruntime", "eager"):
        done = derain(
            "image", EXAMPLE, "-o", tmp_path / "o.png", "-m", tmp_path / "lite.pt2", "--backend", backend
        )
        assert (done.code, "name the model" in done.err) == (1, True)


def test_onnx_runtime_leaves_no_identity(small_export: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    arguments = ["image", EXAMPLE, "-o", tmp_path / "o.png", "-m", small_export, "--backend", "onnxruntime"]
    done = subprocess.run(
        [sys.executable, "-m", "deraincli", *map(str, arguments), "-q"],
        capture_output=True,
        text=True,
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list(cache.iterdir()) == []


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
        (("--to", "tflite"), 2, "onnx, openvino, pt2"),
        (("--to", "pt2"), 2, "-o"),
        (("--precision", "int4"), 2, "fp32, fp16 or int8"),
        (("--to", "pt2", "--precision", "fp16"), 2, "fp32"),
        (("--precision", "int8"), 2, "--pairs"),
        (("--to", "safetensors", "--precision", "int8"), 2, "onnx and openvino"),
        (("--to", "openvino", "--precision", "int8"), 2, "--pairs"),
        (("-o", "nowhere/x.onnx"), 1, "nowhere"),
        (("-o", "/proc/x.onnx"), 1, "/proc"),
        (("--to", "pt2", "-o", "x.onnx"), 2, "taken for onnx"),
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


@pytest.mark.parametrize(
    ("module", "extra"),
    [("onnxruntime", "onnxruntime"), ("openvino", "openvino"), ("onnxscript", "export"), ("nncf", "nncf")],
)
def test_a_missing_package_is_named(
    derain, small_model: Path, small_export: Path, tmp_path: Path, monkeypatch, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    if extra == "export":
        done = derain("weights", "export", small_model)
    elif extra == "nncf":
        options = ("--to", "openvino", "--precision", "int8", "--pairs", write_set(tmp_path, count=2))
        done = derain("weights", "export", small_model, *options)
    else:
        done = derain("image", EXAMPLE, "-m", small_export, "--backend", module, "-o", "never.png")
    assert done.code == 1
    assert f"[{extra}]'" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_an_unwritable_cache_is_told(derain, small_model: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    done = derain("weights", "export", small_model)
    assert (done.code, "XDG_CACHE_HOME" in done.err) == (1, True)


def test_a_model_file_in_half_precision_restores_pictures(derain, small_model: Path, tmp_path: Path) -> None:
    out, model = tmp_path / "out.png", tmp_path / "m.safetensors"
    wish = ("weights", "export", small_model, "--to", "safetensors", "-o", model)
    assert derain(*wish, "--precision", "fp16").code == 0
    assert derain("image", EXAMPLE, "-o", out, "-m", model).code == 0
    assert (np.asarray(PIL.Image.open(out)) != np.asarray(PIL.Image.open(EXAMPLE))).any()
