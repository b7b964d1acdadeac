"""`derain eval` from end to end: real files, a real (untrained) network, exit codes, both output streams."""

import csv
import io
import json
import os
import re
import shutil

import pytest
from paired import scene, write_picture, write_set

from deraincli.datasets.pairs import find_pairs, fingerprint

ON_CPU = ("--device", "cpu", "--precision", "fp32", "--tile", "off")


@pytest.fixture
def derain_eval(derain):
    """`derain eval …`, whose standard output is text."""

    def call(*arguments: object):
        done = derain("eval", *arguments)
        return done._replace(out=done.out.decode())

    return call


@pytest.fixture
def dataset(tmp_path):
    return write_set(tmp_path / "set", count=6)


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A model file of the small network, untrained."""
    import torch

    from deraincli.models.checkpoint import ModelInfo, model_bytes
    from deraincli.models.registry import NETWORKS

    kind = NETWORKS["balnet-lite"]
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("model") / "untrained.safetensors"
    file.write_bytes(model_bytes(kind.build(kind.config), ModelInfo("balnet-lite", kind.config, "auto")))
    return file


def records(finished) -> list[dict]:
    return [json.loads(line) for line in finished.out.splitlines()]


def test_ready_results_under_every_protocol(derain_eval, dataset):
    finished = derain_eval(dataset, "--results", dataset / "input", "--protocol", "all", "--json")
    assert finished.code == 0
    assert [record["protocol"] for record in records(finished)] == [
        "prenet",
        "mprnet",
        "basicsr-y",
        "agan",
        "rgb",
    ]
    for record in records(finished):
        assert record["count"] == len(record["images"]) == 6
        assert (record["psnr"], record["ssim"]) == (record["input_psnr"], record["input_ssim"])
        assert record["fingerprint"] == fingerprint(find_pairs(dataset).pairs)


def test_the_table_names_set_protocol_and_worst_images(derain_eval, dataset):
    finished = derain_eval(dataset, "--results", dataset / "target")
    assert finished.code == 0
    assert fingerprint(find_pairs(dataset).pairs) in finished.out
    assert "prenet" in finished.out
    assert "100.00" in finished.out
    assert finished.out.splitlines()[-1].endswith("under prenet: 1 inf, 2 inf, 3 inf, 4 inf, 5 inf")
    assert derain_eval(dataset, "--results", dataset / "target", "--quiet").out == ""


def test_raindrop_sets_default_to_their_own_protocol(derain_eval, tmp_path):
    for n in range(2):
        write_picture(tmp_path / "drops" / "data" / f"{n}_rain.png", scene(n))
        write_picture(tmp_path / "drops" / "gt" / f"{n}_clean.png", scene(n + 5))
    finished = derain_eval(tmp_path / "drops", "--results", tmp_path / "drops" / "data", "--json")
    assert [record["protocol"] for record in records(finished)] == ["agan"]


def test_csv_and_markdown_stand_alone_on_stdout(derain_eval, dataset):
    finished = derain_eval(dataset, "--results", dataset / "input", "--csv", "--sort", "worst")
    rows = list(csv.DictReader(io.StringIO(finished.out)))
    values = [float(row["psnr"]) for row in rows if row["model"] == "rainy input"]
    assert len(rows) == 12
    assert values == sorted(values)
    finished = derain_eval(dataset, "--results", dataset / "input", "--markdown", "--limit", 2)
    assert finished.out.splitlines()[-1].split("|")[-2].strip() == "2"
    assert derain_eval(dataset, "--results", dataset / "input", "--csv", "--json").code == 2


def test_models_side_by_side_are_saved_and_reported(derain_eval, dataset, model, tmp_path):
    other = model.with_name("other.safetensors")
    shutil.copy(model, other)
    options = (dataset, "--limit", 2, "--models", f"{model},{other}", *ON_CPU, "--json")
    save, report = tmp_path / "save", tmp_path / "report.html"

    finished = derain_eval(*options, "--save", save, "--report", report)

    assert finished.code == 0, finished.err
    assert [record["model"] for record in records(finished)] == [str(model), str(other)]
    for record in records(finished):
        assert (record["device"], record["precision"], record["tile"]) == ("cpu", "fp32", "whole")
    assert "pictures whole" in finished.err
    assert len(list(save.iterdir())) == 2
    (data,) = re.findall(
        r'<script type="application/json" id="report">(.*?)</script>', report.read_text(encoding="utf-8")
    )
    assert [len(picture["views"]) for picture in json.loads(data)["comparisons"]] == [4, 4]
    for folder in save.iterdir():
        by_files = derain_eval(dataset, "--limit", 2, "--results", folder, "--json")
        assert records(by_files)[0]["images"] == records(finished)[0]["images"]


def test_names_that_are_not_utf8_are_scored_and_reported(derain_eval, dataset, model, tmp_path):
    folder = dataset.rename(tmp_path / os.fsdecode(b"caf\xe9"))
    for side in ("input", "target"):
        (folder / side / "1.png").rename(folder / side / os.fsdecode(b"\xe9.png"))
    save, report = tmp_path / "save", tmp_path / "report.html"
    finished = derain_eval(folder, "-m", model, *ON_CPU, "--save", save, "--report", report)
    assert finished.code == 0, finished.err
    assert (save / os.fsdecode(b"\xe9.png")).is_file()
    (data,) = re.findall(r'id="report">(.*?)</script>', report.read_text(encoding="utf-8"))
    assert "\udce9" in {picture["name"] for picture in json.loads(data)["comparisons"]}


def test_what_was_deleted_since_an_unfinished_run_is_restored_again(derain_eval, dataset, model, tmp_path):
    broken, save, report = dataset / "input" / "1.png", tmp_path / "save", tmp_path / "report.html"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:300])
    options = (dataset, "-m", model, *ON_CPU, "--save", save)
    assert derain_eval(*options).code == 3
    assert len(list(save.iterdir())) == 5
    shutil.rmtree(save)
    broken.write_bytes(whole)
    finished = derain_eval(*options, "--report", report)
    assert finished.code == 0, finished.err
    assert len(list(save.iterdir())) == 6


@pytest.mark.parametrize("output", ["--save", "--report"])
def test_existing_outputs_are_not_replaced_unasked(derain_eval, dataset, model, tmp_path, output):
    path = tmp_path / "output" / "1.png" if output == "--save" else tmp_path / "report.html"
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    options = (
        dataset,
        "--limit",
        1,
        "-m",
        model,
        *ON_CPU,
        output,
        path.parent if output == "--save" else path,
    )
    refused = derain_eval(*options)
    assert (refused.code, refused.out) == (1, "")
    assert path.read_text() == "mine"
    assert derain_eval(*options, "--overwrite").code == 0
    assert path.read_bytes() != b"mine"


def test_a_model_and_results_only_when_both_are_named(derain_eval, dataset, model, monkeypatch):
    results = ("--results", dataset / "input", "--limit", 1, "--json")
    monkeypatch.setenv("DERAIN_MODEL", "no-such-model")
    assert [record["model"] for record in records(derain_eval(dataset, *results))] == [str(dataset / "input")]
    both = derain_eval(dataset, *results, "-m", model, *ON_CPU)
    assert [record["model"] for record in records(both)] == ["untrained", str(dataset / "input")]
    assert derain_eval(dataset, "-m", model, "--models", model).code == 2


def test_failures_are_named_counted_and_exit_3(derain_eval, dataset):
    whole = (dataset / "input" / "2.png").read_bytes()
    (dataset / "input" / "2.png").write_bytes(whole[: len(whole) // 2])
    for side in ("input", "target"):
        write_picture(dataset / side / "5.png", scene(0, height=10))
    page = dataset.parent / "page.html"
    finished = derain_eval(dataset, "--results", dataset / "target", "--json", "--report", page)
    (record,) = records(finished)
    assert finished.code == 3
    assert record["count"] == 4
    assert "2 of 6 pairs failed" in page.read_text()
    assert [failure["name"] for failure in record["failed"]] == ["2", "5"]
    assert "2 of 6 pairs failed" in finished.err
    assert "input/2.png" in finished.err and "5: 64×10 is smaller" in finished.err


def test_a_set_of_which_nothing_can_be_scored_fails(derain_eval, tmp_path):
    dataset = write_set(tmp_path / "tiny", count=2, height=9, width=9)
    finished = derain_eval(dataset, "--results", dataset / "target")
    assert (finished.code, finished.out) == (1, "")
    assert "None of the 2 pairs" in finished.err


def test_unpaired_files_are_listed(derain_eval, dataset):
    (dataset / "target" / "3.png").unlink()
    finished = derain_eval(dataset, "--results", dataset / "input", "--json")
    assert finished.code == 0
    assert records(finished)[0]["count"] == 5
    assert "input/3.png" in finished.err


def test_another_set_than_expected_is_refused(derain_eval, dataset):
    expected = fingerprint(find_pairs(dataset).pairs)
    options = (dataset, "--results", dataset / "input", "--expect-fingerprint", expected)
    assert derain_eval(*options).code == 0
    write_picture(dataset / "target" / "1.png", scene(77))
    finished = derain_eval(*options)
    assert (finished.code, finished.out) == (1, "")
    assert expected in finished.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("missing",), 1, "is not a folder"),
        (("set", "--protocol", "psnr"), 2, "not 'psnr'"),
        (("set", "--layout", "agan"), 1, "layout agan"),
        (("set", "--left", "rainy", "--layout", "agan"), 2, "--left"),
        (("set", "--results", "missing"), 1, "is not a folder"),
        (("set", "--results", "set/input", "--save", "new"), 2, "--model"),
        (("set", "--results", "set/input", "--report", "missing/r.html"), 1, "folder"),
        (("set", "--results", "set/input", "--report", "page.txt"), 2, "use .html"),
    ],
)
def test_bad_requests_are_one_sentence(derain_eval, dataset, monkeypatch, arguments, code, said):
    monkeypatch.chdir(dataset.parent)
    finished = derain_eval(*arguments)
    assert (finished.code, finished.out) == (code, "")
    assert said in finished.err
    assert finished.err.count("\n") == 1


def test_rain12_input_matches_the_known_figures(derain_eval, shared_data):
    dataset = shared_data / "test" / "rain12"
    finished = derain_eval(dataset, "--results", dataset / "input", "--protocol", "all", "--json")
    scores = {record["protocol"]: record["psnr"] for record in records(finished)}
    assert scores["rgb"] == pytest.approx(28.82, abs=0.01)
    assert scores["prenet"] == pytest.approx(30.14, abs=0.01)
