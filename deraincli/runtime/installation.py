"""How the package was installed, so that every hint names a command that works here."""

from __future__ import annotations

import json
import shlex
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

PACKAGE = "deraincli"


def install_command(extra: str = "") -> str:
    """Returns the shell command that installs the package as it was installed, with an optional extra."""
    extras = f"[{extra}]" if extra else ""
    checkout = _checkout()
    if checkout is not None:
        return f"pip install -e {shlex.quote(f'{checkout}{extras}')}"
    return f"pip install {shlex.quote(_requirement(_origin(), extras))}"


def repair_command() -> str:
    """Returns the shell command that brings back damaged files of the package."""
    checkout = _checkout()
    if checkout is not None and (checkout / ".git").exists():
        return f"git -C {shlex.quote(str(checkout))} restore weights"
    return f"pip install --force-reinstall --no-deps {shlex.quote(_requirement(_origin(), ''))}"


def _checkout() -> Path | None:
    """Returns the folder of the source code that runs, None for an installed copy."""
    folder = Path(__file__).parents[2]
    return folder if (folder / "pyproject.toml").is_file() else None


def _origin() -> dict[str, object]:
    """Returns what pip and its like note about an installation that is not from an index (PEP 610)."""
    try:
        return dict(json.loads(distribution(PACKAGE).read_text("direct_url.json") or "{}"))
    except (PackageNotFoundError, OSError, ValueError):
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
