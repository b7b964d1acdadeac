"""Finds a model by its name, path or address on the Hub."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from deraincli.errors import ModelError, UnknownModelError, UsageError, missing_model
from deraincli.files.locations import weights_folder
from deraincli.model_zoo.catalogue import AUTO_MODEL, SHIPPED, ShippedModel
from deraincli.models.header import WEIGHTS_FILE, sha256
from deraincli.runtime.installation import repair_command

if TYPE_CHECKING:
    from deraincli.models.classical.registry import ClassicalMethod

BEST_FILE = "best.safetensors"
"""Where a training run keeps its best weights."""


@dataclass(frozen=True)
class ModelFile:
    """One model file."""

    name: str
    """Name of the model."""
    given: str
    """Name, path or address that `-m` takes for exactly this file."""
    path: Path
    """The file. An ONNX file need not exist."""
    entry: ShippedModel | None = None
    """Entry of the catalogue, None if the model does not ship."""
    hashed: str | None = None
    """SHA-256 of the file, if it has been computed already."""

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file, computed once.

        Raises:
            ModelError: There is no file.
        """
        if self.hashed is not None:
            return self.hashed
        if not self.path.is_file():
            raise missing_model(self.path)
        return sha256(self.path)


@dataclass(frozen=True)
class ResolvedModel:
    """A model that was found. Each command resolves a model once and passes this object on."""

    name: str
    """Name of the model."""
    files: tuple[ModelFile, ...]
    """All files on which its results depend: one, one for each member of an AutoModel, or none."""
    method: ClassicalMethod | None = None
    """The classical method with its prior, None for a network."""

    @property
    def sha256(self) -> str:
        """SHA-256 of every file, separated by spaces.

        Raises:
            ModelError: A file is missing.
        """
        return " ".join(file.sha256 for file in self.files)

    @property
    def only_file(self) -> ModelFile:
        """The model's one file.

        Raises:
            UsageError: It is the automatic model, which has two.
        """
        if len(self.files) > 1:
            names = " or ".join(file.name for file in self.files)
            raise UsageError(f"{self.name} is two models, and one file holds one: name {names}.")
        return self.files[0]


def resolve_model_or_method(model: str | None, task: str = "auto") -> ResolvedModel:
    """Finds a model, as `resolve_model` does, or a classical method by its name."""
    method = find_classical_method(model)
    if model is not None and method is not None:
        return ResolvedModel(model, (), method)
    return resolve_model(model, task)


def resolve_model(model: str | None, task: str = "auto", *, card: bool = False) -> ResolvedModel:
    """Finds a model, or the default of a task.

    Args:
        model: A shipped model, a path or an address on the Hub. A folder has the layout of the Hugging Face
            Hub or of a training run. None is the default.
        task: `auto`, `streak` or `drop`. It chooses the default, also if the automatic model is named.
        card: Whether to fetch the card of a model on the Hub, too.

    Returns:
        The model with its files. The files of shipped models are intact.

    Raises:
        ModelError: There is no such model, or a shipped one is damaged.
        UsageError: There is no such task.
    """
    if task not in ("auto", *AUTO_MODEL.members):
        raise UsageError(f"Unknown task {task!r}: choose auto, streak or drop.")
    if model in (None, AUTO_MODEL.name):
        if task == "auto":
            return automatic_model(resolve_model(name) for name in AUTO_MODEL.members.values())
        model = AUTO_MODEL.members[task]
    file = _shipped(model) if model in SHIPPED else _elsewhere(model, card)
    return ResolvedModel(file.name, (file,))


def automatic_model(members: Iterable[ResolvedModel]) -> ResolvedModel:
    """Returns the automatic model of the shipped models between which it chooses."""
    return ResolvedModel(AUTO_MODEL.name, tuple(file for member in members for file in member.files))


def _elsewhere(model: str, card: bool) -> ModelFile:
    """Finds a model that does not ship."""
    if model.startswith("hf:"):
        from deraincli.model_zoo import hub

        address = hub.parse_address(model)
        path, digest = hub.fetch(address, card=card)
        return ModelFile(address.name, model, path, hashed=digest)
    if not model:  # Path would take it for this folder
        raise _unknown(model)
    path = Path(model)
    try:
        if path.is_dir():
            return ModelFile(path.resolve().name, model, _weights_in(path))
        if path.suffix in (".onnx", ".openvino") or path.exists():
            return ModelFile(path.stem, model, path)
    except OSError as error:  # a name that is too long, a folder that is closed to the user
        raise ModelError(f"The model '{model}' cannot be read: {error.strerror or error}.") from None
    if path.suffix == ".safetensors":
        raise missing_model(model)
    if "/" in model or os.sep in model:
        raise ModelError(
            f"There is no file or folder '{model}': check its name, or write hf:OWNER/NAME for a model "
            "of the Hub."
        )
    raise _unknown(model)


def _unknown(model: str) -> UnknownModelError:
    """Returns the error for a name that no shipped model has."""
    from deraincli.models.classical.registry import CLASSICAL_METHODS
    from deraincli.models.names import NETWORKS

    if model in CLASSICAL_METHODS:
        return UnknownModelError(
            f"'{model}' is a classical method, which image, compare and bench run; "
            "to score its results: derain eval DATASET --results DIR."
        )
    if model in NETWORKS:
        return UnknownModelError(
            f"'{model}' ships without weights: train it (derain train) or import a checkpoint "
            "(derain weights import), and give the file: -m FILE.safetensors."
        )
    names = (AUTO_MODEL.name, *SHIPPED)
    near = difflib.get_close_matches(model, names, 1)
    hint = f"did you mean {near[0]}?" if near else f"shipped: {', '.join(names)}."
    return UnknownModelError(
        f"Unknown model {model!r}; {hint} A .safetensors file or hf:OWNER/NAME works, too."
    )


def _shipped(name: str) -> ModelFile:
    """Finds a shipped model's file and checks that it is intact. Hashing 2 MB takes some milliseconds."""
    entry = SHIPPED[name]
    file = ModelFile(name, name, weights_folder() / entry.file, entry)
    if entry.hub is not None and not file.path.is_file():
        from deraincli.model_zoo import hub

        path, digest = hub.fetch(hub.parse_address(entry.hub), expected_sha256=entry.sha256)
        return replace(file, path=path, hashed=digest)
    if not file.path.is_file() or file.sha256 != entry.sha256:
        state = "damaged" if file.path.is_file() else "missing"
        raise ModelError(f"The shipped model '{file.path}' is {state}: run `{repair_command()}`.")
    return file


def _weights_in(folder: Path) -> Path:
    for file in (WEIGHTS_FILE, BEST_FILE):
        if (folder / file).is_file():
            return folder / file
    raise ModelError(
        f"There is neither a {WEIGHTS_FILE} nor a {BEST_FILE} in {folder}: name a model's folder."
    )


def find_classical_method(model: str | None) -> ClassicalMethod | None:
    """Finds a classical method by name.

    Args:
        model: A name, or None.

    Returns:
        The method with its prior, None if no method has this name.
    """
    from deraincli.models.classical.registry import CLASSICAL_METHODS

    method = CLASSICAL_METHODS.get(model) if model is not None else None
    if method is None or method.prior is None:
        return method
    return replace(method, restore=partial(method.restore, prior=weights_folder() / method.prior))
