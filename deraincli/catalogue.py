"""The models by name: those that ship with the package, and files given by path."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from deraincli.errors import ModelError, UsageError


@dataclass(frozen=True)
class ShippedModel:
    """A model that comes with the package; its card stands in weights/README.md."""

    file: str
    """Below the folder `weights`."""
    sha256: str
    tasks: tuple[str, ...]
    """What `--task` it serves."""
    licence: str


SHIPPED: dict[str, ShippedModel] = {
    "balnet-lite": ShippedModel(
        file="balnet-lite.safetensors",
        sha256="7909083d6d6e653be8fe22b9f1c5ff19410632c319e69156277e65c890f94ff9",
        tasks=("streak",),
        licence="research and evaluation, see weights/README.md",
    ),
}

DEFAULTS: dict[str, str] = {"auto": "balnet-lite", "streak": "balnet-lite"}
"""The model that serves a task when none is named."""


def weights_folder() -> Path:
    """The folder `weights`: inside an installed package, or at the top of a source checkout."""
    package = Path(__file__).parent
    installed = package / "weights"
    return installed if installed.is_dir() else package.parent / "weights"


def find_model(model: str | None, task: str = "auto") -> tuple[str, Path]:
    """The name and file of a model given by name or path, or of the default for a task.

    Raises ModelError if there is no such model or none for the task.
    """
    if model is None:
        model = _default(task)
    if model in SHIPPED:
        return model, weights_folder() / SHIPPED[model].file
    path = Path(model)
    if path.suffix == ".safetensors" or path.exists():
        path = path / "model.safetensors" if path.is_dir() else path
        return path.stem, path
    near = difflib.get_close_matches(model, SHIPPED, 1)
    hint = f"did you mean {near[0]}?" if near else f"shipped: {', '.join(SHIPPED)}."
    raise ModelError(f"Unknown model {model!r}; {hint} A path to a .safetensors file works, too.")


def _default(task: str) -> str:
    if task not in ("auto", "streak", "drop"):
        raise UsageError(f"Unknown task {task!r}: choose auto, streak or drop.")
    if task not in DEFAULTS:
        raise ModelError(
            f"No weights for --task {task} ship with this version; train some with `derain train`."
        )
    return DEFAULTS[task]
