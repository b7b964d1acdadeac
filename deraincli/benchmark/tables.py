"""Formats the results of a benchmark as tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from deraincli.benchmark.results import Row, SizeReport
from deraincli.benchmark.timing import Timing
from deraincli.inference.backends.registry import EXPORT_BACKENDS
from deraincli.reporting.markdown import markdown_table


class Column(NamedTuple):
    """One column. It is omitted if all its cells are empty."""

    heading: str
    cell: Callable[[Row, Row], str]
    """Formats the cell from its row and the first row of the report."""


Grid = tuple[list[str], list[list[str]]]
"""Headings and rows of cells."""

NAME = Column("model", lambda row, _: row.target.name)
PARAMETERS = Column("parameters", lambda row, _: f"{row.parameters:,}" if row.parameters else "")
THROUGHPUT = Column("images/s", lambda row, _: short(row.images_per_second))

SIZE = (
    Column("weights", lambda row, _: row.target.weights),
    PARAMETERS,
    Column("GFLOP", lambda row, _: short(row.flops / 1e9) if row.flops else ""),
    Column("peak MB", lambda row, _: f"{row.peak.bytes / 1e6:,.0f}" if row.peak else ""),
)
HOW = (
    Column("precision", lambda row, _: row.precision),
    Column("backend", lambda row, _: row.backend),
)
SPEED = (
    Column("ms", lambda row, _: _milliseconds(row.latency)),
    Column("p5–p95", lambda row, _: _spread(row.latency)),
    Column("ratio", lambda row, first: _ratio(row, first)),
    Column("load, ms", lambda row, _: short(1000 * row.until_first_pass) if row.until_first_pass else ""),
    Column("JPEG, ms", lambda row, _: _milliseconds(row.file_to_file)),
    Column("% of peak", lambda row, _: f"{100 * row.roof_share:.0f}" if row.roof_share else ""),
)
PAPER_FIGURES = (
    Column("authors' parameters", lambda row, _: _paper_figure(row, "parameters")),
    Column("authors' at 320×320, s", lambda row, _: _paper_figure(row, "seconds")),
)


def sizes(report: SizeReport) -> Grid:
    """Tabulates parameters, operations and memory.

    Args:
        report: The results. Precision and backend are shown only where rows differ in them.

    Returns:
        The headings and the cells.
    """
    return _grid(report, (NAME, *_differing(report), *SIZE))


def speeds(report: SizeReport) -> Grid:
    """Tabulates speed, also relative to the first row.

    Throughput is shown only for batches. For single pictures the latency implies it.

    Args:
        report: The results. Precision and backend are shown only where rows differ in them.

    Returns:
        The headings and the cells.
    """
    throughput = (THROUGHPUT,) if report.rows[0].batch > 1 else ()
    return _grid(report, (NAME, *_differing(report), *SPEED, *throughput))


def how(report: SizeReport) -> str:
    """Describes size, precision and backend as far as all rows share them.

    Args:
        report: The results.

    Returns:
        The values, separated by commas.
    """
    shared = ({column.cell(row, row) for row in report.rows} for column in HOW)
    return ", ".join(
        [f"{report.side}×{report.side}", *(one for values in shared if len(values) == 1 for one in values)]
    )


def beside_paper(report: SizeReport) -> Grid:
    """Tabulates our figures next to those of the authors' response.

    Args:
        report: The results.

    Returns:
        The headings and the cells.
    """
    parameters, seconds = PAPER_FIGURES
    brief = parameters._replace(heading="authors'"), seconds._replace(heading="authors', s")
    return _grid(report, (NAME, PARAMETERS, brief[0], _ours(report), brief[1]))


def paper_notes(report: SizeReport) -> list[str]:
    """Explains known differences from the figures of the authors' response.

    Args:
        report: The results.

    Returns:
        One sentence for each system that differs.
    """
    said = {row.target.name: row.target.paper_figures for row in report.rows}
    return [f"{name}: {figures.note}" for name, figures in said.items() if figures and figures.note]


def layers(row: Row) -> Grid:
    """Tabulates the slowest layers of a model.

    Args:
        row: The model's row.

    Returns:
        The headings and the cells.
    """
    cells = [
        [
            layer.name,
            short(1000 * layer.seconds),
            f"{100 * layer.share:.1f}",
            short(layer.gflops_per_second),
        ]
        for layer in row.layers
    ]
    return ["layer", "ms", "% of time", "GFLOP/s"], cells


def scaling(reports: Sequence[SizeReport]) -> Grid:
    """Tabulates the latency at every size and the fitted exponent of the number of pixels.

    Args:
        reports: One report per size, with the same rows.

    Returns:
        The headings and the cells.
    """
    headings = ["model", "precision", "backend", *(f"{report.side}, ms" for report in reports), "∝ pixels^"]
    cells = []
    for rows in zip(*(report.rows for report in reports), strict=True):
        times = {row.side: row.latency.median for row in rows if row.latency}
        exponent = fitted_exponent(times)
        cells.append(
            [
                rows[0].target.name,
                rows[0].precision,
                rows[0].backend,
                *(_milliseconds(row.latency) for row in rows),
                "" if exponent is None else f"{exponent:.2f}",
            ]
        )
    return headings, cells


def markdown(report: SizeReport) -> str:
    """Formats all results as a Markdown table under a line that describes the machine.

    Args:
        report: The results.

    Returns:
        The Markdown text with a footnote.
    """
    ours = (_ours(report),) if any(row.target.paper_figures for row in report.rows) else ()
    headings, cells = _grid(
        report, (NAME, *SIZE, *HOW, *SPEED, THROUGHPUT, PAPER_FIGURES[0], *ours, PAPER_FIGURES[1])
    )
    return f"{title(report)}\n\n{markdown_table(headings, cells)}\n{footnote(report)}\n"


def footnote(report: SizeReport) -> str:
    """Explains the columns.

    Args:
        report: The results.

    Returns:
        The footnote.
    """
    idle = {row.peak.idle for row in report.rows if row.peak and row.peak.idle}
    memory = " peak MB: of the device." if any(row.peak for row in report.rows) else ""
    if idle:
        memory = f" peak MB: of a whole process, {min(idle) / 1e6:.0f} of it Python and PyTorch."
        exports = {row.backend for row in report.rows if row.peak and row.backend in EXPORT_BACKENDS}
        if exports:
            memory += f" PyTorch is not needed for {' and '.join(sorted(exports))} outside this benchmark."
    return (
        "GFLOP: 10⁹ operations for one picture, two for each multiply-add of convolutions and matrix "
        "products. ms: median of one pass, over the whole batch; p5–p95: where nine passes of ten lie; "
        "load, ms: from opening the model to the end of its first pass, with what is cached; "
        f"JPEG, ms: one picture decoded, restored and encoded.{memory}"
    )


def title(report: SizeReport) -> str:
    """Describes batch, size and machine.

    Args:
        report: The results.

    Returns:
        The title.
    """
    batch = report.rows[0].batch
    pictures = f"{batch} pictures of " if batch > 1 else ""
    return f"{pictures}{report.side}×{report.side}: {report.machine}"


def short(value: float | None) -> str:
    """Formats a number with three significant digits, or with all digits before the point.

    Args:
        value: The number, or None.

    Returns:
        The text, empty for None.
    """
    if value is None:
        return ""
    places = 2 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:,.{max(places, 0)}f}"


def _differing(report: SizeReport) -> list[Column]:
    return [column for column in HOW if len({column.cell(row, row) for row in report.rows}) > 1]


def _ours(report: SizeReport) -> Column:
    """Makes the column of seconds per picture, the unit of the authors' response."""
    return Column(
        f"ours at {report.side}×{report.side}, s",
        lambda row, _: short(row.latency.median / row.batch) if row.latency else "",
    )


