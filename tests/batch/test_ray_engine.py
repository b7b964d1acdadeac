"""The Ray engine for real: a local Ray with two workers, one of which is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deraincli.batch.ray_engine import gpus_each

pytest.importorskip("ray.data", reason="Ray is not installed")

COUNT = 16


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def worker_of(process: psutil.Process) -> psutil.Process:
    """A Ray worker below a process that has loaded PyTorch and so may be at work."""
    below = process.children(recursive=True)
    return max(below, key=lambda child: child.memory_info().rss)


@settings(deadline=None)
@given(st.integers(1, 64), st.integers(1, 64))
def test_actors_get_gpus_that_there_are_in_a_quantity_that_ray_accepts(gpus: int, workers: int) -> None:
    """Ray accepts no fraction above one."""
    share = gpus_each(gpus, workers)
    assert 0 < share <= 1
    assert share * workers <= gpus * (1 + 1e-9)
    assert gpus_each(0, workers) is None


def test_same_bytes_as_locally_though_a_worker_dies_and_a_file_is_broken(tmp_path, random_model):
    photos = tmp_path / "photos"
    photos.mkdir()
    for n in range(COUNT):
        pixels = np.random.default_rng(n).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(photos / f"{n}.png")
    (photos / os.fsdecode(b"br\xf6ken.png")).write_bytes((photos / "0.png").read_bytes()[:900])
    batch = [sys.executable, "-m", "deraincli", "batch", str(photos), "-m", str(random_model), "--json"]
    batch += ["--tile", "off", "--precision", "fp32", "--device", "cpu"]
    local = subprocess.run([*batch, "-o", str(tmp_path / "local")], capture_output=True)
    assert local.returncode == 3

    ray = [*batch, "-o", str(tmp_path / "ray"), "--engine", "ray", "--jobs", "2"]
    as_nice_as_we_are = {**os.environ, "RAY_worker_niceness": "0"}
    with subprocess.Popen(ray, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=as_nice_as_we_are) as run:
        assert run.stdout is not None and run.stderr is not None
        lines = [run.stdout.readline()]
        worker_of(psutil.Process(run.pid)).send_signal(signal.SIGKILL)
        lines += run.stdout.readlines()
        said = run.stderr.read().decode()
    assert run.returncode == 3, said
    status = [json.loads(line)["status"] for line in lines]
    assert (status.count("done"), status.count("failed")) == (COUNT, 1), said
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")

    again = subprocess.run([*batch, "-o", str(tmp_path / "ray")], capture_output=True, text=True)
    assert again.stdout.count('"skipped"') == COUNT
