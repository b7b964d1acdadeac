"""What `--help` shows, what the shell completes, and how a value that an option does not take is refused."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import typer.main
from paired import scene, write_picture, write_set
from test_readme import parse

from deraincli._version import __version__
from deraincli.benchmark.targets import all_names
from deraincli.cli import values
from deraincli.cli.app import app
from deraincli.cli.help import GROUPS, PANELS
from deraincli.datasets.layouts import LAYOUTS
from deraincli.evaluation.metrics import PROTOCOLS
from deraincli.export.options import TARGETS
from deraincli.imaging.formats import WRITTEN
from deraincli.inference.backends.onnx_providers import PROVIDERS
from deraincli.inference.backends.registry import BACKENDS
from deraincli.inference.backends.torch_device import PRECISIONS
from deraincli.model_zoo import exports
from deraincli.model_zoo.catalogue import AUTO_MODEL, SHIPPED
from deraincli.models import convert_layouts, names
from deraincli.models.classical.registry import CLASSICAL_METHODS
from deraincli.models.registry import NETWORKS

ROOT: Any = typer.main.get_command(app)


def commands(group: Any = ROOT, words: tuple[str, ...] = ()) -> dict[str, Any]:
    """Every command below a group by its name, such as `weights list`."""
    found = {}
    for name, command in group.commands.items():
        here = (*words, name)
        found |= commands(command, here) if hasattr(command, "commands") else {" ".join(here): command}
    return found


COMMANDS = commands()
PAGES = ["", "data", "weights", *COMMANDS]
"""Everything that has a help."""


def options_of(name: str) -> list[Any]:
    command = COMMANDS[name]
    parameters = command.get_params(typer.Context(command))
    return [option for option in parameters if option.param_type_name == "option" and not option.hidden]


@pytest.fixture
def show_help(derain, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Returns the help of a command as lines of at most 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def show(name: str) -> list[str]:
        done = derain(*name.split(), "--help")
        assert done.code == 0
        return done.out.decode().splitlines()

    return show


def test_every_command_is_in_a_group() -> None:
    assert {name: command.rich_help_panel for name, command in ROOT.commands.items()} == {
        name: group
        for group, names in zip(
            GROUPS,
            ["image batch video serve", "compare attn", "eval bench", "train synth data", "weights doctor"],
            strict=True,
        )
        for name in names.split()
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_in_a_panel_and_explained(name: str) -> None:
    for option in options_of(name):
        assert option.rich_help_panel in PANELS, option.name
        assert option.help.endswith("."), option.name


@pytest.mark.parametrize("name", COMMANDS)
def test_scripts_can_pass_quiet_and_verbose_to_every_command(name: str) -> None:
    assert {"-q", "-v"} <= {text for option in COMMANDS[name].params for text in option.opts}


@pytest.mark.parametrize("name", PAGES)
def test_help_fits_80_columns_and_shows_no_types_of_flags(show_help, name: str) -> None:
    lines = show_help(name)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 80
    assert not re.search("bool", text, re.IGNORECASE)
    (usage,) = (line for line in lines if "Usage:" in line)
    assert not re.search(r"[{}]|\[\[", usage)
    for option in options_of(name) if name in COMMANDS else ():
        assert all(re.search(rf"(?<!\S){opt}(?!\w)", text) for opt in option.opts)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_of_a_command_is_one_short_sentence(name: str) -> None:
    summary = COMMANDS[name].help.split("\n\n")[0]
    assert summary.endswith(".")
    assert len(summary) <= 80
    assert "derain" not in summary


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_command_ends_in_examples_that_parse(show_help, name: str) -> None:
    shown = show_help(name)
    lines = [line.strip() for line in shown[shown.index(next(x for x in shown if "Examples" in x)) + 1 :]]
    examples = [shlex.split(line, comments=True) for line in lines if line]
    assert examples
    for program, *arguments in examples:
        assert program == "derain"
        assert " ".join(arguments).startswith(name)
        if "--help" not in arguments:
            parse(arguments)


def test_the_names_that_options_take_are_those_of_the_tables() -> None:
    from deraincli.video.encoder import CODECS
    from deraincli.video.muxer import CONTAINER_OF_SUFFIX

    assert ("auto", *AUTO_MODEL.members) == values.TASKS
    assert ("auto", *PRECISIONS, "int8") == values.PRECISIONS  # which exports alone have
    assert BACKENDS == values.BACKENDS
    assert ("auto", *PROVIDERS) == values.PROVIDERS
    assert set(names.NETWORKS) == set(NETWORKS)
    assert tuple(CLASSICAL_METHODS) == values.CLASSICAL_METHODS
    assert set(all_names()) == {*SHIPPED, *names.NETWORKS, *values.CLASSICAL_METHODS}
    assert tuple(PROTOCOLS) == values.PROTOCOLS
    assert tuple(LAYOUTS) == values.LAYOUTS
    assert tuple(CODECS) == values.CODECS
    assert set(values.CONTAINERS) == set(CONTAINER_OF_SUFFIX) - {"m4v"}  # which stands for mp4
    assert tuple(name.lower() for name in WRITTEN) == values.IMAGE_FORMATS
    assert tuple(convert_layouts.PUBLISHED_LAYOUTS) == values.IMPORTED_NETWORKS
    assert values.EXPORT_TARGETS == TARGETS
    assert values.EXPORT_PRECISIONS == exports.PRECISIONS


def complete(line: str) -> list[str]:
    """What bash offers at the end of a line, by Typer's own protocol. Fails if that loads anything heavy."""
    words = line.split(" ")
    code = (
        "import sys; sys.argv[0] = 'derain'; from deraincli.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        "heavy = {'torch', 'cv2', 'numpy', 'av'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    shell = {"_DERAIN_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | shell
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("derain image a.jpg --task ", ["auto", "streak", "drop"]),
        ("derain image a.jpg --device c", ["cpu", "cuda"]),
        ("derain image a.jpg --format ", list(values.IMAGE_FORMATS)),
        ("derain image a.jpg --metadata ", ["keep", "strip"]),
        ("derain video a.mp4 --backend ", ["auto", *values.BACKENDS]),
        ("derain video a.mp4 --codec h", ["h264", "hevc"]),
        ("derain eval Rain100L --protocol ", [*PROTOCOLS, "all"]),
        ("derain data inspect Rain100L --layout rain2", ["rain200"]),
        ("derain weights import a.pth --network ", list(values.IMPORTED_NETWORKS)),
        ("derain weights export --to ", list(TARGETS)),
        ("derain eval Rain100L -m ", [AUTO_MODEL.name, *SHIPPED]),
        ("derain image a.jpg -m d", ["dsc"]),
        ("derain compare a.jpg --models balnet-lite,g", ["balnet-lite,gmm"]),
        ("derain bench --precision fp32,b", ["fp32,bf16"]),
        ("derain weights info balnet-s", ["balnet-small"]),
        ("derain weights verify balnet-s", ["balnet-small"]),
        ("derain train a.toml --warm-start balnet-s", ["balnet-small"]),
    ],
)
def test_the_shell_completes_values(line: str, offered: list[str]) -> None:
    assert complete(line) == offered


WRONG_VALUES = [
    ("image photo.jpg", "--task drops", "auto, streak or drop"),
    ("image photo.jpg", "--device gpu", "auto, cpu, cuda, mps, xpu or cuda:N"),
    ("image photo.jpg", "--device cuda:", "auto, cpu, cuda, mps, xpu or cuda:N"),
    ("image photo.jpg", "--precision half", "auto, fp32, bf16, fp16 or int8"),
    ("image photo.jpg", "--backend tensorrt", "auto, eager, compile, cudagraphs, onnxruntime or openvino"),
    ("image photo.jpg", "--tile big", "auto, off or a number of pixels"),
    ("image photo.jpg", "--overlap -3", "auto or a number of pixels"),
    ("image photo.jpg", "--working-side ²", "auto, full or a number of pixels"),
    ("batch photos", "--device cpu,gpu", "auto, cpu, cuda, mps, xpu or cuda:N"),
    ("video in.mp4", "--codec divx", "auto, h264, hevc, vp9, av1 or ffv1"),
    ("attn photo.jpg", "--device gpu", "auto, cpu, cuda, mps, xpu or cuda:N"),
    ("compare photo.jpg -o page.html", "--protocol psnr", "prenet, mprnet, basicsr-y, agan or rgb"),
    ("eval set", "--protocol psnr", "prenet, mprnet, basicsr-y, agan, rgb or all"),
    ("eval set", "--layout rain13k", "input-target, agan, rain1400, rain200, rain100 or halves"),
    ("bench", "--precision fp32,half", "auto, fp32, bf16, fp16 or int8"),
    ("bench", "--backend eager,turbo", "eager, compile, cudagraphs, onnxruntime or openvino"),
    ("train config.toml", "--device gpu", "auto, cpu, cuda, mps, xpu or cuda:N"),
    ("data inspect set", "--layout rain13k", "input-target, agan, rain1400, rain200, rain100 or halves"),
    ("weights verify", "--device gpu", "auto, cpu, cuda, mps, xpu or cuda:N"),
    ("weights export", "--to tflite", "onnx, openvino, pt2 or safetensors"),
    ("weights export", "--precision int4", "fp32, fp16 or int8"),
    ("weights import a.pth", "--network resnet", "prenet, nledn, agan, brn, rcdnet, mprnet or restormer"),
]


@pytest.mark.parametrize(("command", "option", "possible"), WRONG_VALUES)
def test_a_wrong_value_is_one_sentence_with_all_right_ones(
    derain, command: str, option: str, possible: str
) -> None:
    name, value = option.split()
    wrong = next(part for part in reversed(value.split(",")))
    done = derain(*command.split(), name, value)
    assert (done.code, done.out) == (2, b"")
    assert done.err == f"Error: {name} takes {possible}, not {wrong!r}.\n"


FREE_TEXT = {"DERAIN_MODEL", "DERAIN_RAY_ADDRESS", "DERAIN_TOKEN"}
"""Variables that take any text."""
VARIABLES = sorted(
    {
        (name, option.envvar, option.opts[0])
        for name in COMMANDS
        for option in options_of(name)
        if option.envvar and option.envvar not in FREE_TEXT
    }
)
"""Every other environment variable of every command, with its option."""
NEEDED = {
    "compare": "photo.jpg -o page.html",
    "synth": "photo.jpg -o pairs",
    "bench": "",
    "serve": "",
    "weights verify": "",
}
"""What must stand on the command line. The other commands need one word."""
POSSIBLE = {"DERAIN_ENSEMBLE": "1 or 0", "DERAIN_MAX_PIXELS": "a whole number of at least 1"}
"""The values that variables take where the option has no such list."""


@pytest.mark.parametrize(("name", "variable", "option"), VARIABLES)
def test_the_wrong_value_of_a_variable_names_the_variable(
    derain, monkeypatch: pytest.MonkeyPatch, name: str, variable: str, option: str
) -> None:
    monkeypatch.setenv(variable, "banana")
    words = [*name.split(), *NEEDED.get(name, "photo.jpg").split()]
    done = derain(*words)
    assert (done.code, done.out) == (2, b"")
    if variable in POSSIBLE:
        assert done.err == f"Error: {variable} takes {POSSIBLE[variable]}, not 'banana'.\n"
    else:
        assert done.err.replace(variable, option) == derain(*words, option, "banana").err
        assert f" {variable} takes " in done.err


TEXTS = {"DIR", "OUT", "FILE", "FILE|DIR", "FILE.html", "IMAGE", "TEXT", "ADDRESS"}
"""Names in the help for values that may be any text."""


@pytest.mark.parametrize("name", COMMANDS)
def test_no_wrong_value_is_refused_in_the_words_of_a_library(
    derain, tmp_path: Path, monkeypatch, name
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*name.split(), *NEEDED.get(name, "photo.jpg").split()]
    for option in options_of(name):
        if option.is_flag or option.metavar in TEXTS:
            continue
        done = derain(*words, f"{max(option.opts, key=len)}=ban ana")
        assert done.code != 0
        assert "Input should" not in done.err
        assert "Invalid value" not in done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "possible"),
    [
        ("image photo.jpg --quality 101", "--quality takes a whole number from 1 to 100"),
        ("image photo.jpg --quality 9.5", "--quality takes a whole number from 1 to 100"),
        ("image photo.jpg --strength full", "--strength takes a number from 0 to 1.5"),
        ("image photo.jpg --metadata drop", "--metadata takes keep or strip"),
        ("eval photos --limit 0", "--limit takes a whole number of at least 1"),
        ("eval photos --left up", "--left takes rainy or clean"),
        ("synth photos -o pairs --veil 1.1", "--veil takes a number from 0 to 1"),
        ("train run.toml --max-minutes -1", "--max-minutes takes a number of at least 0"),
    ],
)
def test_a_wrong_number_or_choice_names_what_the_option_takes(derain, command: str, possible: str) -> None:
    done = derain(*command.split())
    assert (done.code, done.out, done.err) == (2, b"", f"Error: {possible}.\n")


