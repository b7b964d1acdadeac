"""Peak memory of one pass.

On CUDA the allocator counts. On a CPU only a process that does nothing else tells, so one is started:
python -m deraincli.benchmark.memory '{"name": …}'. It also takes the blow where memory does not suffice.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import psutil
import torch
from torch import nn

from deraincli.benchmark.targets import find_target
from deraincli.benchmark.workloads import Workload, forward_pass, open_backend


@dataclass(frozen=True)
class Pass:
    """What to run, in words that reach another process."""

    name: str
    """Of the subject."""
    side: int
    batch: int
    precision: str
    backend: str
    threads: int


class Peak(NamedTuple):
    """Bytes."""

    bytes: int
    idle: int
    """Of them, what the process held before it had a network; 0 where the device counts."""


def peak_in_own_process(wanted: Pass) -> Peak:
    """The largest resident memory of a process that builds the network and runs it once on the CPU.

    Raises MemoryError where memory runs out.
    """
    command = [sys.executable, "-m", "deraincli.benchmark.memory", json.dumps(asdict(wanted))]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return Peak(*json.loads(done.stdout))
    if done.returncode < 0 or done.stderr.rstrip().rpartition("\n")[2].startswith("MemoryError"):
        raise MemoryError(f"{wanted.name} at {wanted.side}×{wanted.side}")
    raise RuntimeError(done.stderr)


def peak_on_device(workload: Workload, weights: int, device: torch.device) -> Peak:
    """What CUDA's allocator gives at most, the network's own `weights` (bytes) included.

    Raises MemoryError where memory runs out.
    """
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    workload.run(workload.fresh())
    return Peak(torch.cuda.max_memory_allocated(device) - before + weights, 0)


def resident_peak() -> int:
    """The most bytes of memory that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would tell of the parent process, too
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def _limit_memory() -> None:
    """Makes allocations beyond the free memory fail here, rather than some process be killed."""
    if sys.platform == "linux":
        process = psutil.Process()
        most = process.memory_info().vms + psutil.virtual_memory().available
        process.rlimit(psutil.RLIMIT_AS, (most, most))


def main() -> None:
    """Prints peak and idle bytes as JSON."""
    wanted = Pass(**json.loads(sys.argv[1]))
    torch.set_num_threads(wanted.threads)
    _limit_memory()
    # Imports what loading a file does, and building a network with random weights does not.
    nn.Linear(1, 1, device="meta").to_empty(device="cpu")
    idle = resident_peak()
    subject = find_target(wanted.name)
    backend = open_backend(subject, device="cpu", precision=wanted.precision, backend=wanted.backend)
    workload = forward_pass(backend, wanted.side, wanted.batch)
    workload.run(workload.fresh())
    print(json.dumps([resident_peak(), idle]))


if __name__ == "__main__":
    main()
