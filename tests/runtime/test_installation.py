"""Hints to install something fit how the package was installed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from deraincli.runtime.installation import _requirement, extras_packages, install_command, repair_command

FOLDER = Path(__file__).parents[2]


def test_from_a_checkout_the_hints_name_its_folder() -> None:
    """These tests run from one."""
    assert shlex.split(install_command("video")) == ["pip", "install", "-e", f"{FOLDER}[video]"]
    assert shlex.split(install_command()) == ["pip", "install", "-e", str(FOLDER)]
    assert str(FOLDER) in shlex.split(repair_command()) or "--force-reinstall" in repair_command()


@pytest.mark.parametrize(
    ("origin", "requirement"),
    [
        ({}, "deraincli[video]"),
        ({"url": "file:///home/me/rain%20code", "dir_info": {}}, "/home/me/rain code[video]"),
        ({"url": "file:///home/me/x", "dir_info": {"editable": True}}, "/home/me/x[video]"),
        (
            {"url": "https://example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "1"}},
            "deraincli[video] @ git+https://example.org/x.git",
        ),
        (
            {"url": "file:///w/deraincli-0.1.0-py3-none-any.whl", "archive_info": {}},
            "deraincli[video] @ file:///w/deraincli-0.1.0-py3-none-any.whl",
        ),
    ],
)
def test_an_installed_copy_is_installed_again_from_where_it_came(
    origin: dict[str, object], requirement: str
) -> None:
    """The records are as PEP 610 has them."""
    assert _requirement(origin, "[video]") == requirement


def test_extras_are_those_the_package_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = ['onnxruntime>=1.20; extra == "export"', "av<19,>=18; extra == 'video'", "numpy>=1.26"]
    monkeypatch.setattr("importlib.metadata.requires", lambda name: declared)
    assert extras_packages() == {"export": ["onnxruntime>=1.20"], "video": ["av<19,>=18"]}


@pytest.mark.parametrize(
    ("file", "command"),
    [("pipx_metadata.json", "pipx install --force"), ("uv-receipt.toml", "uv tool install --reinstall")],
)
def test_hints_name_the_program_that_installed_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str, command: str
) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    (tmp_path / file).touch()
    assert install_command("video").startswith(f"{command} ")


def test_the_hint_of_a_small_installation_brings_no_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deraincli.runtime.installation.is_installed", lambda module: module != "torch")
    monkeypatch.setattr("importlib.metadata.requires", lambda name: ["av<19,>=18; extra == 'video'"])
    assert shlex.split(install_command("video"))[-1] == "av<19,>=18"