def _grid(report: SizeReport, columns: Sequence[Column]) -> Grid:
    first = report.rows[0]
    filled = [column for column in columns if any(column.cell(row, first) for row in report.rows)]
    cells = [[column.cell(row, first) for column in filled] for row in report.rows]
    return [column.heading for column in filled], cells


def _milliseconds(timing: Timing | None) -> str:
    return short(1000 * timing.median) if timing else ""


def _spread(timing: Timing | None) -> str:
    return f"{short(1000 * timing.p5)}–{short(1000 * timing.p95)}" if timing else ""


def _ratio(row: Row, first: Row) -> str:
    """Formats the time per picture divided by that of the first row."""
    mine, others = row.images_per_second, first.images_per_second
    return f"{others / mine:.2f}" if mine and others else ""


def _paper_figure(row: Row, field: str) -> str:
    value = getattr(row.target.paper_figures, field, None)
    return "" if value is None else f"{value:,}"


def fitted_exponent(seconds: Mapping[int, float]) -> float | None:
    """Fits the exponent a of seconds ∝ pixels^a by least squares over logarithms.

    An exponent of 1 is linear in the pixels. Below 1, small pictures leave the device idle. Above 1, large
    pictures exceed its caches.

    Args:
        seconds: Seconds by the side of the square picture in pixels.

    Returns:
        The exponent, or None for fewer than two sizes.
    """
    if len(seconds) < 2:
        return None
    pixels = 2 * np.log(list(seconds))
    return float(np.polyfit(pixels, np.log(list(seconds.values())), 1)[0])
