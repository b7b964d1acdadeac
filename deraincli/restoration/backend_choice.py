"""Chooses what runs a network if the user leaves it to the program."""

from __future__ import annotations

from pathlib import Path

from deraincli.errors import ModelError, UsageError
from deraincli.inference.backends.registry import EXPORT_BACKENDS
from deraincli.model_zoo.exports import ENGINES
from deraincli.runtime.installation import install_command, is_installed


def choose_backend(request: str, model: str | None) -> str:
    """Returns the backend that runs a network.

    Args:
        request: `auto`, or a backend, which is then checked only.
        model: The model as `-m` takes it.

    Returns:
        `request`, or for `auto`: PyTorch (`eager`) if it is installed and the model is no export, and
        otherwise the first of EXPORT_BACKENDS that is installed and runs such a file.

    Raises:
        UsageError: The model is an export, which PyTorch does not run.
        ModelError: PyTorch is asked for and not installed, or nothing that runs the model is installed.
    """
    if request in EXPORT_BACKENDS:
        return request
    suffix = Path(model or "").suffix
    engines = [name for name in EXPORT_BACKENDS if suffix in ENGINES[name][1]]
    if engines and request != "auto":
        raise UsageError(f"'{model}' is an export: set backend to auto or {' or '.join(engines)}.")
    if not engines and is_installed("torch"):
        return "eager" if request == "auto" else request
    if request != "auto":
        raise ModelError(
            f"The backend '{request}' needs PyTorch, which is not installed: run `{install_command()}`, "
            "or set backend to 'auto'."
        )
    engines = engines or list(EXPORT_BACKENDS)
    for name in engines:
        if is_installed(name):  # the module has the same name
            return name
    raise ModelError(
        f"Nothing that runs {model or 'a model'} is installed: run `{install_command(engines[0])}`."
    )
