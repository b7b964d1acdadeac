"""`derain eval` measures PSNR and SSIM of models or existing results on a paired set."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from deraincli.cli import options, output
from deraincli.cli.commands.eval_tasks import Asked, PairTask, PhotoTask
from deraincli.cli.help import IN_OUT, MEASURING, MESSAGES, examples
from deraincli.cli.output import Output
from deraincli.cli.values import PIXELS, PROTOCOLS, listed, one_of
from deraincli.errors import ExitCode, InputError, UsageError
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from deraincli.evaluation.evaluate import Failed, Judge, Scored
    from deraincli.evaluation.methods import Method, ModelMethod
    from deraincli.evaluation.workspace import Workspace
    from deraincli.restoration.load import LoadOptions

EXAMPLES = examples(
    "derain eval Rain100L",
    "derain eval Rain100L --models balnet-lite,balnet-small --protocol all",
    "derain eval photos --no-reference --report page.html",
)


def command(
    context: typer.Context,
    dataset: Annotated[
        Path,
        typer.Argument(
            metavar="DATASET", help="Folder of rainy and clean images, or of photos.", parser=options.path
        ),
    ],
    layout: options.Layout = None,
    left: options.Left = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", rich_help_panel=IN_OUT, help="Score only the first N pairs."),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=IN_OUT,
            help="Score the existing results in this folder. A model then runs only if you name it.",
            parser=options.path,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            rich_help_panel=IN_OUT,
            help="Write a page that shows every image.",
            parser=options.page,
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=IN_OUT,
            help="Keep the models' results there, as PNG.",
            parser=options.folder,
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    expect_fingerprint: Annotated[
        str | None,
        typer.Option(
            metavar="HEX", rich_help_panel=IN_OUT, help="Fail if the set's fingerprint is not this one."
        ),
    ] = None,
    model: options.Model = None,
    models: options.Models = None,
    task: options.Task = "auto",
    protocol: Annotated[
        str | None,
        typer.Option(
            **one_of(*PROTOCOLS, "all") | {"metavar": "NAME"},
            rich_help_panel=MEASURING,
            help=f"How to compute PSNR and SSIM: {listed((*PROTOCOLS, 'all'))}. "
            "Default: agan for the AGAN layout, else prenet.",
        ),
    ] = None,
    no_reference: Annotated[
        bool,
        typer.Option(
            "--no-reference",
            rich_help_panel=MEASURING,
            help="Judge photos without ground truth: how much changed, BRISQUE and CLIP-IQA. The two "
            "measures can reward smoothing. Needs the extra quality.",
        ),
    ] = False,
    working_side: Annotated[
        str | None,
        typer.Option(
            **one_of("auto", "full", pattern=PIXELS),
            rich_help_panel=MEASURING,
            help="Shorter side in pixels of the finest pass. Default: full (one pass at the image's own "
            "size), as the protocols of the field do; auto with --no-reference.",
        ),
    ] = None,
    ensemble: options.Ensemble = False,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    backend: options.Backend = None,
    provider: options.Provider = "auto",
    tile: options.Tile = "auto",
    overlap: options.Overlap = "auto",
    max_pixels: options.MaxPixels = DEFAULT_MAX_PIXELS,
    sort: Annotated[
        Literal["name", "worst"],
        typer.Option(rich_help_panel=MESSAGES, help="Order of the images in --json and --csv."),
    ] = "name",
    csv: Annotated[
        bool,
        typer.Option(
            "--csv",
            rich_help_panel=MESSAGES,
            help="Print the scores of every image as CSV on standard output.",
        ),
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", rich_help_panel=MESSAGES, help="Print the table as Markdown.")
    ] = False,
    quiet: options.Quiet = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", rich_help_panel=MESSAGES, help="Also print how long it took.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Measure PSNR and SSIM of models or results on image pairs."""
    from deraincli.evaluation.methods import PrecomputedResults
    from deraincli.evaluation.workspace import Workspace
    from deraincli.files.atomic import check_destination, write_atomically

    out = options.make_output(quiet, verbose, json)
    if json + csv + markdown > 1:
        raise UsageError("--json, --csv and --markdown each want standard output for themselves: choose one.")
    asked_for = Asked(dataset, layout, left, limit, protocol, sort)
    job: PairTask | PhotoTask = (PhotoTask if no_reference else PairTask)(asked_for, out)
    if expect_fingerprint not in (None, job.fingerprint):
        raise InputError(
            f"The pictures have fingerprint {job.fingerprint}, not {expect_fingerprint}: find the right set."
        )
    if report is not None:
        check_destination(report, overwrite=overwrite)

    names = options.model_names(context, model, models, optional=results is not None)
    if save is not None and not names:
        raise UsageError("--save keeps the results of models, and none is named: add --model NAME.")
    side = working_side or job.working_side
    asked = options.load_options(
        None, task, device, precision, backend, tile, overlap, side, provider, ensemble
    )
    judge = job.judge(max_pixels)
    key = f"{dataset.resolve()} {names} {results} {judge.identity} {limit} {save} {asked}"
    space = Workspace(key, save=save, for_report=report is not None, overwrite=overwrite)
    loaded = [_load(replace(asked, model=name), space, out, alone=len(names) == 1) for name in names]
    methods: list[Method] = [*loaded]
    if results is not None:
        methods.append(PrecomputedResults(str(results), results, job.pairs, max_pixels=max_pixels))

    began = time.perf_counter()
    scored, failed = _evaluate(job, methods, judge, space, out)
    _report_times(loaded, len(job.pairs), job.noun, time.perf_counter() - began, out)
    found: Any = job.collect(scored, failed, methods)
    _print(job, found, loaded, out, csv=csv, markdown=markdown)
    if report is not None:
        page = job.page(found, methods, [str(model) for model in loaded], max_pixels)
        write_atomically(report, page.encode(), overwrite=overwrite)
    if failed:
        space.release()
        raise typer.Exit(ExitCode.SOME_FAILED)
    space.close()


