"""The files that a code host, a package index and citation tools read."""

from __future__ import annotations

import html
import re
import tomllib
from pathlib import Path

import command_reference
import pytest
import typer.main
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from deraincli import __version__
from deraincli.cli.app import app

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ISSUE_FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[0-9]*.yml"))


def test_the_citation_names_the_version_of_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    (entry,) = re.findall(r"@software\{.*?\n\}", (ROOT / "docs/index.md").read_text(), re.DOTALL)
    cited = dict(re.findall(r"(\w+) += \{+(.*?)\}+,", entry))
    assert citation["version"] == cited["version"] == __version__
    assert (citation["title"], citation["authors"]) == (cited["title"], [{"name": cited["author"]}])
    assert citation.keys() >= {"cff-version", "message", "title", "authors"}  # what the format demands


def test_the_newest_entry_of_the_changelog_is_the_version_of_the_package() -> None:
    (newest, *_) = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest == __version__


def test_the_newest_entry_of_the_changelog_has_a_date() -> None:
    headings = re.findall(r"^## .*", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    (date,) = re.fullmatch(r"## \d+\.\d+\.\d+ \((\d{4}-\d{2}-\d{2})\)", headings[0]).groups()
    assert str(yaml.safe_load((ROOT / "CITATION.cff").read_text())["date-released"]) == date


def test_the_lock_file_pins_what_the_package_requires() -> None:
    """If this fails, run `uv lock --default-index https://pypi.org/simple`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    (ours,) = [package for package in lock["package"] if package["name"] == project["name"]]
    wanted = {(text.name, str(text.specifier), "") for text in map(Requirement, project["dependencies"])}
    for extra, texts in project["optional-dependencies"].items():
        waiting = list(map(Requirement, texts))
        while waiting:
            text = waiting.pop()
            if text.name == project["name"]:  # an extra that consists of other extras
                waiting += [Requirement(t) for e in text.extras for t in project["optional-dependencies"][e]]
            else:
                wanted.add((text.name, str(text.specifier), extra))
    locked = set()
    for entry in ours["metadata"]["requires-dist"]:
        extra = re.search(r"extra == '(\w+)'", entry.get("marker", ""))
        bounds = str(SpecifierSet(entry.get("specifier", "")))
        locked.add((entry["name"], bounds, extra[1] if extra else ""))
    assert locked == wanted


def test_the_lock_file_pins_the_tools_for_the_package_and_the_site() -> None:
    """If this fails, run `uv lock --default-index https://pypi.org/simple`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    (ours,) = [package for package in lock["package"] if package["name"] == project["project"]["name"]]
    for group, texts in project["dependency-groups"].items():
        wanted = {(text.name, str(text.specifier)) for text in map(Requirement, texts)}
        entries = ours["metadata"]["requires-dev"][group]
        assert {(entry["name"], str(SpecifierSet(entry["specifier"]))) for entry in entries} == wanted


def test_the_lock_file_names_the_public_index_alone() -> None:
    hosts = set(re.findall(r"\w+://[^/\"]*", (ROOT / "uv.lock").read_text()))
    assert hosts == {"https://pypi.org", "https://files.pythonhosted.org"}


def test_the_man_page_has_every_command_and_option() -> None:
    """If this fails, run `python tools/man_page.py`."""
    page = (ROOT / "docs/derain.1").read_text(encoding="utf-8").replace("\\-", "-")
    assert f'.TH "derain" "1" "" "{__version__}"' in page
    root = typer.main.get_command(app)
    for name, command in command_reference.commands_below(root, "derain"):
        assert f".SH {name}\n" in page
        for parameter in command.get_params(typer.Context(command, info_name=name)):
            if parameter.get_help_record(typer.Context(command, info_name=name)):
                options = [option for option in parameter.opts if option.startswith("-")]
                assert all(option in page for option in options), f"{name} {parameter.name}"


def test_the_command_reference_is_what_the_command_line_says() -> None:
    """If this fails, run `python tools/command_reference.py`."""
    assert command_reference.PAGE.read_text(encoding="utf-8") == command_reference.reference()


def test_both_pages_show_the_texts_of_help(derain, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this fails, run `python tools/command_reference.py` and `python tools/man_page.py`."""
    monkeypatch.setenv("COLUMNS", "1000")
    reference = html.unescape(command_reference.PAGE.read_text(encoding="utf-8"))
    manual = (ROOT / "docs/derain.1").read_text(encoding="utf-8")
    for written, meant in (("\\-", "-"), ("\\(aq", "'"), ("\\(ga", "`"), ("\\(ti", "~"), ("\\e", "\\")):
        manual = manual.replace(written, meant)
    for name, command in command_reference.commands_below(typer.main.get_command(app), "derain"):
        shown = " ".join(derain(*name.split()[1:], "--help").out.decode().replace("│", "").split())
        context = typer.Context(command, info_name=name)
        for parameter in command.get_params(context):
            if command_reference.help_of(parameter, context):
                text = command_reference.as_shown(parameter.help)
                assert text in shown
                assert text in reference, f"{name}: {text}"
                assert text in manual, f"{name}: {text}"
    for page in (reference, manual.partition(".TH")[2]):
        assert not re.search(r"\\\[|\[/?(bold|dim)\]", page)


@pytest.mark.parametrize("file", ISSUE_FORMS, ids=lambda file: file.name)
def test_an_issue_form_has_what_the_host_demands(file: Path) -> None:
    form = yaml.safe_load(file.read_text())
    assert form["name"]
    assert form["description"]
    fields = [part for part in form["body"] if part["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields) > 0
    assert all(field["attributes"]["label"] for field in fields)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_pins_its_actions_and_may_only_read(file: Path) -> None:
    text = file.read_text()
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}  # jobs that need more ask for it
    uses = re.findall(r"uses: (.*)", text)
    assert uses
    assert [use for use in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", use)] == []


def test_workflows_agree_on_the_version_of_an_action() -> None:
    pins = {use for file in WORKFLOWS for use in re.findall(r"uses: (.*)", file.read_text())}
    assert len({pin.split("@")[0] for pin in pins}) == len(pins)
