"""Who may import whom, and what start-up may cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "deraincli"

MAY_NOT_IMPORT = {
    "errors.py": ("deraincli", "torch", "numpy", "typer"),
    "geometry.py": ("torch", "numpy", "cv2"),
    "imaging": ("torch", "deraincli.models", "deraincli.inference", "deraincli.datasets"),
    "models": ("deraincli.imaging", "deraincli.inference", "deraincli.datasets", "deraincli.training"),
    "inference/tiling.py": ("torch", "cv2", "deraincli.imaging"),
    "inference/blend.py": ("torch", "cv2", "deraincli.imaging"),
    "inference/tiled.py": ("torch", "cv2", "deraincli.imaging"),
    "inference/working_size.py": ("torch", "deraincli.imaging"),
    "inference/joint_upsampling.py": ("torch", "deraincli.imaging"),
    "inference/passes.py": ("torch", "deraincli.imaging"),
    "rain": ("torch", "deraincli.models", "deraincli.training"),
    "evaluation/metrics.py": ("torch", "deraincli.models", "deraincli.inference"),
}
"""Part of the package → modules it must never import (DESIGN.md draws the layers)."""


def imported(path: Path, *, at_top: bool = False) -> set[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if at_top else list(ast.walk(tree))
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def files_of(part: str) -> list[Path]:
    path = PACKAGE / part
    return [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))


def offends(name: str, banned: tuple[str, ...]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in banned)


@pytest.mark.parametrize("part", MAY_NOT_IMPORT)
def test_layers_import_downward_only(part: str) -> None:
    files = files_of(part)
    assert files
    for path in files:
        wrong = [name for name in imported(path) if offends(name, MAY_NOT_IMPORT[part])]
        assert wrong == [], path


def test_only_the_command_line_knows_typer_and_nothing_imports_it() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path.is_relative_to(PACKAGE / "cli"):
            continue
        banned = ("typer", "click") if path.name == "__main__.py" else ("typer", "click", "deraincli.cli")
        assert [name for name in imported(path) if offends(name, banned)] == [], path


def test_the_command_line_imports_nothing_heavy_at_the_top() -> None:
    for path in (PACKAGE / "cli").rglob("*.py"):
        heavy = ("torch", "cv2", "numpy", "skimage", "deraincli.restoration.derainer", "deraincli.training")
        assert [name for name in imported(path, at_top=True) if offends(name, heavy)] == [], path


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["image", "--help"], ["train", "--help"]])
def test_help_loads_neither_torch_nor_opencv(arguments: list[str]) -> None:
    code = (
        "import sys; from deraincli.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        "heavy = {'torch', 'cv2', 'numpy', 'skimage'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)


def test_a_restoration_loads_neither_the_compiler_nor_sympy() -> None:
    """Both take longer to import than a small photo takes to restore."""
    code = (
        "import deraincli, numpy, sys\n"
        "deraincli.load('balnet-lite-streak')(numpy.zeros((16, 16, 3), numpy.uint8))\n"
        "heavy = {'torch._dynamo', 'sympy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_itself_is_light() -> None:
    code = "import deraincli, sys; assert not {'torch', 'cv2', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
