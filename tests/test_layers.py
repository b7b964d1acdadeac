"""Who may import whom, what start-up may cost, and how large files and functions may grow."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
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

ONLY_IN = {
    "torch": (
        *("models", "inference/backends", "training", "export", "benchmark"),
        *("evaluation/quality.py", "attention_maps/scores.py", "diagnostics/doctor.py"),
    ),
    "av": ("video",),
    "ray": ("batch/ray_engine.py",),
    "huggingface_hub": ("model_zoo", "diagnostics/doctor.py"),
    "matplotlib": ("attention_maps/figure.py",),
    "fastapi": ("serve",),
    "uvicorn": ("serve",),
    "onnxruntime": ("inference/backends/onnx_backend.py", "export/int8.py"),
    "openvino": ("inference/backends", "export/int8_nncf.py"),
}
"""Library → the parts of the package that may import it."""


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


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def imported_modules(path: Path, modules: set[str]) -> set[str]:
    """Returns the modules of the package that a file imports, also within functions and for types alone."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module in modules:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inside & modules
            if not inside <= modules:
                found.add(node.module)
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & modules
    return found


def offends(name: str, banned: tuple[str, ...]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in banned)


def test_no_imports_run_in_a_circle() -> None:
    """The contract of import-linter keeps folders apart. Files of one folder may import each other."""
    files = {name_of(path): path for path in PACKAGE.rglob("*.py")}
    graph = {name: imported_modules(path, set(files)) - {name} for name, path in files.items()}
    assert sum(map(len, graph.values())) > len(files)
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_few_files_lie_at_the_top() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 8


def test_functions_are_short() -> None:
    """Signatures of commands do not count, because Typer needs one entry for each option."""
    lengths = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                is_command = path.is_relative_to(PACKAGE / "cli" / "commands")
                first = node.body[0].lineno if is_command else node.lineno
                lengths[f"{path}: {node.name}"] = (node.end_lineno or 0) - first + 1
    assert {name: lines for name, lines in lengths.items() if lines > 60} == {}


@pytest.mark.parametrize("part", MAY_NOT_IMPORT)
def test_layers_import_downward_only(part: str) -> None:
    files = files_of(part)
    assert files
    for path in files:
        wrong = [name for name in imported(path) if offends(name, MAY_NOT_IMPORT[part])]
        assert wrong == [], path


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_stays_where_it_belongs(library: str) -> None:
    users = {
        path for path in PACKAGE.rglob("*.py") if any(offends(name, (library,)) for name in imported(path))
    }
    places = [set(files_of(part)) for part in ONLY_IN[library]]
    assert users - set().union(*places) == set()
    assert all(users & place for place in places)  # the table names no place in vain


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


@pytest.mark.parametrize(
    "arguments", [["bench", "--models", "foo"], ["weights", "info", "balnet-lit"], ["train", "none.toml"]]
)
def test_a_wrong_name_is_refused_before_torch_is_loaded(arguments: list[str]) -> None:
    code = (
        "import sys; from deraincli.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert stop.code in (1, 2), stop.code\n"
        "assert 'torch' not in sys.modules"
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
