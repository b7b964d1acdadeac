"""The models of a server, each kept once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from deraincli.errors import UsageError
from deraincli.inference.backends.base import Backend
from deraincli.model_zoo.catalogue import AUTO_MODEL, SHIPPED
from deraincli.model_zoo.resolve import resolve_model
from deraincli.restoration.derainer import Derainer
from deraincli.restoration.load import LoadOptions, open_model


@dataclass(frozen=True)
class OfferedModel:
    """A model that clients may ask for."""

    name: str
    """Name that the option `model` takes."""
    tasks: tuple[str, ...]
    """The kinds of rain that it removes. Empty if that is unknown."""
    default: bool
    """Whether it restores pictures of requests that name no model."""


class LoadedModels:
    """Opens models by name. Used by one thread at a time."""

    def __init__(self, options: LoadOptions) -> None:
        """Loads the default model.

        Args:
            options: The default model, and how all models run.

        Raises:
            ModelError: There is no such model, or its file is damaged.
            DeviceError: The device or the precision is not available.
            UsageError: The options contradict each other.
        """
        self._options = options
        self._derainers: dict[tuple[str | None, str], Derainer] = {}
        self._opened: dict[tuple[Path, str], Backend] = {}
        self.default = self.open(None, None)
        """The model for requests that name neither a model nor a task."""

    def offered(self) -> list[OfferedModel]:
        """Returns the models that clients may ask for, the default first."""
        tasks = {AUTO_MODEL.name: tuple(AUTO_MODEL.members)} | {n: m.tasks for n, m in SHIPPED.items()}
        default = self.default.name
        names = dict.fromkeys((default, AUTO_MODEL.name, *SHIPPED))
        return [OfferedModel(name, tasks.get(name, ()), name == default) for name in names]

    def open(self, model: str | None, task: str | None) -> Derainer:
        """Returns a model. Loads it at the first call.

        Args:
            model: A name that is offered. None stands for the default.
            task: The rain to remove: auto, streak or drop. None stands for the default.

        Raises:
            UsageError: The model is not offered.
            ModelError: The model's file is damaged.
        """
        if model is not None and model not in (names := [offered.name for offered in self.offered()]):
            raise UsageError(f"The server has no model {model!r}: choose {', '.join(names)}.")
        if model is None or model == self.default.name:
            model = self._options.model
        chosen = replace(self._options, model=model, task=task or self._options.task)
        key = (chosen.model, chosen.task)
        if key not in self._derainers:
            found = resolve_model(chosen.model, chosen.task)
            self._derainers[key] = open_model(chosen, found, self._opened)
        return self._derainers[key]
