"""Runs a benchmark of every model in every precision, one size after another."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import torch

from deraincli.benchmark.environment import describe
from deraincli.benchmark.flops import count_flops, count_parameters
from deraincli.benchmark.memory import Pass, peak_in_own_process, peak_on_device
from deraincli.benchmark.open_targets import OpenTarget, open_target
from deraincli.benchmark.results import Row, SizeReport
from deraincli.benchmark.roofline import MatrixProduct
from deraincli.benchmark.targets import Target
from deraincli.benchmark.timing import time_in_turn
from deraincli.benchmark.workloads import FileToFile, Workload
from deraincli.callbacks import OnWarning
from deraincli.errors import DeviceError, ModelError
from deraincli.geometry import round_up
from deraincli.inference.backends.torch_device import PRECISIONS, choose_device
from deraincli.inference.backends.torch_memory import free_memory
from deraincli.models.base import RestorationNetwork
from deraincli.restoration.derainer import ModelDerainer

SLOWEST = 10
"""Number of layers that a roofline lists."""

OnStep = Callable[[int, int, str], None]
"""Callback that receives the steps done, the number of steps and a description."""


@dataclass(frozen=True)
class BenchmarkRequest:
    """What to measure. Rows are all combinations of target, precision and backend, in this order."""

    targets: Sequence[Target]
    """Targets to measure."""
    sides: Sequence[int] = (320,)
    """Sides of the square pictures in pixels."""
    precisions: Sequence[str] = ("auto",)
    """Precisions of the computation. `auto` depends on the device."""
    backends: Sequence[str] = ("eager",)
    """Names of the backends."""
    device: str = "auto"
    """Name of the device. `auto` chooses it."""
    batch: int = 1
    """Number of pictures per pass."""
    rounds: int = 15
    """Number of timed runs of each workload. Slow workloads run fewer."""
    threads: int | None = None
    """Number of CPU threads. None leaves the choice to PyTorch."""
    file_to_file: bool = False
    """Whether to time pictures from file to file as well."""
    roofline: bool = False
    """Whether to compare with the machine's peak and list the slowest layers."""


@dataclass
class _Entry:
    """A loaded target, or the reason why it is not loaded."""

    target: Target
    shapes: RestorationNetwork | None
    """The network as defined, on the meta device. None for a classical method."""
    precision: str
    backend: str
    opened: OpenTarget | None = None
    opening: float | None = None
    """Seconds that `opened` took."""
    failure: DeviceError | ModelError | None = None


def benchmark(request: BenchmarkRequest, *, on_progress: OnStep, on_note: OnWarning) -> Iterator[SizeReport]:
    """Measures all targets at every size. A failed measurement becomes a row with its `error`.

    Args:
        request: What to measure.
        on_progress: Receives the steps done, the number of steps and a description.
        on_note: Receives sentences about how targets run.

    Yields:
        The report of one size.

    Raises:
        ModelError: A model is missing or damaged.
        DeviceError: The device is not available.
        UsageError: The request is invalid.
    """
    device = choose_device(request.device)
    if request.threads is not None:
        torch.set_num_threads(request.threads)
        os.environ["OMP_NUM_THREADS"] = str(request.threads)  # the programs that run exports heed it
    ways = list(product(request.precisions, request.backends))
    entries = [
        _load(target, device, precision, backend)
        for target in request.targets
        for precision, backend in (ways if target.weights != "none" else ways[:1])
    ]
    failures = [entry.failure for entry in entries]
    if isinstance(failures[0], DeviceError) and None not in failures:
        raise failures[0]
    for entry in entries:
        if entry.opened:
            entry.opened.forward_pass(1, request.batch)  # raises errors before any work
            for note in entry.opened.backend.notes:
                on_note(note)
    for side in request.sides:
        report = SizeReport(side, describe(device), [], {})
        for number, entry in enumerate(entries):
            on_progress(number, len(entries), f"memory of {entry.target.name} at {side}×{side}")
            report.rows.append(_count(entry, side, request.batch, on_note))
            _measure_memory(entry, report.rows[-1], device)
        _measure_time(entries, report, request, device, on_progress)
        yield report


