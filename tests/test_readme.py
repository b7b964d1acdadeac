"""README and docs: their commands parse, the cheap ones run, their links and the files they name exist."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import typer.main

from deraincli.cli.app import app
from deraincli.training.config import load_config

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
GUIDES = [README, *DOCS, ROOT / "CONTRIBUTING.md"]
OTHER_PAGES = ["DESIGN.md", "CHANGELOG.md", "CODE_OF_CONDUCT.md", "LICENSE-WEIGHTS.md", "SECURITY.md"]
OTHER_PAGES += ["weights/README.md", ".github/PULL_REQUEST_TEMPLATE.md"]
PAGES = [*GUIDES, *(ROOT / page for page in OTHER_PAGES)]

CONNECTIVES = {"&&", "||", "|", ";"}
REDIRECTIONS = {"<", ">", ">>", "2>"}
OTHER_PROGRAMS = {
    "--data-binary",
    "--default-index",
    "--extra",
    "--index-url",
    "--no-shared",
    "--nproc-per-node",
}
"""Options in the text that are not derain's."""


def names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


def blocks(text: str, language: str) -> list[str]:
    """The contents of the fenced blocks of a language."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)


def shell_lines(text: str, *, section: str = "") -> list[str]:
    """The lines of the `sh` blocks of a section (or all), and indented `derain` lines, without comments."""
    if section:
        text = text.split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = [line for block in blocks(text, "sh") for line in block.splitlines()]
    lines += re.findall(r"^ {4,}(derain .*)$", text, re.MULTILINE)
    return [line for line in (re.split(r"\s+#", line)[0].strip() for line in lines) if line]


def derain_calls(line: str) -> list[list[str]]:
    """The arguments of every `derain` in a line of shell, and of `python -m deraincli` under torchrun."""
    words = list(shlex.shlex(line, posix=True, punctuation_chars="|&;<>"))
    words = shlex.split(line) if not CONNECTIVES & set(words) and not REDIRECTIONS & set(words) else words
    calls, call = [], []
    for word in [*words, ";"]:
        if word in CONNECTIVES:
            calls.append(call)
            call = []
        else:
            call.append(word)
    found = []
    for call in calls:
        call = call[: next((n for n, word in enumerate(call) if word in REDIRECTIONS), len(call))]
        while call and re.fullmatch(r"[A-Z_]+=\S*", call[0]):
            call = call[1:]
        if call[:1] == ["derain"]:
            found.append(call[1:])
        elif call[:1] == ["torchrun"] and "deraincli" in call:
            found.append(call[call.index("deraincli") + 1 :])
    return found


def parse(arguments: list[str]) -> None:
    """Parses a command line as the real one does, and runs nothing. Raises what Click raises."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("derain", list(arguments), resilient_parsing=False)
    while hasattr(command, "resolve_command"):
        name, command, arguments = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, list(arguments), parent=context)


def options() -> set[str]:
    """Every option of every command."""
    found = set()
    waiting: list[Any] = [typer.main.get_command(app)]
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        for parameter in command.params:
            found |= {*parameter.opts, *parameter.secondary_opts}
    return found


