"""`derain weights average` averages the weights of models whose training continued from one another."""

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
            help="How much each model counts, separated by commas. Default: all count equally.",
        ),
    ] = None,
    quiet: options.Quiet = False,
    verbose: options.NoVerbose = False,
    json: options.Json = False,
) -> None:
    """Average the weights of models whose training continued from one another.

    The average often has the strengths of all of them, and takes the time of one.
    Models that began from different random weights cannot be averaged.
    """
    from deraincli.files.atomic import check_destination, write_atomically
    from deraincli.model_zoo.resolve import resolve_model

    out = options.make_output(quiet, verbose, json)
    counts = _parsed(shares, len(models))
    check_destination(destination, overwrite=overwrite)
    files = [resolve_model(model).only_file.path for model in models]
    from deraincli.models.average import average_models

    data = average_models(files, counts)
    write_atomically(destination, data, overwrite=overwrite)
    parts = [(model, count / sum(counts)) for model, count in zip(models, counts, strict=True)]
    record = [{"model": model, "share": share} for model, share in parts]
    listed = ", ".join(f"{share:.0%} {model}" for model, share in parts)
    out.result({"models": record, "output": str(destination)}, f"{listed} → {destination}")


def _parsed(shares: str | None, count: int) -> list[float]:
    """Returns one positive number for each model. Raises UsageError if there are none."""
    if count < 2:
        raise UsageError("An average needs two models at least: name another one.")
    if shares is None:
        return [1.0] * count
    try:
        numbers = [float(part) for part in shares.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(0 < number < math.inf for number in numbers):
        raise UsageError(
            f"--shares takes {count} positive numbers, one for each model, such as "
            f"{','.join(map(str, range(count, 0, -1)))}; not {shares!r}."
        )
    return numbers
