"""A short, deterministic fuzz of every reader, and every file that an earlier fuzz has found.

The long one is `python tests/fuzz/run.py --minutes 60`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from targets import TARGETS, case

# The decoder ignores these, but pytest resets the filters for every test.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

FINDS = sorted((Path(__file__).parent / "finds").iterdir())


@pytest.mark.parametrize("name", TARGETS)
def test_whole_and_damaged_files_keep_the_laws(name: str, tmp_path: Path, capfd) -> None:
    target = TARGETS[name]
    for data in target.seeds():
        target.check(data, tmp_path)
    for number in range(target.cases):
        try:
            target.check(case(target, name, 0, number), tmp_path)
        except Exception as error:
            error.add_note(f"case {number} of {name}")
            raise
    printed = capfd.readouterr()
    assert target.unexpected(printed.out + printed.err) == ""


@pytest.mark.parametrize("find", FINDS, ids=lambda find: find.name)
def test_files_that_were_found_keep_the_laws(find: Path, tmp_path: Path, capfd) -> None:
    name = find.name.partition("-")[0]
    TARGETS[name].check(find.read_bytes(), tmp_path)
    assert capfd.readouterr() == ("", "")
