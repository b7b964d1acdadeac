"""The layout of the help: groups of commands, panels of options, examples."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from deraincli.cli.guesses import suggested_command
from deraincli.cli.values import is_from_variable
from deraincli.cli.wrong_values import wrong_value
from deraincli.errors import ModelError, UsageError

RESTORE = "Restore"
LOOK = "Look"
MEASURE = "Measure"
TRAIN = "Train"
MANAGE = "Manage"
GROUPS = (RESTORE, LOOK, MEASURE, TRAIN, MANAGE)
"""The groups of commands in `derain --help`, in the order shown."""

IN_OUT = "Input and output"
MAPS = "Maps"
RAIN = "Rain"
TRAINING = "Training"
MEASURING = "Measuring"
PUBLISHING = "Publishing"
SERVER = "Server"
MODEL = "Model"
QUALITY = "Quality"
SPEED = "Speed and memory"
MESSAGES = "Messages"
PANELS = (IN_OUT, MAPS, RAIN, TRAINING, MEASURING, PUBLISHING, SERVER, MODEL, QUALITY, SPEED, MESSAGES)
"""The panels of options in the help of a command."""


def examples(*lines: str) -> str:
    """Makes the examples at the end of a command's help.

    Args:
        lines: Command lines, at most 78 characters each.

    Returns:
        The text.
    """
    return "\n".join(["[bold]Examples[/bold]", *lines])


class Command(TyperCommand):
    """A command whose help shows flags without a type, and --help in the panel of messages.

    Errors about a value name the option or the environment variable, and what it takes.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the command line.

        Raises:
            UsageError: An option or an environment variable has a wrong value.
        """
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            raise wrong_value(ctx, error) or error from None

    def invoke(self, ctx: Any) -> Any:
        """Runs the command. Adds DERAIN_MODEL to an error about the model that it names."""
        try:
            return super().invoke(ctx)
        except ModelError as error:
            named = f"'{ctx.params.get('model')}'" in str(error)  # not one of --models
            if not (named and is_from_variable(ctx, "model")):
                raise
            raise type(error)(f"{error} The name comes from DERAIN_MODEL: change or unset it.") from None

    def get_params(self, ctx: Any) -> list[Any]:
        """Lists the parameters, --help included."""
        parameters = super().get_params(ctx)
        for option in _hide_types_of_flags(parameters):
            option.rich_help_panel = option.rich_help_panel or MESSAGES
        return parameters

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Lists the parts of the usage line, without the braces that Typer puts around arguments."""
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]


class Group(TyperGroup):
    """A group of commands whose help shows flags without a type, and which recognises a missing command."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Finds the command.

        Raises:
            UsageError: The first word is a file or a folder. The message names the right command.
        """
        meant = suggested_command(args) if args[0] not in self.commands else None
        if meant and ctx.parent is None:
            raise UsageError(f"'{args[0]}' is not a command: did you mean `{meant}`?")
        return super().resolve_command(ctx, args)

    def get_params(self, ctx: Any) -> list[Any]:
        """Lists the parameters, --help included."""
        parameters = super().get_params(ctx)
        _hide_types_of_flags(parameters)
        return parameters


def _hide_types_of_flags(parameters: list[Any]) -> list[TyperOption]:
    """Removes the type `<bool>`, which flags do not take. Returns the options."""
    options = [parameter for parameter in parameters if isinstance(parameter, TyperOption)]
    for option in options:
        if option.is_flag:
            option.metavar = ""
    return options
