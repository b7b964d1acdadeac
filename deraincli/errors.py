"""Everything that can go wrong through no fault of the program, and the exit codes.

DerainError                     exit 1, one sentence on stderr, no traceback
├── UsageError                  exit 2: the command line or a config asks for something impossible
├── InputError                  a picture, data set or file cannot be read or used
│   └── UnreadableImageError    damaged, truncated, of an unknown kind, or too large
│       └── TooLargeError       more pixels than the limit
├── OutputError                 the result cannot be written
│   └── ExistsError             the output exists, and nobody asked to replace it
├── ModelError                  a model is missing or damaged, or made for another network
│   └── UnknownModelError       exit 2: no model has that name
├── DeviceError                 the device or precision is not available, or its memory ran out
└── TrainingError               a training run cannot start or continue

Libraries raise these; only `deraincli.cli` turns them into text and an exit code. It does the same with an
OSError of a full or failing disk, or of permissions and names of paths that the user gave
(`cli/refusals.py`), and with a MemoryError. Anything else is our own bug and keeps its traceback.
"""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """What the shell sees."""

    OK = 0
    FAILED = 1
    USAGE = 2
    SOME_FAILED = 3
    INTERRUPTED = 130


class DerainError(Exception):
    """Base of all expected errors: its text is one sentence that says what to do next."""

    exit_code = ExitCode.FAILED


class UsageError(DerainError):
    """The request itself is wrong."""

    exit_code = ExitCode.USAGE


class InputError(DerainError):
    """Something to be read is missing or unusable."""


class UnreadableImageError(InputError):
    """A file is not a picture that can be decoded in full."""


class TooLargeError(UnreadableImageError):
    """A picture has more pixels than the limit."""


class OutputError(DerainError):
    """A result cannot be written where it was asked for."""


class ExistsError(OutputError):
    """The output exists, and nobody asked to replace it."""


class ModelError(DerainError):
    """A model is unknown or damaged, or it was made for another network."""


class UnknownModelError(ModelError):
    """No model that can be used here has the name that was given."""

    exit_code = ExitCode.USAGE


class DeviceError(DerainError):
    """A device or precision is not available, or its memory ran out."""


class TrainingError(DerainError):
    """Training cannot start or continue."""


def missing(path: Path) -> InputError:
    """Returns the error for a missing file."""
    if path.is_symlink():
        return InputError(
            f"'{path}' is a link to a file that is gone: restore that file, or remove the link."
        )
    return InputError(f"There is no file '{path}': check its name.")


def missing_model(path: Path | str) -> ModelError:
    """Returns the error for a missing model file."""
    return ModelError(f"There is no model file '{path}': check its name.")


def without_maps(model: str) -> ModelError:
    """Returns the error for a model without attention maps that was asked for some."""
    return ModelError(f"{model} has no attention maps: choose a BAL-Net or AGAN with --model.")
