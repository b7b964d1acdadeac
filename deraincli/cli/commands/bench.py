"""`derain bench` measures size, speed and memory of models."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from deraincli.cli import options, output
from deraincli.cli.help import MEASURING, MESSAGES, MODEL, SPEED, examples
from deraincli.cli.output import Output
from deraincli.cli.values import BACKENDS, CLASSICAL_METHODS, PRECISIONS, one_of, suggest_models
from deraincli.errors import DeviceError, ExitCode, UsageError
from deraincli.models.names import NETWORKS

if TYPE_CHECKING:
    from deraincli.benchmark.results import SizeReport
    from deraincli.benchmark.targets import Target

EXAMPLES = examples(
    "derain bench",
    "derain bench --models balnet-lite,ddn,prenet --size 320,640",
)
LARGEST_SIDE = 1_000_000
"""Largest side in pixels, far beyond any device's memory. PyTorch miscounts the bytes of much larger ones."""


def command(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME|PATH",
            envvar="DERAIN_MODEL",
            show_envvar=False,
            autocompletion=suggest_models(*NETWORKS, *CLASSICAL_METHODS),
            rich_help_panel=MODEL,
            help="A model, a network (with random weights where none ship), or a classical method. "
            "Default: balnet-lite.",
        ),
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(
            metavar="A,B|all",
            autocompletion=suggest_models(*NETWORKS, *CLASSICAL_METHODS, "all", several=True),
            rich_help_panel=MODEL,
            help="Several of them, separated by commas, or all.",
        ),
    ] = None,
    peers: Annotated[
        bool,
        typer.Option(
            "--peers",
            rich_help_panel=MODEL,
            help="Add the published systems, and the figures that BAL-Net's authors give for them.",
        ),
    ] = False,
    size: Annotated[
        str,
        typer.Option(
            metavar="N,…",
            rich_help_panel=MEASURING,
            help="Side of the square image. Several show how time grows.",
        ),
    ] = "320",
    batch_size: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", rich_help_panel=MEASURING, help="Images in one pass. Times are for one pass."
        ),
    ] = 1,
    repeat: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            rich_help_panel=MEASURING,
            help="Timed rounds. Methods that take over a minute skip some of them.",
        ),
    ] = 15,
    end_to_end: Annotated[
        bool,
        typer.Option("--end-to-end", rich_help_panel=MEASURING, help="Also time one JPEG from file to file."),
    ] = False,
    roofline: Annotated[
        bool,
        typer.Option(
            "--roofline",
            rich_help_panel=MEASURING,
            help="Also compare with this machine's matrix products, and list the slowest layers.",
        ),
    ] = False,
    device: options.Device = "auto",
    precision: Annotated[
        str,
        typer.Option(
            **one_of(*PRECISIONS, several=True) | {"metavar": "NAME,…"},
            show_default=False,
            envvar="DERAIN_PRECISION",
            show_envvar=False,
            rich_help_panel=SPEED,
            help="Number formats: auto (bf16 if native), fp32, bf16, fp16 or int8 (exports).",
        ),
    ] = "auto",
    backend: Annotated[
        str,
        typer.Option(
            **one_of(*BACKENDS, several=True) | {"metavar": "NAME,…"},
            envvar="DERAIN_BACKEND",
            show_default=False,
            show_envvar=False,
            rich_help_panel=SPEED,
            help="How to run the networks: eager (default), compile, cudagraphs, onnxruntime or openvino.",
        ),
    ] = "eager",
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            rich_help_panel=SPEED,
            help="Threads on the CPU. Default: PyTorch's choice.",
        ),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", rich_help_panel=MESSAGES, help="Print one table in Markdown.")
    ] = False,
    quiet: options.Quiet = False,
    verbose: options.NoVerbose = False,
    json: Annotated[
        bool,
        typer.Option(
            "--json", rich_help_panel=MESSAGES, help="Print one JSON object per size on standard output."
        ),
    ] = False,
) -> None:
    """Measure speed, memory and size of models on this machine."""
    if roofline:  # PyTorch's profiler reads this when PyTorch is loaded, else its log goes to stderr
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    out = options.make_output(quiet, verbose, json)
    if json and markdown:
        raise UsageError("--json and --markdown each want standard output for themselves: choose one.")
    targets = _targets(options.model_names(context, model, models, optional=False), peers)
    from deraincli.benchmark.runner import BenchmarkRequest, benchmark

    request = BenchmarkRequest(
        targets=targets,
        sides=[_side(text) for text in _listed(size)],
        precisions=_listed(precision),
        backends=_listed(backend),
        device=device,
        batch=batch_size,
        rounds=repeat,
        threads=threads,
        file_to_file=end_to_end,
        roofline=roofline,
    )
    reports = []
    with out.progress("measuring") as meter:
        for report in benchmark(request, on_progress=meter, on_note=out.note):
            reports.append(report)
            if json:
                out.result(report.record(), "")
    if markdown or not (json or quiet):
        _print(reports, out, peers=peers, markdown=markdown)
    _report_failures(reports)


