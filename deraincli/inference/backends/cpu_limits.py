"""How many CPUs this process may use, which in containers is fewer than the machine has."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def machine_cpus() -> int:
    """Logical CPUs of the machine."""
    return os.cpu_count() or 1


def allowed_cpus() -> int:
    """CPUs that the scheduler gives this process (`taskset`, cpusets); all where the system cannot tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else machine_cpus()


def cpu_quota(cgroups: Path = CGROUPS) -> float | None:
    """CPUs' worth of time that a container may use (`docker --cpus`), None without a limit.

    `cgroups`: where the kernel shows control groups, of version 2 or 1.
    """
    try:
        quota, period = (cgroups / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (cgroups / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroups / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    return int(quota) / int(period) if quota not in ("max", "-1") else None


def usable_cpus() -> int:
    """CPUs that both the scheduler and the container's limit allow this process."""
    quota = cpu_quota()
    return min(allowed_cpus(), math.ceil(quota) if quota else allowed_cpus())


def usable_threads() -> int:
    """Threads worth starting: OMP_NUM_THREADS where it is set, as in PyTorch, else what the limits allow."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return usable_cpus()
