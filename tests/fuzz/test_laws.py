"""Laws of records, pages and configs over texts and values that hypothesis chooses."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from file_laws import check_page
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seed_files import journals

from deraincli.errors import UsageError
from deraincli.files.journal import Journal
from deraincli.models.config_io import dump_config, parse_config
from deraincli.training.config import TrainingConfig

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
"""Any JSON value."""


def test_a_journal_cut_at_any_byte_loses_its_last_record_at_most(tmp_path: Path) -> None:
    """It also takes a new record after that, which loses nothing."""
    whole = journals()[0]
    path = tmp_path / "journal.jsonl"
    ends = [place + 1 for place in range(len(whole)) if whole[place : place + 2] == b"}\n"]
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        complete = sum(end <= length for end in ends)
        assert len(Journal(path)) == complete
    for length in (0, 1, ends[1] - 1, ends[1], ends[2] - 9):
        path.write_bytes(whole[:length])
        before = len(Journal(path))
        Journal(path).record("new", 1)
        assert len(Journal(path)) == before + 1
        assert Journal(path).get("new") == 1


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=20), JSON, max_size=4))
def test_a_journal_reads_what_it_recorded(records: dict[str, object]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        for key, value in records.items():
            Journal(path).record(key, value)
        again = Journal(path)
        assert {key: again.get(key) for key in records} == records


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=60))
def test_a_name_stays_text_on_a_page(name: str) -> None:
    check_page(name.encode("utf-8", "surrogatepass"), Path())


@settings(max_examples=100, deadline=None)
@given(
    key=st.sampled_from(["network", "task", "seed", "compile", "max_minutes", "data", "loss", "optimiser"]),
    value=JSON,
)
def test_a_config_is_read_as_written_or_refused(key: str, value: object) -> None:
    values = {"network": "ddn", "data": {"validation": "pairs"}, key: value}
    try:
        config = parse_config(TrainingConfig, values, source="a test")
    except UsageError as error:
        assert "\n" not in str(error)
        return
    written = json.loads(json.dumps(dump_config(config)))
    assert parse_config(TrainingConfig, written, source="a test") == config
