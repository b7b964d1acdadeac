"""Describes the machine of a measurement."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from deraincli.runtime.parallel import machine_cpus


@dataclass(frozen=True)
class Machine:
    """Hardware, libraries and load of a machine."""

    device: str
    """PyTorch's name of the device, such as `cpu`, `cuda:0` or `mps`."""
    name: str
    """Name of the processor that computes."""
    cores: int
    """Number of logical CPUs."""
    threads: int
    """Number of CPU threads that PyTorch uses."""
    memory: int
    """Memory of the CUDA device, otherwise of the machine, in bytes."""
    torch: str
    """Version of PyTorch."""
    python: str
    """Version of Python."""
    system: str
    """Operating system and architecture."""
    load: float | None
    """Load average of the last minute. None where the system does not provide it."""

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        cpu = f", {threads} of {self.cores}" if self.device == "cpu" else ""
        return (
            f"{self.name} ({self.device}{cpu}, {self.memory / 2**30:.0f} GiB), "
            f"PyTorch {self.torch}, Python {self.python}, {self.system}"
        )


def describe(device: torch.device) -> Machine:
    """Describes the machine in its current state.

    Args:
        device: The device that computes.

    Returns:
        The description.
    """
    cuda = device.type == "cuda"
    properties = torch.cuda.get_device_properties(device) if cuda else None
    return Machine(
        device=str(device),
        name=properties.name if properties else cpu_name(),
        cores=machine_cpus(),
        threads=torch.get_num_threads(),
        memory=properties.total_memory if properties else psutil.virtual_memory().total,
        torch=torch.__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    )


def cpu_name() -> str:
    """Returns the processor's model name as the system reports it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    if platform.system() == "Darwin":
        asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    return platform.processor() or platform.machine()
