from __future__ import annotations

import json
import shutil

import pytest
import torch

from deraincli.model_zoo.exports import cached_export
from deraincli.model_zoo.resolve import resolve_model

QUICK = ("--repeat", "1", "--threads", "1", "--device", "cpu", "--precision", "fp32")


@pytest.fixture(autouse=True)
def same_threads():
    """`--threads` is the process's."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_json_has_the_keys_that_scripts_rely_on(derain) -> None:
    done = derain("bench", "--size", "64", "--models", "balnet-lite,ddn", *QUICK, "--json")
    assert done.code == 0
    sheet = json.loads(done.out)
    assert {"device", "torch", "threads", "size", "rows"} <= sheet.keys()
    assert (sheet["device"], sheet["torch"], sheet["threads"]) == ("cpu", torch.__version__, 1)
    assert sheet["size"] == 64
    lite, ddn = sheet["rows"]
    assert (lite["model"], lite["weights"], lite["parameters"]) == ("balnet-lite-streak", "shipped", 995_296)
    assert (ddn["model"], ddn["weights"], ddn["parameters"]) == ("ddn", "random", 57_369)
    assert (ddn["document_parameters"], ddn["document_seconds"]) == (57_369, 0.19)
    for row in (lite, ddn):
        times = row["latency_ms"]
        assert 0 < times["p5"] <= times["median"] <= times["p95"]
        assert row["images_per_second"] == pytest.approx(1000 / times["median"], rel=0.01)
        assert row["peak_memory_mb"] > 50
        assert (row["precision"], row["backend"], row["error"]) == ("fp32", "eager", None)


def test_classical_methods_run_beside_networks(derain) -> None:
    quick = ("--repeat", "1", "--threads", "1", "--precision", "fp32,bf16")
    done = derain("bench", "--size", "32", "--models", "dsc,ddn", "--device", "cpu", *quick, "--json")
    assert done.code == 0, done.err
    rows = json.loads(done.out)["rows"]
    assert [(row["model"], row["precision"]) for row in rows] == [
        ("dsc", "fp32"),
        ("ddn", "fp32"),
        ("ddn", "bf16"),
    ]
    method = rows[0]
    assert (method["parameters"], method["gflops"], method["document_seconds"]) == (None, None, 118.4)
    assert method["latency_ms"]["median"] > 0


def test_the_tables_hold_every_size_and_the_growth(derain) -> None:
    done = derain("bench", "--size", "32,64", "--models", "ddn", *QUICK, "--end-to-end")
    text = done.out.decode()
    assert done.code == 0
    assert text.count("ddn") == 5  # size and speed at two sizes, and the growth
    assert "JPEG, ms" in text
    assert "pixels^" in text


def test_markdown_is_one_table_with_ratios_to_the_first_row(derain) -> None:
    done = derain("bench", "--size", "32", "--models", "ddn,balnet-lite", *QUICK, "--markdown", "--roofline")
    lines = [line.strip("| ").split(" | ") for line in done.out.decode().splitlines() if line[:1] == "|"]
    header, _, first, second = lines[:4]
    assert first[header.index("ratio")] == "1.00"
    times = [float(row[header.index("ms")]) for row in (first, second)]
    assert float(second[header.index("ratio")]) == pytest.approx(times[1] / times[0], rel=0.02)
    assert "% of peak" in header
    assert "Matrix products in fp32" in done.out.decode()


def test_a_size_that_a_network_cannot_take_is_padded_and_said(derain) -> None:
    done = derain("bench", "--size", "33", "-m", "balnet-lite", *QUICK, "--json")
    assert json.loads(done.out)["rows"][0]["padded_size"] == 64
    assert "33×33" in done.err
    assert "64×64" in done.err


def test_too_little_memory_is_one_sentence_and_other_sizes_go_on(derain) -> None:
    done = derain("bench", "--size", "32,1000000", "--models", "ddn", *QUICK, "--json")
    assert done.code == 3
    small, large = (json.loads(line)["rows"][0] for line in done.out.splitlines())
    assert small["error"] is None
    assert "memory" in large["error"]
    assert large["latency_ms"] is None
    assert "Traceback" not in done.err


def test_a_network_that_sees_large_patches_takes_the_smallest_picture(derain) -> None:
    done = derain("bench", "--size", "1,7", "--models", "eigen", *QUICK, "--json")
    assert done.code == 0, done.err
    assert [json.loads(line)["rows"][0]["padded_size"] for line in done.out.splitlines()] == [8, 8]


def test_what_certainly_does_not_fit_is_known_without_running(derain, monkeypatch) -> None:
    monkeypatch.setattr("deraincli.benchmark.runner.peak_in_own_process", None)
    done = derain("bench", "--size", "64", "--batch-size", "10000000", "--models", "ddn", *QUICK)
    assert done.code == 1
    assert "smaller batch" in done.err
    assert done.out == b"", "an empty table"


def test_exports_are_asked_for_where_there_are_no_weights(derain) -> None:
    done = derain("bench", "--backend", "onnxruntime", "--models", "ddn", "--size", "64", "--device", "cpu")
    assert done.code == 1
    assert "exports only" in done.err
    assert done.out == b""


@pytest.mark.parametrize("batch", [1, 2])
def test_several_backends_run_one_after_another(derain, small_model, small_export, batch: int) -> None:
    backends = ("eager", "onnxruntime", "openvino")
    (file,) = resolve_model(str(small_model)).files
    export = cached_export(file, "fp32")
    export.parent.mkdir(parents=True)
    shutil.copy(small_export, export)
    rest = ("--size", "32", "--batch-size", batch, "--end-to-end", *QUICK, "--json")
    done = derain("bench", "-m", small_model, "--backend", ",".join(backends), *rest)
    rows = json.loads(done.out)["rows"]
    assert [(row["backend"], row["error"]) for row in rows] == [(name, None) for name in backends]
    assert len({row["parameters"] for row in rows}) == 1
    measures = ("load_ms", "latency_ms", "end_to_end_ms", "peak_memory_mb")
    assert all(row[measure] for row in rows for measure in measures)


def test_a_backend_that_cannot_compute_so_costs_its_row_alone(derain, small_model, small_export) -> None:
    (file,) = resolve_model(str(small_model)).files
    export = cached_export(file, "fp32")
    export.parent.mkdir(parents=True)
    shutil.copy(small_export, export)
    wish = ("-m", small_model, "--backend", "eager,onnxruntime", "--size", "32")
    done = derain("bench", *wish, *QUICK, "--precision", "bf16", "--json")
    assert done.code == 3
    errors = [row["error"] for row in json.loads(done.out)["rows"]]
    assert errors[0] is None
    assert "not in 'bf16'" in errors[1]


def test_quiet_markdown_is_still_printed_and_names_our_size(derain) -> None:
    done = derain("bench", "--size", "32", "--models", "ddn", *QUICK, "--markdown", "--quiet")
    assert "ours at 32×32" in done.out.decode()
    assert "authors' at 320×320" in done.out.decode()
    assert done.err == ""


def test_a_narrow_terminal_keeps_names_and_tells_rows_apart(derain, monkeypatch) -> None:
    monkeypatch.setattr("rich.console.Console.width", 80)
    several = (
        "--size",
        "32",
        "--models",
        "balnet-lite",
        "--repeat",
        "1",
        "--threads",
        "1",
        "--device",
        "cpu",
    )
    done = derain("bench", *several, "--precision", "fp32,bf16", "--end-to-end")
    lines = done.out.decode().splitlines()
    assert sum("balnet-lite" in line for line in lines) == 4
    assert sum("bf16" in line for line in lines) == 2, "of size and of speed"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--models", "balnet_light"], 2, "balnet-lite"),
        (["--device", "cuda:99"], 1, "cpu"),
        (["--device", "cpu", "--precision", "fp16"], 1, "fp32"),
        (["--device", "cpu", "--backend", "cudagraphs"], 1, "eager"),
        (["--backend", "turbo"], 2, "compile"),
        (["--size", "0"], 2, "--size"),
        (["--size", "9999999999"], 2, "1,000,000"),
        (["--models", "dsc", "--batch-size", "2"], 2, "--batch-size"),
        (["--size", "320x240"], 2, "--size"),
        (["--json", "--markdown"], 2, "--markdown"),
        (["-m", "ddn", "--models", "ddn"], 2, "--models"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_sentence(derain, arguments, code, said) -> None:
    done = derain("bench", "--repeat", "1", *arguments)
    assert done.code == code
    assert done.out == b""
    assert done.err.count("\n") == 1
    assert said in done.err
