"""How many CPUs a process may use, under real limits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deraincli.runtime import parallel


def test_affinity_is_heeded() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system has no affinity")
    code = (
        "import os; os.environ.pop('OMP_NUM_THREADS', None)\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from deraincli.runtime import parallel\n"
        "print(parallel.allowed_cpus(), parallel.usable_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1 1\n"


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_quotas_are_read(tmp_path: Path, files: dict[str, str], quota: float | None) -> None:
    """The formats that the kernel documents for control groups of version 2 and 1."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert parallel.cpu_quota(tmp_path) == quota


@pytest.mark.parametrize(("asked", "heeded"), [("3", True), ("", False), ("many", False), ("0", False)])
def test_omp_num_threads_decides_where_it_is_a_number(monkeypatch, asked: str, heeded: bool) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert parallel.usable_threads() == 3 if heeded else parallel.usable_threads() <= parallel.allowed_cpus()