def _load(asked: LoadOptions, space: Workspace, out: Output, *, alone: bool) -> ModelMethod:
    """Loads a model as a method. If there are several models, it gets the name that the user typed."""
    from deraincli.evaluation.methods import ModelMethod
    from deraincli.model_zoo.resolve import resolve_model
    from deraincli.restoration.identity import results_identity

    found = resolve_model(asked.model, asked.task)
    derainer = options.open_model(asked, out, found)
    label = derainer.name if alone or asked.model is None else asked.model
    identity = results_identity(found, asked)
    folder = space.folder_for(label, alone=alone)
    return ModelMethod(label, derainer, identity, folder=folder, on_warning=out.note)


def _evaluate(
    job: PairTask | PhotoTask, methods: Sequence[Method], judge: Judge[Any], space: Workspace, out: Output
) -> tuple[list[Scored[Any]], list[Failed]]:
    """Scores all pictures and reports failures. Raises InputError if every picture fails."""
    from deraincli.evaluation.evaluate import Failed, evaluate
    from deraincli.evaluation.methods import RainyInput

    scored: list[Scored[Any]] = []
    failed: list[Failed] = []
    count = len(job.pairs)
    with out.resumable(), out.progress("evaluating") as meter:
        for outcome in evaluate(job.pairs, [RainyInput(), *methods], judge, workspace=space):
            if isinstance(outcome, Failed):
                failed.append(outcome)
                output.error(f"{outcome.pair.name}: {outcome.reason}")
            else:
                scored.append(outcome)
            meter(len(scored) + len(failed), count, outcome.pair.name)
    if not scored:
        raise InputError(f"None of the {count} {job.noun} could be scored: see the reasons above.")
    if failed:
        output.error(
            f"{len(failed)} of {count} {job.noun} failed; the means are over the other {len(scored)}."
        )
    return scored, failed


def _print(
    job: PairTask | PhotoTask,
    found: Any,
    loaded: Sequence[ModelMethod],
    out: Output,
    *,
    csv: bool,
    markdown: bool,
) -> None:
    facts = {model.name: model.facts for model in loaded}
    if out.json:
        for record in found.objects():
            out.result(record | facts.get(record["model"], {}), "")
    elif csv:
        out.document(found.csv())
    elif markdown:
        out.document(found.markdown())
    elif not out.quiet:
        out.table(job.title, job.columns, found.rows())
        for remark in job.remarks(found):
            out.document(remark)
    for model in loaded:
        out.line(str(model))


def _report_times(loaded: Sequence[ModelMethod], count: int, noun: str, seconds: float, out: Output) -> None:
    working = sum(model.seconds for model in loaded)
    out.detail(f"{count} {noun} in {seconds:.1f} s, of which the models took {working:.1f} s.")
