"""Measures peak memory of one pass.

On CUDA, the allocator counts. On a CPU, a separate process measures the pass. It is started as
`python -m deraincli.benchmark.memory '{"name": …}'`. If memory runs out, only that process fails.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import psutil
import torch
from torch import nn

from deraincli.benchmark.open_targets import open_target
from deraincli.benchmark.targets import find_target
from deraincli.benchmark.workloads import Workload
from deraincli.runtime import process
from deraincli.runtime.child_processes import run_python


@dataclass(frozen=True)
class Pass:
    """A pass to run in another process."""

    name: str
    """Name of the target."""
    side: int
    """Side of the square pictures in pixels."""
    batch: int
    """Number of pictures."""
    precision: str
    """Precision of the computation."""
    backend: str
    """Name of the backend."""
    threads: int
    """Number of CPU threads that PyTorch uses."""


class Peak(NamedTuple):
    """Peak memory in bytes."""

    bytes: int
    """The peak, with `idle` included."""
    idle: int
    """Bytes that the process held before it built a network. 0 where the device counts."""


def peak_in_own_process(wanted: Pass) -> Peak:
    """Measures a process that builds the network and runs it once on the CPU.

    Args:
        wanted: The pass to run.

    Returns:
        The largest resident memory of the process.

    Raises:
        MemoryError: Memory runs out.
        RuntimeError: The process fails for another reason.
    """
    done = run_python("-m", "deraincli.benchmark.memory", json.dumps(asdict(wanted)))
    if done.returncode == 0:
        return Peak(*json.loads(done.stdout))
    if done.returncode < 0 or done.stderr.rstrip().rpartition("\n")[2].startswith("MemoryError"):
        raise MemoryError(f"{wanted.name} at {wanted.side}×{wanted.side}")
    raise RuntimeError(done.stderr)


def peak_on_device(workload: Workload, weights: int, device: torch.device) -> Peak:
    """Measures the peak of CUDA's allocator during one pass.

    Args:
        workload: The pass to run.
        weights: Size of the network's weights in bytes, which is added to the peak.
        device: The CUDA device.

    Returns:
        The peak, including the weights.

    Raises:
        MemoryError: Memory runs out.
    """
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    workload.run(workload.fresh())
    return Peak(torch.cuda.max_memory_allocated(device) - before + weights, 0)


def resident_peak() -> int:
    """Returns the peak resident memory of this process in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would include the parent process
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def _limit_memory() -> None:
    """Makes allocations beyond the free memory fail, so that the system kills no process."""
    if sys.platform == "linux":
        process = psutil.Process()
        most = process.memory_info().vms + psutil.virtual_memory().available
        process.rlimit(psutil.RLIMIT_AS, (most, most))


def main() -> None:
    """Runs the pass given as JSON and prints peak and idle bytes as JSON."""
    wanted = Pass(**json.loads(sys.argv[1]))
    torch.set_num_threads(wanted.threads)
    process.prepare()
    _limit_memory()
    # Imports modules that loading a file imports and building a random network does not.
    nn.Linear(1, 1, device="meta").to_empty(device="cpu")
    idle = resident_peak()
    target = find_target(wanted.name)
    opened = open_target(
        target, target.build(), device="cpu", precision=wanted.precision, backend=wanted.backend
    )
    workload = opened.forward_pass(wanted.side, wanted.batch)
    workload.run(workload.fresh())
    print(json.dumps([resident_peak(), idle]))


if __name__ == "__main__":
    main()