def _load(target: Target, device: torch.device, precision: str, backend: str) -> _Entry:
    network = target.build()
    entry = _Entry(target, copy.deepcopy(network).to("meta") if network else None, precision, backend)
    start = time.perf_counter()
    try:
        entry.opened = open_target(target, network, device=str(device), precision=precision, backend=backend)
    except (DeviceError, ModelError) as error:
        entry.failure = error
    else:
        entry.opening = time.perf_counter() - start
        entry.precision, entry.backend = entry.opened.backend.precision, entry.opened.backend.backend
    return entry


def _count(entry: _Entry, side: int, batch: int, on_note: OnWarning) -> Row:
    """Makes a row with all figures that are counted rather than measured."""
    name, multiple = entry.target.name, entry.target.size_multiple(entry.shapes)
    padded = round_up(side, multiple)
    if padded != side:
        on_note(f"{name} takes multiples of {multiple}, so {side}×{side} runs padded to {padded}×{padded}.")
    row = Row(entry.target, entry.precision, entry.backend, batch, padded)
    row.opening, row.error = entry.opening, str(entry.failure) if entry.failure else None
    if entry.shapes is not None:
        row.parameters = count_parameters(entry.shapes)
        row.flops = count_flops(entry.shapes, padded)
    return row


def _measure_memory(entry: _Entry, row: Row, device: torch.device) -> None:
    if entry.opened is None:
        return
    least = entry.opened.least_memory(row.side, row.batch)
    if least is not None and least > free_memory(device):
        # Reported at once, because a trial would take minutes.
        row.error = _shortage(row)
        return
    try:
        weights = entry.opened.bytes_on_cuda()
        if weights is not None:
            row.peak = peak_on_device(entry.opened.forward_pass(row.side, row.batch), weights, device)
        elif str(entry.opened.backend.device) == "cpu":
            threads = torch.get_num_threads()
            row.peak = peak_in_own_process(
                Pass(entry.target.name, row.side, row.batch, row.precision, row.backend, threads)
            )
    except MemoryError:
        row.error = _shortage(row)


def _measure_time(
    entries: Sequence[_Entry],
    report: SizeReport,
    request: BenchmarkRequest,
    device: torch.device,
    on_progress: OnStep,
) -> None:
    """Times all workloads of one size in turn, including the matrix products."""
    forward: list[Workload | None] = []
    files: list[Workload | None] = []
    for entry, row in zip(entries, report.rows, strict=True):
        ready = entry.opened if row.error is None else None
        forward.append(ready.forward_pass(row.side, row.batch) if ready else None)
        wanted = ready.backend if ready and request.file_to_file else None
        files.append(
            FileToFile(ModelDerainer(row.target.name, wanted, "auto", "auto", "full"), report.side)
            if wanted
            else None
        )
    roofs = _roofs(report.rows, device) if request.roofline else []
    timings = time_in_turn(
        [workload for workload in (*forward, *files, *roofs) if workload],
        rounds=request.rounds,
        on_round=lambda done: on_progress(done, request.rounds, f"rounds at {report.side}×{report.side}"),
    )
    for row, network, file_to_file in zip(report.rows, forward, files, strict=True):
        row.latency = timings.get(network) if network else None
        row.file_to_file = timings.get(file_to_file) if file_to_file else None
        if network and not row.latency:
            row.error = _shortage(row)
    for roof in roofs:
        speed = roof.flops / timings[roof].median
        report.roofs[roof.precision] = max(speed, report.roofs.get(roof.precision, 0))
    if request.roofline:
        for entry, row in zip(entries, report.rows, strict=True):
            _compare_with_roof(entry, row, report.roofs)


def _roofs(rows: Sequence[Row], device: torch.device) -> list[MatrixProduct]:
    ready = dict.fromkeys(row.precision for row in rows if row.error is None and row.precision in PRECISIONS)
    return [
        MatrixProduct(precision, device, as_convolution=as_convolution)
        for precision, as_convolution in product(ready, (False, True))
    ]


def _compare_with_roof(entry: _Entry, row: Row, roofs: Mapping[str, float]) -> None:
    if row.flops_per_second is not None and row.precision in roofs:
        row.roof_share = row.flops_per_second / roofs[row.precision]
        if entry.opened:
            row.layers = entry.opened.slowest_layers(row.side, row.batch, SLOWEST)


def _shortage(row: Row) -> str:
    pictures = (
        f"{row.side}×{row.side}" if row.batch == 1 else f"{row.batch} pictures of {row.side}×{row.side}"
    )
    remedy = "size" if row.batch == 1 else "batch or size"
    return f"There is too little memory for {pictures} in one piece: choose a smaller {remedy}."