def test_a_number_out_of_range_in_a_variable_names_the_variable(
    derain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DERAIN_MAX_PIXELS", "0")
    done = derain("image", "photo.jpg")
    assert done.err == "Error: DERAIN_MAX_PIXELS takes a whole number of at least 1, not '0'.\n"


def test_a_wrong_option_does_not_blame_a_variable(derain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DERAIN_MAX_PIXELS", "5")
    done = derain("image", "photo.jpg", "--max-pixels", "banana")
    assert (done.code, "--max-pixels" in done.err, "DERAIN_" in done.err) == (2, True, False)


@pytest.mark.parametrize(
    "command", ["video photo.mp4", "compare photo.png -o page.html", "eval set", "bench"]
)
def test_an_unknown_model_of_a_variable_names_the_variable(
    derain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    pytest.importorskip("av")
    from clips import write_clip

    monkeypatch.chdir(tmp_path)
    write_set(tmp_path / "set", 1)
    write_clip(tmp_path / "photo.mp4")
    monkeypatch.setenv("DERAIN_MODEL", "balnet-lit")
    done = derain(*command.split())
    assert (done.code, done.out, done.err.count("\n")) == (2, b"", 1)
    assert "'balnet-lit'" in done.err and "comes from DERAIN_MODEL" in done.err
    done = derain(*command.split(), "-m", "balnet-lite-strek")
    assert (done.code, "DERAIN_" in done.err) == (2, False)


def test_an_ensemble_of_the_environment_can_be_switched_off(
    derain, monkeypatch: pytest.MonkeyPatch, random_model: Path, tmp_path: Path
) -> None:
    photo = write_picture(tmp_path / "photo.png", scene(0, 40, 56))
    for value, expected in (("1", True), ("0", False)):
        monkeypatch.setenv("DERAIN_ENSEMBLE", value)
        done = derain("image", photo, "-o", tmp_path / f"{value}.png", "-m", random_model, "--json")
        assert json.loads(done.out)["ensemble"] is expected


def test_train_takes_the_short_name_of_its_output(tmp_path: Path) -> None:
    for option in ("--out", "-o"):
        parse(["train", "config.toml", option, str(tmp_path)])


def test_the_version_and_with_verbose_what_it_runs_on(derain) -> None:
    short = derain("--version")
    assert (short.code, short.out.decode()) == (0, f"derain {__version__}\n")
    for order in (("--version", "--verbose"), ("--verbose", "--version")):
        long = derain(*order)
        assert long.code == 0
        first, python, pytorch, *_ = long.out.decode().splitlines()
        assert first == f"derain {__version__}"
        assert platform.python_version() in python
        assert metadata.version("torch") in pytorch
