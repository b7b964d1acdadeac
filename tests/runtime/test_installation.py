"""Hints to install something fit how the package was installed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from deraincli.runtime.installation import _requirement, install_command, repair_command

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
