"""`derain weights average` averages the weights of models that all go back to one trained model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from deraincli.cli import options
from deraincli.cli.help import IN_OUT, QUALITY, examples
from deraincli.cli.values import suggest_models
from deraincli.errors import UsageError

EXAMPLES = examples(
    "derain weights average balnet-lite-streak runs/mine -o mean.safetensors",
    "derain weights average runs/a runs/b runs/c -o mean.safetensors --shares 2,1,1",
)


def command(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL",
            autocompletion=suggest_models(),
            help="Two or more models: names, files, folders or hf:REPO.",
        ),
    ],
    destination: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            rich_help_panel=IN_OUT,
            help="Model file to write.",
            parser=options.model_file,
        ),
    ],
    overwrite: options.Overwrite = False,
    shares: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBERS",
            rich_help_panel=QUALITY,
            help="How much each model counts, in their order. 2,1 is two thirds and one third. "
            "Default: all count equally.",
        ),
    ] = None,
    quiet: options.Quiet = False,
    verbose: options.NoVerbose = False,
    json: options.Json = False,
) -> None:
    """Average the weights of models that all go back to one trained model.

    The average often keeps most of what each of them gained, and is as fast and as small as one.
    All need the same task and network, though balnet-lite may join balnet-small.
    Models that began from different random weights cannot be averaged.
    """
    from deraincli.files.atomic import check_destination, write_atomically
    from deraincli.model_zoo.resolve import resolve_model

    out = options.make_output(quiet, verbose, json)
    counts = _parsed(shares, len(models))
    check_destination(destination, overwrite=overwrite)
    found = [resolve_model(model) for model in models]
    files = [model.only_file.path for model in found]
    from deraincli.diagnostics.average_check import check_average
    from deraincli.models.average import Part, average_models

    parts = [Part(*part) for part in zip(models, files, counts, strict=True)]
    content = average_models(parts)
    check_average(content, found)
    write_atomically(destination, content, overwrite=overwrite)
    record = [{"model": part.name, "share": part.share} for part in parts]
    listed = ", ".join(f"{part.share:.0%} {part.name}" for part in parts)
    out.result({"models": record, "output": str(destination)}, f"{listed} → {destination}")


def _parsed(shares: str | None, count: int) -> list[float]:
    """Returns the share of each model, with the sum 1. Raises UsageError if `shares` does not give them."""
    if count < 2:
        raise UsageError("An average needs two models at least, separated by spaces: name another one.")
    if shares is None:
        return [1 / count] * count
    try:
        numbers = [float(part) for part in shares.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(0 < number < math.inf for number in numbers):
        raise UsageError(
            f"--shares takes {count} positive numbers, separated by commas, without spaces, such as "
            f"{','.join(map(str, range(count, 0, -1)))}; not {shares!r}."
        )
    return [number / sum(numbers) for number in numbers]
