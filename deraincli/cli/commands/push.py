"""`derain weights push` publishes a model on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deraincli.cli import options
from deraincli.cli.help import PUBLISHING, examples
from deraincli.cli.values import suggest_models
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from deraincli.model_zoo.model_facts import ReportedScore
    from deraincli.model_zoo.resolve import ResolvedModel

EXAMPLES = examples(
    "derain weights push runs/first hf:OWNER/NAME --dry-run",
    "derain weights push runs/first hf:OWNER/NAME --onnx --picture rainy.jpg",
)
PICTURE_SIDE = 1024
"""Longer side of the picture on a card in pixels, at most."""
PICTURE_QUALITY = 90
"""JPEG quality of the picture on a card, 1–100."""


def command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            autocompletion=suggest_models(),
            help=r"A name, a file, a folder, or hf:OWNER/NAME\[@REVISION].",
        ),
    ],
    repository: Annotated[str, typer.Argument(metavar="hf:OWNER/NAME", help="Your repository on the Hub.")],
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", rich_help_panel=PUBLISHING, help="Show what would be uploaded, and send nothing."
        ),
    ] = False,
    private: Annotated[
        bool, typer.Option("--private", rich_help_panel=PUBLISHING, help="Make a new repository private.")
    ] = False,
    licence: Annotated[
        str | None,
        typer.Option(
            metavar="ID|TERMS",
            rich_help_panel=PUBLISHING,
            help="An identifier such as mit, or the terms in words.",
        ),
    ] = None,
    measure: Annotated[
        Path | None,
        typer.Option(
            metavar="DATASET",
            rich_help_panel=PUBLISHING,
            help="Score the model on this paired set for its card.",
            parser=options.path,
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="IMAGE",
            rich_help_panel=PUBLISHING,
            help="Show this rainy image and its result on the card.",
            parser=options.path,
        ),
    ] = None,
    onnx: Annotated[
        bool, typer.Option("--onnx", rich_help_panel=PUBLISHING, help="Add the model as an ONNX file.")
    ] = False,
    quiet: options.Quiet = False,
    verbose: options.NoVerbose = False,
    json: options.Json = False,
) -> None:
    """Publish a model, or the best weights of a training run."""
    from deraincli.model_zoo import publish
    from deraincli.model_zoo.hub import ONNX_FILE, parse_address
    from deraincli.model_zoo.resolve import resolve_model
    from deraincli.models.header import CARD_FILE

    out = options.make_output(quiet, verbose, json)
    address = parse_address(repository)
    found = resolve_model(model, card=True)
    extras = _pictures(found, picture) if picture else {}
    if onnx:
        extras[ONNX_FILE] = _as_onnx(found)
    scores = _measured(found, measure) if measure else []
    files = publish.repository_files(found, address, licence=licence, scores=scores, extras=extras)
    sizes = {name: len(content) for name, content in files.items()}
    record = {"repository": str(address), "files": sizes, "card": files[CARD_FILE].decode(), "commit": None}
    listing = ", ".join(f"{name} ({size:,} bytes)" for name, size in sizes.items())
    if dry_run:
        if not (json or quiet):
            out.document(files[CARD_FILE].decode())
        out.result(record, f"{address} would get {listing}")
        return
    commit = publish.push(address, files, private=private)
    out.answer(record | {"commit": commit}, f"{address}@{commit} has {listing}")


def _pictures(found: ResolvedModel, picture: Path) -> dict[str, bytes]:
    """Restores the picture of a card. Returns it before and after, as JPEGs by their names on the Hub."""
    from deraincli.imaging.decode import decode
    from deraincli.imaging.display import shrink_to, to_display_rgb
    from deraincli.imaging.encode import encode
    from deraincli.imaging.image import Image
    from deraincli.model_zoo.hub import RAINY_FILE, RESTORED_FILE
    from deraincli.restoration.load import LoadOptions, open_model

    rainy = shrink_to(to_display_rgb(decode(picture, max_pixels=DEFAULT_MAX_PIXELS)), PICTURE_SIDE)
    states = {RAINY_FILE: rainy, RESTORED_FILE: open_model(LoadOptions(), found)(rainy)}
    return {
        name: encode(Image(pixels, "JPEG"), "JPEG", quality=PICTURE_QUALITY)
        for name, pixels in states.items()
    }


def _as_onnx(found: ResolvedModel) -> bytes:
    """Returns a model as one ONNX file that agrees with PyTorch. A shipped model needs no export."""
    from deraincli.model_zoo.exports import self_contained

    model = found.files[0]
    if model.entry is not None:
        return self_contained(model)
    from deraincli.export.options import check_choices

    check_choices("onnx", "fp32", None)
    from deraincli.export.exporter import export_model

    return export_model(model, "onnx").data


def _measured(found: ResolvedModel, dataset: Path) -> list[ReportedScore]:
    """Scores a model on a paired set under every protocol, at full size and full precision."""
    from deraincli.datasets.pairs import find_pairs
    from deraincli.evaluation.metrics import protocols_named
    from deraincli.evaluation.score_pairs import score_pairs
    from deraincli.model_zoo.model_facts import ReportedScore
    from deraincli.restoration.load import LoadOptions, open_model

    pairs = find_pairs(dataset).pairs
    derainer = open_model(LoadOptions(precision="fp32", working_side="full"), found)
    protocols = protocols_named("all")
    means = score_pairs(pairs, {found.name: derainer}, protocols, max_pixels=DEFAULT_MAX_PIXELS)[found.name]
    label = f"{dataset.resolve().name}, {len(pairs)} pairs"
    return [
        ReportedScore(label, name, round(mean.psnr, 2), round(mean.ssim, 4)) for name, mean in means.items()
    ]