def _targets(names: Sequence[str | None], peers: bool) -> list[Target]:
    from deraincli.benchmark.targets import all_names, compared_names, find_target

    if "all" in names:
        names = all_names()
    wanted = [*names, *(compared_names() if peers else ())]
    return list(dict.fromkeys(find_target(name) for name in wanted))


def _listed(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split(",")))


def _side(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= LARGEST_SIDE:
        raise UsageError(
            f"--size takes numbers of pixels from 1 to {LARGEST_SIDE:,}, separated by commas, not {text!r}."
        )
    return int(text)


def _print(reports: Sequence[SizeReport], out: Output, *, peers: bool, markdown: bool) -> None:
    from deraincli.benchmark import tables
    from deraincli.reporting.markdown import markdown_table

    reports = [report for report in reports if report.measured]
    if not reports:
        return
    for report in reports:
        if markdown:
            out.document(tables.markdown(report))
        else:
            out.document(tables.title(report))
            out.table("Size", *tables.sizes(report))
            out.table(f"Speed: {tables.how(report)}", *tables.speeds(report))
            if peers:
                out.table(
                    "Beside the authors' response, which timed 320×320 on its hardware",
                    *tables.beside_paper(report),
                )
        for note in tables.paper_notes(report) if peers else ():
            out.document(note)
        for name, speed in report.roofs.items():
            out.document(f"Matrix products in {name}: {tables.short(speed / 1e9)} GFLOP/s")
        for row in (row for row in report.rows if row.layers):
            heading = f"Slowest in {row.target.name}, {row.precision}, eager and profiled"
            if markdown:
                out.document(f"{heading}\n\n{markdown_table(*tables.layers(row))}")
            else:
                out.table(heading, *tables.layers(row))
    if len(reports) > 1:
        grid = tables.scaling(reports)
        if markdown:
            out.document(markdown_table(*grid))
        else:
            out.table("Growth with the picture", *grid)
    if not markdown:
        out.line(tables.footnote(reports[0]))
    machine = reports[0].machine
    if machine.load is not None and machine.device == "cpu" and machine.load > 0.5:
        out.note(
            f"Other programs were running (load {machine.load:.1f}), which inflates times; "
            "ratios hold, since models are timed in turn."
        )


def _report_failures(reports: Sequence[SizeReport]) -> None:
    """Reports the failures and exits with the code for them."""
    failed = [row for report in reports for row in report.rows if row.error]
    for row in failed:
        output.error(f"{row.target.name} in {row.precision}: {row.error}")
    if not failed:
        return
    if len(failed) == sum(len(report.rows) for report in reports):
        raise DeviceError("Nothing could be measured: see the reasons above.")
    raise typer.Exit(ExitCode.SOME_FAILED)
