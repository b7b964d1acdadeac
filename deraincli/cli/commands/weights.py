"""`derain weights` manages the shipped models and those of the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deraincli.cli import options, output
from deraincli.cli.commands import average, export, push
from deraincli.cli.help import IN_OUT, Command, Group, examples
from deraincli.cli.values import IMPORTED_NETWORKS, one_of, suggest_models
from deraincli.errors import ExitCode, InputError, ModelError, UnknownModelError

if TYPE_CHECKING:
    from deraincli.model_zoo.model_facts import ModelFacts

app = typer.Typer(
    cls=Group, help="List, check, download, publish, convert and average models.", no_args_is_help=True
)

ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        autocompletion=suggest_models(),
        help=r"A name, a file, a folder, or hf:OWNER/NAME\[@REVISION].",
    ),
]

VERDICTS = {True: "ok", False: "WRONG", None: "not known elsewhere"}
"""Outcome of a check in words."""


@app.command("list", cls=Command, epilog=examples("derain weights list"))
def list_(
    quiet: options.Quiet = False, verbose: options.NoVerbose = False, json: options.Json = False
) -> None:
    """List the shipped models, and those of the Hub that are in the cache."""
    from deraincli.model_zoo.inventory import list_models
    from deraincli.model_zoo.model_facts import DamagedModel

    out = options.make_output(quiet, verbose, json)
    models = list(list_models())
    if out.json:
        for model in models:
            out.result(model.record(), "")
    elif not quiet:
        rows = [
            (model.name, "shipped", "damaged", "")
            if isinstance(model, DamagedModel)
            else (model.name, model.origin, model.task, model.parameter_count)
            for model in models
        ]
        out.table("Models", ("name", "origin", "task", "parameters"), rows)
    damaged = [model for model in models if isinstance(model, DamagedModel)]
    for error in dict.fromkeys(model.error for model in damaged):
        output.error(error)
    if damaged:
        raise typer.Exit(ExitCode.SOME_FAILED)


@app.command("info", cls=Command, epilog=examples("derain weights info balnet-lite-streak"))
def info(
    model: ModelArgument,
    quiet: options.Quiet = False,
    verbose: options.NoVerbose = False,
    json: options.Json = False,
) -> None:
    """Show a model's task, size, hash, licence, provenance and measured scores."""
    from deraincli.model_zoo.inventory import describe_model
    from deraincli.model_zoo.resolve import resolve_model

    out = options.make_output(quiet, verbose, json)
    known = describe_model(resolve_model(model, card=True))
    described = "\n\n".join(map(_in_words, known.members or (known,)))
    heading = f"{known.name}: {known.provenance}\n\n" if known.members else ""
    out.answer(known.record(), heading + described)


def _in_words(known: ModelFacts) -> str:
    """Returns the facts about a model for reading."""
    rows = {
        "name": known.name,
        "origin": known.origin,
        "network": known.network,
        "task": known.task,
        "parameters": known.parameter_count,
        "size": f"{known.file.stat().st_size / 1e6:.1f} MB",
        "sha256": known.sha256,
        "file": str(known.file),
        "licence": known.licence or "not stated",
        "provenance": known.provenance or "not stated",
        "trained on": ", ".join(known.datasets) or "not stated",
    }
    scores = [
        ("score", f"{score.psnr:.2f} dB / {score.ssim:.4f}  {score.dataset}, {score.protocol}")
        for score in known.scores
    ]
    return "\n".join(f"{name + ':':<12}{value}" for name, value in (*rows.items(), *scores))


@app.command("pull", cls=Command, epilog=examples("derain weights pull hf:OWNER/NAME"))
def pull(
    model: ModelArgument,
    quiet: options.Quiet = False,
    verbose: options.NoVerbose = False,
    json: options.Json = False,
) -> None:
    """Download a model from the Hub into its cache."""
    from deraincli.model_zoo.inventory import describe_model
    from deraincli.model_zoo.resolve import resolve_model

    out = options.make_output(quiet, verbose, json)
    known = describe_model(resolve_model(model, card=True))
    said = "ships with the package" if known.origin == "shipped" else f"is in {known.file}"
    out.answer(known.record(), f"{known.name}, {known.parameter_count} parameters, {said}")


