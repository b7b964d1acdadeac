"""Errors about numbers, flags and choices that an option does not take."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import typer

from deraincli.cli.values import is_from_variable, listed, origin
from deraincli.errors import UsageError


def wrong_value(context: typer.Context, error: typer.BadParameter) -> UsageError | None:
    """Describes the values that an option takes, after Typer refused one.

    Typer's own message quotes another library. It names the option where an environment variable is wrong.

    Args:
        context: Context of the command.
        error: The error that Typer raised.

    Returns:
        The error. None if Typer's own is as good, as that of a missing argument is.
    """
    parameter: Any = error.param
    command = context.command.callback
    if command is None or parameter is None or not error.message:
        return None
    possible = _possible_values(command, parameter.name)
    if possible is None:
        return None
    wrong = f", not {os.environ[parameter.envvar]!r}" if is_from_variable(context, parameter.name) else ""
    return UsageError(f"{origin(context, parameter)} takes {possible}{wrong}.")


def _possible_values(command: Callable[..., Any], name: str) -> str | None:
    """Describes the values of a command's parameter by its annotation. Returns None for text and paths."""
    kind, *declared = get_args(get_type_hints(command, include_extras=True)[name])
    if get_origin(kind) in (Union, UnionType):  # such as `int | None`
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        return listed(get_args(kind))
    if kind is bool:
        return "1 or 0"
    number = {int: "a whole number", float: "a number"}.get(kind)
    return number and f"{number}{_range(declared[0])}"


def _range(option: Any) -> str:
    """Describes the range of a number, to follow its kind in a sentence. Returns nothing if it has none."""
    if option.min is None:
        return ""
    return f" of at least {option.min}" if option.max is None else f" from {option.min} to {option.max}"
