"""Finds a model by its name, path or address on the Hub."""

from __future__ import annotations

import difflib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deraincli.errors import ModelError, UsageError
from deraincli.files.locations import weights_folder
from deraincli.installation import repair_command
from deraincli.model_zoo.catalogue import AUTO_MODEL, DEFAULTS, SHIPPED, ShippedModel
from deraincli.models.header import WEIGHTS_FILE, sha256

if TYPE_CHECKING:
    from deraincli.models.classical.registry import ClassicalMethod

BEST_FILE = "best.safetensors"
"""Where a training run keeps its best weights."""


def find_model(model: str | None, task: str = "auto") -> tuple[str, Path]:
    """The name and file of a model given by name, path or address on the Hub, or of a task's default.

    A folder is one as the Hugging Face Hub lays it out, or a training run's. Raises ModelError if there
    is no such model, or a shipped one is damaged.
    """
    if model in (None, AUTO_MODEL):
        model = default_model(task)
    if model == AUTO_MODEL:
        return model, _file_of(SHIPPED[DEFAULTS["streak"]])
    if model in SHIPPED:
        return model, _file_of(SHIPPED[model])
    if model.startswith("hf:"):
        from deraincli.model_zoo import hub

        address = hub.parse_address(model)
        return address.name, hub.fetch(address)
    path = Path(model)
    try:
        if path.is_dir():
            return path.resolve().name, _weights_in(path)
        if path.suffix == ".safetensors" or path.exists():
            return path.stem, path
    except OSError as error:  # a name that is too long, a folder that is closed to the user
        raise ModelError(f"The model '{model}' cannot be read: {error.strerror or error}.") from None
    raise _unknown(model)


def _unknown(model: str) -> ModelError:
    """What to do with a name that no shipped model has."""
    from deraincli.models.classical.registry import CLASSICAL_METHODS
    from deraincli.models.registry import NETWORKS

    if model in CLASSICAL_METHODS:
        return ModelError(
            f"'{model}' is a classical method, which image, compare and bench run; "
            "to score its results: derain eval DATASET --results DIR."
        )
    if model in NETWORKS:
        return ModelError(
            f"'{model}' ships without weights: train it (derain train) and give its file, "
            "-m RUNDIR/best.safetensors."
        )
    names = (AUTO_MODEL, *SHIPPED)
    near = difflib.get_close_matches(model, names, 1)
    hint = f"did you mean {near[0]}?" if near else f"shipped: {', '.join(names)}."
    return ModelError(f"Unknown model {model!r}; {hint} A .safetensors file or hf:OWNER/NAME works, too.")


def model_files(model: str | None, task: str = "auto") -> tuple[Path, ...]:
    """Every file that what a model makes of a picture depends on. Raises ModelError as `find_model`."""
    name, path = find_model(model, task)
    if name != AUTO_MODEL or path != _file_of(SHIPPED[DEFAULTS["streak"]]):
        return (path,)
    return tuple(_file_of(SHIPPED[specialist]) for specialist in DEFAULTS.values())


def _file_of(entry: ShippedModel) -> Path:
    """The file of a shipped model, every bit as it was. Hashing 2 MB takes some milliseconds."""
    file = weights_folder() / entry.file
    if file.is_file() or entry.hub is None:
        if not file.is_file() or sha256(file) != entry.sha256:
            raise ModelError(
                f"The shipped model '{file}' is {'damaged' if file.is_file() else 'missing'}: "
                f"run `{repair_command()}`."
            )
        return file
    from deraincli.model_zoo import hub

    return hub.fetch(hub.parse_address(entry.hub), expected_sha256=entry.sha256)


def _weights_in(folder: Path) -> Path:
    for file in (WEIGHTS_FILE, BEST_FILE):
        if (folder / file).is_file():
            return folder / file
    raise ModelError(
        f"There is neither a {WEIGHTS_FILE} nor a {BEST_FILE} in {folder}: name a model's folder."
    )


def default_model(task: str) -> str:
    """The name of the model that serves a task when none, or AUTO_MODEL, is named. Raises UsageError."""
    if task not in ("auto", "streak", "drop"):
        raise UsageError(f"Unknown task {task!r}: choose auto, streak or drop.")
    return AUTO_MODEL if task == "auto" else DEFAULTS[task]


def find_classical_method(model: str | None) -> ClassicalMethod | None:
    """Returns the classical method of that name with its prior, None if there is none."""
    from deraincli.models.classical.registry import CLASSICAL_METHODS

    solver = CLASSICAL_METHODS.get(model) if model is not None else None
    if solver is None or solver.prior is None:
        return solver
    return replace(solver, restore=partial(solver.restore, prior=weights_folder() / solver.prior))
