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

NAME = Column("model", lambda row, _: row.subject.name)
PARAMETERS = Column("parameters", lambda row, _: f"{row.parameters:,}" if row.parameters else "")
THROUGHPUT = Column("images/s", lambda row, _: short(row.images_per_second))

SIZE = (
    Column("weights", lambda row, _: row.subject.weights),
    PARAMETERS,
    Column("GFLOP", lambda row, _: short(row.flops / 1e9) if row.flops else ""),
    Column("peak MB", lambda row, _: f"{row.peak.bytes / 2**20:,.0f}" if row.peak else ""),
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


def sizes(sheet: SizeReport) -> Grid:
    """Tabulates parameters, operations and memory.

    Args:
        sheet: The results. Precision and backend are shown only where rows differ in them.

    Returns:
        The headings and the cells.
    """
    return _grid(sheet, (NAME, *_differing(sheet), *SIZE))


def speeds(sheet: SizeReport) -> Grid:
    """Tabulates speed, also relative to the first row.

    Throughput is shown only for batches. For single pictures the latency implies it.

    Args:
        sheet: The results. Precision and backend are shown only where rows differ in them.

    Returns:
        The headings and the cells.
    """
    throughput = (THROUGHPUT,) if sheet.rows[0].batch > 1 else ()
    return _grid(sheet, (NAME, *_differing(sheet), *SPEED, *throughput))


def how(sheet: SizeReport) -> str:
    """Describes size, precision and backend as far as all rows share them.

    Args:
        sheet: The results.

    Returns:
        The values, separated by commas.
    """
    shared = ({column.cell(row, row) for row in sheet.rows} for column in HOW)
    return ", ".join(
        [f"{sheet.side}×{sheet.side}", *(one for values in shared if len(values) == 1 for one in values)]
    )


def beside_paper(sheet: SizeReport) -> Grid:
    """Tabulates our figures next to those of the authors' response.

    Args:
        sheet: The results.

    Returns:
        The headings and the cells.
    """
    parameters, seconds = PAPER_FIGURES
    brief = parameters._replace(heading="authors'"), seconds._replace(heading="authors', s")
    return _grid(sheet, (NAME, PARAMETERS, brief[0], _ours(sheet), brief[1]))


def paper_notes(sheet: SizeReport) -> list[str]:
    """Explains known differences from the figures of the authors' response.

    Args:
        sheet: The results.

    Returns:
        One sentence for each system that differs.
    """
    said = {row.subject.name: row.subject.paper_figures for row in sheet.rows}
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


def scaling(sheets: Sequence[SizeReport]) -> Grid:
    """Tabulates the latency at every size and the fitted exponent of the number of pixels.

    Args:
        sheets: One report per size, with the same rows.

    Returns:
        The headings and the cells.
    """
    headings = ["model", "precision", "backend", *(f"{sheet.side}, ms" for sheet in sheets), "∝ pixels^"]
    cells = []
    for rows in zip(*(sheet.rows for sheet in sheets), strict=True):
        times = {row.side: row.latency.median for row in rows if row.latency}
        exponent = fitted_exponent(times)
        cells.append(
            [
                rows[0].subject.name,
                rows[0].precision,
                rows[0].backend,
                *(_milliseconds(row.latency) for row in rows),
                "" if exponent is None else f"{exponent:.2f}",
            ]
        )
    return headings, cells


def markdown(sheet: SizeReport) -> str:
    """Formats all results as a Markdown table under a line that describes the machine.

    Args:
        sheet: The results.

    Returns:
        The Markdown text with a footnote.
    """
    ours = (_ours(sheet),) if any(row.subject.paper_figures for row in sheet.rows) else ()
    headings, cells = _grid(
        sheet, (NAME, *SIZE, *HOW, *SPEED, THROUGHPUT, PAPER_FIGURES[0], *ours, PAPER_FIGURES[1])
    )
    return f"{title(sheet)}\n\n{markdown_table(headings, cells)}\n{footnote(sheet)}\n"


def footnote(sheet: SizeReport) -> str:
    """Explains the columns.

    Args:
        sheet: The results.

    Returns:
        The footnote.
    """
    idle = {row.peak.idle for row in sheet.rows if row.peak and row.peak.idle}
    memory = " peak MB: of the device." if any(row.peak for row in sheet.rows) else ""
    if idle:
        memory = f" peak MB: of a whole process, {min(idle) / 2**20:.0f} of it Python and PyTorch."
        exports = {row.backend for row in sheet.rows if row.peak and row.backend in EXPORT_BACKENDS}
        if exports:
            memory += f" PyTorch is not needed for {' and '.join(sorted(exports))} outside this benchmark."
    return (
        "GFLOP: 10⁹ operations for one picture, two for each multiply-add of convolutions and matrix "
        "products. ms: median of one pass, over the whole batch; p5–p95: where nine passes of ten lie; "
        "load, ms: from opening the model to the end of its first pass, with what is cached; "
        f"JPEG, ms: one picture decoded, restored and encoded.{memory}"
    )


def title(sheet: SizeReport) -> str:
    """Describes batch, size and machine.

    Args:
        sheet: The results.

    Returns:
        The title.
    """
    batch = sheet.rows[0].batch
    pictures = f"{batch} pictures of " if batch > 1 else ""
    return f"{pictures}{sheet.side}×{sheet.side}: {sheet.machine}"


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


def _differing(sheet: SizeReport) -> list[Column]:
    return [column for column in HOW if len({column.cell(row, row) for row in sheet.rows}) > 1]


def _ours(sheet: SizeReport) -> Column:
    """Makes the column of seconds per picture, the unit of the authors' response."""
    return Column(
        f"ours at {sheet.side}×{sheet.side}, s",
        lambda row, _: short(row.latency.median / row.batch) if row.latency else "",
    )


def _grid(sheet: SizeReport, columns: Sequence[Column]) -> Grid:
    first = sheet.rows[0]
    filled = [column for column in columns if any(column.cell(row, first) for row in sheet.rows)]
    cells = [[column.cell(row, first) for column in filled] for row in sheet.rows]
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
    value = getattr(row.subject.paper_figures, field, None)
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