def find_command(words: list[str]) -> Any:
    """The command that the first words name, such as `weights export`."""
    command: Any = typer.main.get_command(app)
    for word in words:
        if word not in getattr(command, "commands", {}):
            break
        command = command.commands[word]
    return command


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the example pictures and the names that the README uses."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    small = PIL.Image.open(ROOT / "examples/rainy_chelsea.jpg").crop((0, 0, 96, 64))
    for name in ("photo.jpg", "in.jpg", "photo.tif", "window.jpg", "faces.png", "photos/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        small.save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_parser_refuses_what_the_command_line_refuses() -> None:
    parse(["image", "a.jpg", "--quality", "90"])
    for wrong in (
        ["image", "a.jpg", "--shiny"],
        ["imagine", "a.jpg"],
        ["weights", "export", "--pairs"],
        ["image"],
    ):
        with pytest.raises(Exception, match=r"option|command|argument|Missing"):
            parse(wrong)


@pytest.mark.parametrize("page", names(PAGES))
def test_every_command_parses(page: str) -> None:
    for line in shell_lines((ROOT / page).read_text()):
        for call in derain_calls(line):
            try:
                parse(call)
            except Exception as error:
                pytest.fail(f"{line}\n{getattr(error, 'message', None) or error}")


@pytest.mark.parametrize("page", names(PAGES))
def test_options_in_the_text_exist(page: str) -> None:
    if page == "CHANGELOG.md":  # it names options that went
        return
    text = re.sub(r"^ *```.*?^ *```$", "", (ROOT / page).read_text(), flags=re.DOTALL | re.MULTILINE)
    known = options()
    for span in re.findall(r"`([^`\n]+)`", text):
        used = set(re.findall(r"(?<!\S)--[a-z][\w-]*", span)) - OTHER_PROGRAMS
        if span.startswith("derain "):
            words = span.split()[1:]
            own = {
                opt
                for parameter in find_command(words).params
                for opt in (*parameter.opts, *parameter.secondary_opts)
            }
            assert used <= own | {"--help"}, span
        elif not re.search(r"\b(python|torchrun|pip|pipx|git|uv|uvx|bash)\b", span):
            assert used <= known | {"--help"}, span


def test_there_are_commands_in_every_guide_that_needs_some() -> None:
    counts = {
        page.name: sum(len(derain_calls(line)) for line in shell_lines(page.read_text())) for page in GUIDES
    }
    assert counts["README.md"] >= 10
    assert sum(counts.values()) >= 70


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 150


def test_the_first_command_restores_the_example(derain, workplace: Path) -> None:
    (first, *_) = shell_lines(README.read_text())
    (call,) = derain_calls(first)
    assert "examples/" in first
    assert derain(*call).code == 0
    before, after = (
        np.asarray(PIL.Image.open(p)) for p in (workplace / "examples/rainy_coffee.jpg", "clean.jpg")
    )
    assert before.shape == after.shape
    assert np.abs(before.astype(int) - after).mean() > 1


def test_the_photo_and_folder_commands_work(derain, workplace: Path) -> None:
    text = README.read_text()
    lines = shell_lines(text, section="Restore a photo") + shell_lines(text, section="Restore a folder")
    assert len(lines) >= 7
    for line in lines:
        words, _, source = line.partition(" > ")[0].partition(" < ")
        given = (workplace / source).read_bytes() if source else b""
        arguments = [word if word != "cuda" else "cpu" for word in shlex.split(words)[1:]]
        assert derain(*arguments, stdin=given).code == 0, line


def written(call: list[str]) -> str | None:
    """The file that a call writes, None for commands that resume or standard output."""
    if call[0] not in ("image", "video", "compare") or "--overwrite" in call or "-" in call:
        return None
    return call[call.index("-o") + 1] if "-o" in call else f"beside {call[1]}"


@pytest.mark.parametrize("page", names(GUIDES))
def test_no_block_writes_a_file_twice(page: str) -> None:
    """A block can be run line after line, because derain does not overwrite."""
    for block in blocks((ROOT / page).read_text(), "sh"):
        calls = [call for line in shell_lines(f"```sh\n{block}```\n") for call in derain_calls(line)]
        files = [file for call in calls if (file := written(call))]
        assert len(files) == len(set(files)), block


def test_the_recipes_for_photos_work_line_after_line(
    derain, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DERAIN_TILE", "off")  # measuring the memory takes longer than these pictures
    pytest.importorskip("av")
    from clips import STEADY, write_clip

    write_clip(Path("in.mp4"), times=STEADY[:1])
    (workplace / "masks").mkdir()
    for name in ("street.jpg", "sky.png", "masks/a.png"):
        shutil.copy("faces.png" if name.endswith("png") else "photo.jpg", name)
    text = (ROOT / "docs/cookbook.md").read_text()
    for section in ("Photos", "Decide how much is changed, and where", "Better results in twice the time"):
        lines = shell_lines(text, section=section)
        assert lines
        for line in lines:
            words, _, source = line.partition(" > ")[0].partition(" < ")
            given = Path(source).read_bytes() if source else b""
            done = derain(*shlex.split(words)[1:], stdin=given)
            assert done.code == 0, f"{line}\n{done.err}"


def test_the_python_examples_run() -> None:
    for page in (README, ROOT / "docs/get-started.md"):
        (block,) = blocks(page.read_text(), "python")
        values = {"image": PIL.Image.new("RGB", (40, 30))}
        exec(block, values)
        assert values["clean"].size == (40, 30)
    (block,) = blocks(README.read_text(), "python")
    exec(block, values)
    assert values["maps"].ram.shape == (30, 40)


def test_the_example_network_works() -> None:
    import torch

    (block, *_) = blocks((ROOT / "CONTRIBUTING.md").read_text(), "python")
    names_there: dict[str, Any] = {"__name__": __name__}
    exec(block, names_there)
    network = names_there["Tiny"](names_there["TinyConfig"]())
    assert network(torch.zeros(1, 3, 8, 9)).image.shape == (1, 3, 8, 9)


def test_the_first_training_run_works(derain, workplace: Path) -> None:
    """Every command of the section runs in order. Only the number of steps and the crops are smaller."""
    shorter = ["optimiser.steps=2", "validate_every=2", "data.batch=1", "data.crop=32"]
    script, *lines = shell_lines((ROOT / "docs/training.md").read_text(), section="A first run")
    runpy.run_path(script.removeprefix("python "), run_name="__main__")
    calls = [call for line in lines for call in derain_calls(line)]
    assert [call[0] for call in calls] == ["synth", "train", "eval", "image"]
    for call in calls:
        settings = [word for setting in shorter for word in ("--set", setting)] if call[0] == "train" else []
        done = derain(*call, *settings)
        assert done.code == 0, done.err
    assert (workplace / calls[-1][calls[-1].index("-o") + 1]).exists()


def test_the_training_config_is_valid(tmp_path: Path) -> None:
    (block,) = blocks((ROOT / "docs/training.md").read_text(), "toml")
    assert tomllib.loads(block)
    file = tmp_path / "config.toml"
    file.write_text(block)
    config = load_config(file)
    assert config.network == "balnet-lite"


@pytest.mark.parametrize("page", names(PAGES))
def test_every_link_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [target for target in targets if target and not target.startswith(("http", "mailto"))]
    assert [target for target in local if not ((ROOT / page).parent / target).exists()] == []


EXTERNAL = {
    "https://creativecommons.org/licenses/by/4.0/",
    "https://download.pytorch.org/whl/cpu",
    "https://github.com/AlexHex7/NLEDN",
    "https://github.com/csdwren/PReNet",
    "https://github.com/csdwren/RecDerain",
    "https://github.com/hongwang01/RCDNet",
    "https://github.com/photosynthesis-team/piq",
    "https://github.com/rui1996/DeRaindrop",
    "https://github.com/swz30/MPRNet",
    "https://github.com/swz30/Restormer",
    "https://huggingface.co/docs/hub/spaces-sdks-static",
    "https://pypi.org/simple",
}
"""All addresses outside of the project in its pages. Tests do not visit them. Open a new one, then add it."""


def test_external_links_are_listed() -> None:
    addresses = {
        address.rstrip(".,;:")
        for page in PAGES
        for address in re.findall(r"https?://[^\s)>\"'`]+", page.read_text(encoding="utf-8"))
    }
    assert {address for address in addresses if "://127.0.0.1" not in address} == EXTERNAL


def test_the_index_lists_every_page() -> None:
    text = (ROOT / "docs/index.md").read_text()
    assert [page.name for page in DOCS if page.name != "index.md" and f"({page.name})" not in text] == []
    assert [page.name for page in DOCS if f"docs/{page.name}" not in README.read_text()] == []


@pytest.mark.parametrize("page", names(PAGES))
def test_every_file_that_is_named_exists(page: str) -> None:
    """Paths of the repository, and modules such as `inference/working_size.py`."""
    text = (ROOT / page).read_text()
    roots, suffixes = "deraincli|tests|examples|weights|docs", "py|md|toml|jpg|png|m"
    named = set(re.findall(rf"(?<![\w/.-])(?:\.\./)?((?:{roots})/[\w./-]*\w\.(?:{suffixes}))\b", text))
    named = {path for path in named if "NAME" not in path}
    assert sorted(path for path in named if not (ROOT / path).exists()) == []
    modules = {path for path in re.findall(r"`((?:\w+/)+\w+\.py)`", text) if "NAME" not in path} - named
    assert (
        sorted(p for p in modules if not (ROOT / p).exists() and not (ROOT / "deraincli" / p).exists()) == []
    )


def test_the_tree_in_design_is_the_tree_on_disk() -> None:
    drawn = set()
    for block in blocks((ROOT / "DESIGN.md").read_text(), "text"):
        drawn |= set(re.findall(r"^((?:\w+/)*\w+\.py)", block, re.MULTILINE))
    package = ROOT / "deraincli"
    real = {str(path.relative_to(package)) for path in package.rglob("*.py")}
    real = {path for path in real if Path(path).name not in ("__init__.py", "__main__.py")}
    assert {"named, not there": drawn - real, "there, not named": real - drawn} == {
        "named, not there": set(),
        "there, not named": set(),
    }
