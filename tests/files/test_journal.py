"""A journal survives a kill at any moment."""

from __future__ import annotations

from pathlib import Path

import pytest
from closed import permissions_bind

from deraincli.errors import OutputError
from deraincli.files.journal import Journal

RECORDS = [("a", 1), ("b", {"ä": [1, 2.5, None]}), ("a", "two\nlines")]


def contents(path: Path) -> dict[str, object]:
    journal = Journal(path)
    return {key: journal.get(key) for key in ("a", "b", "later")}


def test_a_journal_cut_at_any_byte_keeps_its_whole_records_and_goes_on(tmp_path: Path) -> None:
    whole, ends = tmp_path / "whole", []
    for key, value in RECORDS:
        Journal(whole).record(key, value)
        ends.append(whole.stat().st_size - 1)  # a record is whole without the newline at its end
    data = whole.read_bytes()
    for length in range(len(data) + 1):
        path = tmp_path / "cut"
        path.write_bytes(data[:length])
        kept = dict(record for record, end in zip(RECORDS, ends, strict=True) if end <= length)
        assert contents(path) == {"a": None, "b": None, "later": None} | kept
        Journal(path).record("later", length)
        assert contents(path) == {"a": None, "b": None} | kept | {"later": length}


@pytest.mark.parametrize("closed", ["records", "records/journal"])
def test_a_journal_that_cannot_be_read_is_one_sentence(tmp_path: Path, closed: str) -> None:
    path = tmp_path / "records" / "journal"
    Journal(path).record("a", 1)
    (tmp_path / closed).chmod(0)
    try:
        with (
            permissions_bind(),
            pytest.raises(OutputError, match="records/journal' cannot be read: Permission"),
        ):
            Journal(path)
    finally:
        (tmp_path / closed).chmod(0o700)
