"""How the package was installed, so that every hint names a command that works here."""

from __future__ import annotations

import json
import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

PACKAGE = "deraincli"


class Installer(NamedTuple):
    """A program that installs packages."""

    install: str
    """Command to which a requirement is added."""
    repair: str
    """Command that installs a package anew even if its version is installed already."""


PIP = Installer("pip install", "pip install --force-reinstall --no-deps")
UV = Installer("uv pip install", "uv pip install --force-reinstall --no-deps")
TOOLS = {
    "pipx_metadata.json": Installer("pipx install --force", "pipx install --force"),
    "uv-receipt.toml": Installer("uv tool install --reinstall", "uv tool install --reinstall"),
}
"""Files that pipx and `uv tool` leave in an environment of one program, and their commands."""

LEFT_OUT = {
    "torch": "PyTorch",
    "torchvision": "torchvision",
    "scipy": "SciPy",
    "skimage": "scikit-image",
    "huggingface_hub": "huggingface_hub",
    "yaml": "PyYAML",
}
"""Modules that an installation by requirements/small.txt leaves out, and the names of their packages."""


def is_installed(module: str) -> bool:
    """Returns whether there is a module of this name. It is not imported."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # modules that a program hides
        return False


def missing_sentence(module: str) -> str:
    """Returns a sentence for the user about a module that is not installed.

    Args:
        module: A key of LEFT_OUT.
    """
    return f"This needs {LEFT_OUT[module]}, which is not installed: run `{install_command()}`."


def install_command(extra: str = "") -> str:
    """Returns the shell command that installs the package as it was installed, with an optional extra.

    A small installation gets the packages of the extra alone, because the package itself would bring PyTorch.
    """
    if extra and not is_installed("torch"):
        requirements = extras_packages().get(extra, [])
        if requirements:
            return f"{_installer().install} {shlex.join(requirements)}"
    extras = f"[{extra}]" if extra else ""
    checkout = _checkout()
    if checkout is not None:
        return f"{_installer().install} -e {shlex.quote(f'{checkout}{extras}')}"
    return f"{_installer().install} {shlex.quote(_requirement(_origin(), extras))}"


def extras_packages() -> dict[str, list[str]]:
    """Returns the requirements of each extra, as the installed package declares them."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        declared = requires(PACKAGE) or []
    except PackageNotFoundError:  # run from a source tree
        return {}
    extras: dict[str, list[str]] = {}
    for requirement in declared:
        found = re.fullmatch(r"([^;]+?) *; *extra == ['\"]([\w-]+)['\"]", requirement)
        if found:
            extras.setdefault(found[2], []).append(found[1])
    return extras


def repair_command() -> str:
    """Returns the shell command that brings back damaged files of the package."""
    checkout = _checkout()
    if checkout is not None and (checkout / ".git").exists():
        return f"git -C {shlex.quote(str(checkout))} restore weights"
    return f"{_installer().repair} {shlex.quote(_requirement(_origin(), ''))}"


def _checkout() -> Path | None:
    """Returns the folder of the source code that runs, None for an installed copy."""
    folder = Path(__file__).parents[2]
    return folder if (folder / "pyproject.toml").is_file() else None


def _installer() -> Installer:
    """Returns the program that installed the package."""
    for file, tool in TOOLS.items():
        if (Path(sys.prefix) / file).is_file():
            return tool
    return UV if _record("INSTALLER").strip() == "uv" else PIP


def _record(name: str) -> str:
    """Returns what the installer noted in a file beside the package's metadata, or nothing."""
    from importlib.metadata import PackageNotFoundError, distribution  # here, because it is slow to import

    try:
        return distribution(PACKAGE).read_text(name) or ""
    except (PackageNotFoundError, OSError):
        return ""


def _origin() -> dict[str, object]:
    """Returns what pip and its like note about an installation that is not from an index (PEP 610)."""
    try:
        return dict(json.loads(_record("direct_url.json") or "{}"))
    except ValueError:
        return {}


def _requirement(origin: dict[str, object], extras: str) -> str:
    """Returns what to give pip.

    Args:
        origin: The content of `direct_url.json`. Empty for an installation from an index.
        extras: Extras in square brackets, or nothing.
    """
    url, vcs = str(origin.get("url", "")), origin.get("vcs_info")
    if not url:
        return f"{PACKAGE}{extras}"
    if "dir_info" in origin:
        return f"{unquote(urlsplit(url).path)}{extras}"
    kind = f"{vcs['vcs']}+" if isinstance(vcs, dict) else ""
    return f"{PACKAGE}{extras} @ {kind}{url}"
