"""The measured tables of README and docs have the shape that their commands print."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from paired import scene, write_picture, write_set

from deraincli.inference.backends.torch_device import choose_device, choose_precision

ROOT = Path(__file__).parents[1]
paper = runpy.run_path(str(ROOT / "examples/paper/tables.py"))
TABLES: dict[str, Any] = paper["TABLES"]
shape = paper["shape"]


def on_page(name: str) -> str:
    """The table as its page shows it."""
    return paper["table_of"]((ROOT / TABLES[name].page).read_text(encoding="utf-8"), name)


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """Runs a script with other arguments, and returns the table that it prints."""

    def run(name: str, *arguments: object) -> str:
        script = str(ROOT / TABLES[name].script[0])
        monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
        runpy.run_path(script, run_name="__main__")
        return paper["first_table"](capfd.readouterr().out)

    return run


@pytest.mark.parametrize("name", TABLES)
def test_every_table_stands_in_its_page_and_has_a_script(name: str) -> None:
    assert len(on_page(name).splitlines()) > 2
    assert (ROOT / TABLES[name].script[0]).is_file()


def test_every_marker_is_of_a_table() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    marked = [name for page in pages for name in re.findall(r"<!-- table: ([\w-]+) -->\n", page.read_text())]
    assert sorted(marked) == sorted(TABLES)


def test_the_counts_of_the_networks_are_those_of_the_page(printed) -> None:
    cells = [[cell.strip() for cell in line.split("|")] for line in printed("networks").splitlines()]
    shown = [[cell.strip() for cell in line.split("|")] for line in on_page("networks").splitlines()]
    assert (cells[0], cells[2:]) == (shown[0], shown[2:])


def test_scores_have_the_shape_of_the_page(printed, tmp_path: Path) -> None:
    for folder in ("valid/rain100l_20", "test/rain12", "test/rain100h_10", "valid/raindrop_4"):
        write_set(tmp_path / folder, count=1)
    write_picture(tmp_path / "valid/clean_20/1.png", scene(1))
    assert shape(printed("scores", tmp_path)) == shape(on_page("scores"))


def test_working_sizes_have_the_shape_of_the_page(printed, tmp_path: Path) -> None:
    write_set(tmp_path, count=1)
    assert shape(printed("working-side", tmp_path)) == shape(on_page("working-side"))


def test_flicker_has_the_shape_of_the_page(capfd: pytest.CaptureFixture[str]) -> None:
    main = runpy.run_path(str(ROOT / TABLES["flicker"].script[0]))["main"]
    main.__globals__.update(PICTURES=4, SIDE=64, sys=SimpleNamespace(argv=["flicker.py"]))
    main()
    assert shape(paper["first_table"](capfd.readouterr().out)) == shape(on_page("flicker"))


def test_the_classical_methods_have_the_shape_of_the_page(printed, tmp_path: Path) -> None:
    for name in ("001", "002"):
        for folder in ("input", "target"):
            write_picture(tmp_path / folder / f"{name}.png", scene(len(folder), 24, 24))
    assert shape(printed("classical", tmp_path)) == shape(on_page("classical"))


def test_speeds_have_the_shape_of_the_page_and_say_how_they_ran(monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    script = runpy.run_path(str(ROOT / TABLES["speed"].script[0]))
    how, rows = script["measured"](32)
    assert how == f"{choose_precision('auto', choose_device('auto'))}, 1 thread"
    assert shape(paper["first_table"](script["table"](rows))) == shape(on_page("all-speeds"))
    label = on_page("speed").splitlines()[2].split("|")[1].strip()
    assert shape(paper["first_table"](script["short_table"](label, rows, 320))) == shape(on_page("speed"))


def test_the_ablations_have_the_shape_of_the_page() -> None:
    path, *options = TABLES["ablations"].script
    script = runpy.run_path(str(ROOT / path))
    run = script["Outcome"](1000, 34.0, 0.95, (34.0, 34.0))
    recipes = options[options.index("--recipes") + 1 :]
    table = script["table"]({recipe: [run, run] for recipe in recipes}, "streak")
    assert shape(table) == shape(on_page("ablations"))


def test_ablations_are_paired_by_picture_and_their_seeds_averaged() -> None:
    script = runpy.run_path(str(ROOT / TABLES["ablations"].script[0]))
    runs = {
        recipe: [script["Outcome"](1, 0.0, 0.0, tuple(scores)) for scores in seeds]
        for recipe, seeds in {
            "bi": [[30, 31, 32, 33], [32, 33, 34, 35]],
            "ram": [[33, 33, 33, 33], [30.2, 32.4, 34.6, 36.8]],  # 0.6, 0.7, 0.8 and 0.9 dB better
            "cam": [[31, 32, 33, 34]] * 2,  # the same
        }.items()
    }
    _, _, ram, cam = script["paired_test"](runs).splitlines()
    # All four of four gain: by chance in 1 of 2⁴ cases, and as often all lose.
    assert ram == "| ram | +0.75 | 4 of 4 | 0.12 |"
    assert cam == "| cam | +0.00 | 0 of 4 | 1 |"


def test_the_peers_have_the_shape_of_the_page() -> None:
    script = runpy.run_path(str(ROOT / TABLES["peers"].script[0]))
    score = script["Score"]
    order = [line.split("|")[1].strip() for line in on_page("peers").splitlines()[3:]]
    rows = [script["Row"](name, 1000, 10, 5.0, score(30.0 - n, 0.9)) for n, name in enumerate(order)]
    table = paper["first_table"](script["table"](rows, score(20.0, 0.8), 8, "bf16"))
    assert shape(table) == shape(on_page("peers"))


def test_the_frontier_scores_as_eval_does_and_leaves_out_what_cannot_run(
    monkeypatch, derain, random_model: Path, tmp_path: Path
) -> None:
    pairs = write_set(tmp_path / "pairs", count=2)
    scored = derain("eval", pairs, "-m", random_model, "--protocol", "prenet", "--json")
    expected = json.loads(scored.out)
    options = ("--backends", "eager,onnxruntime", "--size", "16")  # of this model there is no ONNX file
    script = str(ROOT / "examples/paper/frontier.py")
    arguments = (script, pairs, "--models", random_model, *options, "-o", tmp_path)
    monkeypatch.setattr(sys, "argv", [*map(str, arguments)])
    runpy.run_path(script, run_name="__main__")
    table, how = (tmp_path / "frontier.md").read_text().split("\n\n")
    assert how == "pairs, pairs: 2, protocol prenet, whole images\n"
    _, _, *rows = table.splitlines()
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    assert [(name, psnr, ssim) for name, _, psnr, ssim in cells] == [
        ("rainy input", f"{expected['input_psnr']:.2f}", f"{expected['input_ssim']:.4f}"),
        ("random", f"{expected['psnr']:.2f}", f"{expected['ssim']:.4f}"),
    ]
    assert (tmp_path / "frontier.png").read_bytes().startswith(b"\x89PNG")


def test_only_a_table_of_the_same_shape_is_written() -> None:
    page = "text\n\n<!-- table: one -->\n\n| a | b |\n|---|---|\n| x | **1.5** dB |\n\nmore | text\n"
    written = paper["write_back"](page, "one", "| a | b |\n|---|---|\n| x | 27 dB |")
    assert written == page.replace("**1.5**", "27")
    for other in (
        "| a | c |\n|---|---|\n| x | 1 dB |",
        "| a | b |\n|---|---|\n| y | 1 dB |",
        "| a | b |\n|---|---|\n| x | 1 s |",
    ):
        with pytest.raises(SystemExit, match="another shape"):
            paper["write_back"](page, "one", other)
