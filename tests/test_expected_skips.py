"""A skip that nobody expects fails in CI, and only there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPED = """
import pytest

def test_it():
    pytest.skip("Octave is not installed")
"""


@pytest.mark.parametrize(
    ("environment", "code"),
    [({"CI": "1"}, 1), ({"CI": "1", "MAY_SKIP": "Ray,Octave"}, 0), ({}, 0)],
)
def test_skips_that_nobody_expects_fail_in_ci(tmp_path: Path, environment: dict[str, str], code: int) -> None:
    (tmp_path / "test_it.py").write_text(SKIPPED)
    inherited = {name: value for name, value in os.environ.items() if name not in ("CI", "MAY_SKIP")}
    inherited = {name: value for name, value in inherited.items() if not name.startswith("PYTEST")}
    inherited["PYTHONPATH"] = str(Path(__file__).parent)
    command = [sys.executable, "-m", "pytest", "-p", "expected_skips", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, cwd=tmp_path, env=inherited | environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout
    assert ("UNEXPECTED SKIP" in done.stdout) == bool(code)
