"""Converts frozen dataclasses to and from plain mappings, for configs in TOML and in model files."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from deraincli.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def dump_config(config: DataclassInstance) -> dict[str, Any]:
    """Converts a frozen dataclass to nested dicts and lists for JSON.

    Args:
        config: The dataclass.

    Returns:
        The dict.
    """
    return TypeAdapter(type(config)).dump_python(config, mode="json")


def parse_config(cls: type[T], values: Mapping[str, Any], *, source: str) -> T:
    """Builds a dataclass from nested mappings.

    Args:
        cls: The dataclass.
        values: The mapping.
        source: Where the mapping comes from, for error messages.

    Returns:
        The dataclass.

    Raises:
        UsageError: A key is unknown or missing, or a value has the wrong type or range.
    """
    if not isinstance(values, Mapping):
        raise UsageError(f"{source}: {cls.__name__} takes named keys.")
    _refuse_unknown(cls, values, source, "")
    try:
        return TypeAdapter(cls).validate_python(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or cls.__name__
        raise UsageError(f"{source}: {key}: {first['msg']}.") from None


def _refuse_unknown(
    cls: type[DataclassInstance], values: Mapping[str, Any], source: str, prefix: str
) -> None:
    """Raises UsageError if a key is unknown, also within nested dataclasses. `prefix` is their path."""
    known = {field.name: field for field in dataclasses.fields(cls)}
    hints = _nested_dataclasses(cls)
    for key, value in values.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {prefix}{near[0]}?" if near else f"known keys: {', '.join(known)}."
            name = f"{prefix}{key}"
            raise UsageError(f"{source}: unknown key {name if name.isprintable() else repr(name)}; {hint}")
        for entry in value if isinstance(value, list) else [value]:
            if key in hints and isinstance(entry, Mapping):
                _refuse_unknown(hints[key], entry, source, f"{prefix}{key}.")


def _nested_dataclasses(cls: type[DataclassInstance]) -> dict[str, type[DataclassInstance]]:
    """Maps the fields that hold a dataclass, or a tuple of dataclasses, to its type."""
    hints = {name: next(iter(get_args(hint)), hint) for name, hint in get_type_hints(cls).items()}
    return {
        name: hint
        for name, hint in hints.items()
        if isinstance(hint, type) and dataclasses.is_dataclass(hint)
    }
