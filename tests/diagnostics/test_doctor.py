"""`derain doctor` in environments that are broken for real."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deraincli.diagnostics import doctor
from deraincli.files.locations import weights_folder
from deraincli.model_zoo import catalogue
from deraincli.runtime import parallel


def rows(check) -> dict[str, doctor.Finding]:
    return {finding.check: finding for finding in check()}


def run_python(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    env = {**os.environ, **environment}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def state(check: str, **environment: str) -> list[tuple[str, str]]:
    """Name and state of a check's rows in a fresh interpreter."""
    code = "from deraincli.diagnostics import doctor\n"
    code += f"for row in doctor.{check}(): print(row.check, row.state, sep='|')"
    return [tuple(line.split("|")) for line in run_python(code, **environment).splitlines()]


def install(folder: Path, name: str, version: str = "1.0") -> None:
    """A package as pip records it."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_a_sound_installation_passes(derain) -> None:
    done = derain("doctor", "--json")
    found = {row["check"]: row for row in map(json.loads, done.out.splitlines())}
    failed = [row for row in found.values() if row["state"] == "fail"]
    assert (done.code, failed) == (0, [])
    assert {"Python", "PyTorch", "OpenCV", "devices", "CPU threads", "cache", "restoration on cpu"} <= set(
        found
    )
    assert all(row.keys() == {"check", "state", "found", "remedy"} for row in found.values())
    assert all(row["remedy"] for row in found.values() if row["state"] != "OK")


def test_a_failure_ends_with_1_and_quiet_shows_only_that(derain, tmp_path: Path, monkeypatch) -> None:
    install(tmp_path, "opencv-python")
    monkeypatch.syspath_prepend(str(tmp_path))
    done = derain("doctor", "--quiet")
    lines = done.out.decode().splitlines()
    assert done.code == 1
    assert len(lines) == 2
    assert lines[0].startswith("fail OpenCV: opencv-python 1.0 and opencv-python-headless")
    assert "pip uninstall" in lines[1]


def test_a_missing_package_fails(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])  # nothing is installed there
    (found,) = doctor.check_packages()
    assert found.state == "fail"
    assert "numpy" in found.found
    (found,) = doctor.check_opencv()
    assert (found.state, found.found) == ("fail", "not installed")


def test_torchvision_that_does_not_import_beside_torch_fails(tmp_path: Path) -> None:
    install(tmp_path, "torchvision", "0.1")
    (tmp_path / "torchvision.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    assert state("check_torchvision", PYTHONPATH=str(tmp_path)) == [("torchvision", "fail")]


def test_torchvision_that_is_missing_is_nothing_to_mend(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    (found,) = doctor.check_torchvision()
    assert (found.state, found.remedy) == ("OK", "")
    assert "perceptual" in found.found


def test_a_torch_that_does_not_import_fails_and_ends_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("import os; os.abort()\n")
    assert state("check_torch", PYTHONPATH=str(tmp_path)) == [("PyTorch", "fail")]
    for check in ("check_devices", "check_bf16", "check_restoration"):
        assert state(check, PYTHONPATH=str(tmp_path)) == []


def test_caches_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    found = state(
        "check_caches",
        XDG_CACHE_HOME=str(blocked / "sub"),
        HF_HOME=str(blocked / "hub"),
        HF_HUB_CACHE=str(blocked / "hub"),
    )
    assert found == [("cache", "warn"), ("Hub cache", "warn")]


def test_a_cache_is_tried_without_a_trace(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "new"))
    assert rows(doctor.check_caches)["cache"].state == "OK"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("flag", "expected"), [("1", "warn"), ("0", "OK")])
def test_the_offline_flag_is_told(flag: str, expected: str) -> None:
    assert state("check_offline", HF_HUB_OFFLINE=flag) == [("network", expected)]


def test_shipped_weights_are_compared_with_the_catalogue(tmp_path: Path, monkeypatch) -> None:
    assert {row.state for row in doctor.check_weights()} == {"OK"}
    copies = tmp_path / "weights"
    shutil.copytree(weights_folder(), copies)
    monkeypatch.setattr(doctor, "weights_folder", lambda: copies)
    name, model = next(iter(catalogue.SHIPPED.items()))
    data = bytearray((copies / model.file).read_bytes())
    data[-1] ^= 1
    (copies / model.file).write_bytes(data)
    found = rows(doctor.check_weights)[f"weights {name}"]
    assert (found.state, "damaged" in found.found) == ("fail", True)
    (copies / model.file).unlink()
    found = rows(doctor.check_weights)[f"weights {name}"]
    assert (found.state, "missing" in found.found) == ("fail", True)


@pytest.mark.skipif(parallel.allowed_cpus() < 2, reason="there is but one CPU to begin with")
def test_limited_cpus_are_told() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from deraincli.diagnostics import doctor\n"
        "print(*next(doctor.check_threads()).found.split()[:3], sep=' ')"
    )
    assert run_python(code) == f"1 of {parallel.machine_cpus()}\n"


def test_a_quota_below_the_threads_that_start_is_told(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    quota = parallel.cpu_quota(tmp_path)
    monkeypatch.setattr(parallel, "cpu_quota", lambda: quota)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    (found,) = doctor.check_threads()
    assert (found.state, "OMP_NUM_THREADS=1" in found.remedy) == ("warn", True)
