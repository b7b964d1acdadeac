"""Python in processes of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from deraincli.runtime.child_processes import run_python


def test_a_strangers_module_in_the_current_folder_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "colorsys.py").write_text("raise SystemExit('a stranger')")
    monkeypatch.chdir(tmp_path)
    done = run_python("-c", "import colorsys, deraincli; print(deraincli.__file__)")
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.strip()).is_file()