@app.command(
    "verify",
    cls=Command,
    epilog=examples("derain weights verify", "derain weights verify balnet-small --device cpu"),
)
def verify(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL", autocompletion=suggest_models(), help="Default: every shipped model."
        ),
    ] = None,
    device: options.Device = "auto",
    quiet: options.Quiet = False,
    verbose: options.NoVerbose = False,
    json: options.Json = False,
) -> None:
    """Check the hash and the keys of models, and their result for a known image."""
    from deraincli.model_zoo.catalogue import SHIPPED

    out = options.make_output(quiet, verbose, json)
    passed = [_verified(model, device, out) for model in models or SHIPPED]
    if not all(passed):
        raise typer.Exit(ExitCode.SOME_FAILED if any(passed) else ExitCode.FAILED)


def _verified(model: str, device: str, out: output.Output) -> bool:
    """Checks and reports one model. Returns whether it passed."""
    from deraincli.diagnostics.verify import verify as check

    try:
        checks = check(model, device=device)
    except UnknownModelError:
        raise
    except ModelError as error:
        if out.json:
            out.result({"name": model, "passed": False, "checks": [], "error": str(error)}, "")
        output.error(str(error))
        return False
    passed = all(check.passed is not False for check in checks)
    found = "; ".join(f"{check.name} {VERDICTS[check.passed]} ({check.found})" for check in checks)
    rows = [{"check": check.name, "passed": check.passed, "found": check.found} for check in checks]
    out.answer({"name": model, "passed": passed, "checks": rows, "error": None}, f"{model}: {found}")
    if not passed:
        output.error(f"{model} does not do here what it should: fetch it, or install deraincli, again.")
    return passed


@app.command("remove", cls=Command, epilog=examples("derain weights remove hf:OWNER/NAME"))
def remove(
    model: Annotated[str, typer.Argument(metavar="hf:OWNER/NAME[@REVISION]", help="The model to remove.")],
    quiet: options.Quiet = False,
    verbose: options.NoVerbose = False,
    json: options.Json = False,
) -> None:
    """Remove a model of the Hub from the cache.

    Without a revision, all of its revisions are removed.
    """
    from deraincli.model_zoo.hub import parse_address
    from deraincli.model_zoo.hub import remove as take_out

    out = options.make_output(quiet, verbose, json)
    address = parse_address(model)
    freed = take_out(address)
    out.answer({"name": str(address), "bytes": freed}, f"{address} removed, {freed / 1e6:.1f} MB freed")


app.command("push", cls=Command, epilog=push.EXAMPLES)(push.command)


@app.command("import", cls=Command, epilog=examples("derain weights import latest.pth --network prenet"))
def import_(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="FILE", help="A published PyTorch checkpoint.", parser=options.path)
    ],
    network: Annotated[
        str,
        typer.Option(
            **one_of(*IMPORTED_NETWORKS), rich_help_panel=IN_OUT, help="Network that the checkpoint is of."
        ),
    ],
    destination: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            rich_help_panel=IN_OUT,
            help="Model file to write. Default: FILE with the suffix .safetensors.",
            parser=options.model_file,
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.NoVerbose = False,
    json: options.Json = False,
) -> None:
    """Convert a published PyTorch checkpoint of a baseline to a model file."""
    from deraincli.files.atomic import check_destination, write_atomically

    out = options.make_output(quiet, verbose, json)
    if checkpoint.is_dir():
        raise InputError(f"'{checkpoint}' is a folder: name a checkpoint in it.")
    target = destination or checkpoint.with_suffix(".safetensors")
    check_destination(target, overwrite=overwrite)
    from deraincli.models.convert import import_checkpoint

    write_atomically(target, import_checkpoint(checkpoint, network), overwrite=overwrite)
    record = {"source": str(checkpoint), "output": str(target), "network": network}
    out.result(record, f"{checkpoint} → {target}")


app.command("export", cls=Command, epilog=export.EXAMPLES)(export.command)
app.command("average", cls=Command, epilog=average.EXAMPLES)(average.command)
