"""`derain weights`: the models at hand, and those of the Hugging Face Hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deraincli.cli import options

if TYPE_CHECKING:
    from deraincli.shelf import ModelFacts

app = typer.Typer(help="List, check, fetch, publish and convert models.", no_args_is_help=True)

ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="A name, a file, a folder, or hf:OWNER/NAME[@REVISION].")
]


@app.command("list")
def list_(quiet: options.Quiet = False, verbose: options.Verbose = False, json: options.Json = False) -> None:
    """List the models at hand: shipped, and those of the Hub that are in the cache."""
    from deraincli.shelf import models_at_hand

    out = options.make_output(quiet, verbose, json)
    models = list(models_at_hand())
    if out.json:
        for model in models:
            out.result(model.record(), "")
        return
    rows = [(model.name, model.origin, model.task, f"{model.parameters:,}", _best(model)) for model in models]
    out.table("Models", ("name", "origin", "task", "parameters", "measured"), rows)


@app.command("info")
def info(
    model: ModelArgument,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    json: options.Json = False,
) -> None:
    """Tell what is known of a model: task, size, hash, licence, provenance, measured scores."""
    from deraincli.shelf import facts

    out = options.make_output(quiet, verbose, json)
    known = facts(model)
    if out.json:
        out.result(known.record(), "")
        return
    rows = {
        "name": known.name,
        "origin": known.origin,
        "network": known.network,
        "task": known.task,
        "parameters": f"{known.parameters:,}",
        "sha256": known.sha256,
        "file": str(known.file),
        "licence": known.licence or "not told",
        "provenance": known.provenance or "not told",
    }
    for name, value in rows.items():
        out.document(f"{name + ':':<12}{value}")
    for score in known.scores:
        out.document(
            f"{'score:':<12}{score.psnr:.2f} dB / {score.ssim:.4f}  {score.dataset}, {score.protocol}"
        )


def _best(model: ModelFacts) -> str:
    if not model.scores:
        return ""
    score = model.scores[0]
    return f"{score.psnr:.2f} dB / {score.ssim:.4f}  {score.dataset}"
