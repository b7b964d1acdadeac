"""Shards are disjoint and complete, and a picture's shard depends on its name alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deraincli.batch.shards import Shard
from deraincli.errors import UsageError


@given(st.text(), st.integers(1, 9))
def test_every_name_falls_to_exactly_one_shard(name, count):
    assert sum(Shard(index, count).holds(name) for index in range(1, count + 1)) == 1


def test_shards_are_about_equal():
    names = [f"folder/{n:05}.jpg" for n in range(4000)]
    sizes = [sum(Shard(index, 4).holds(name) for name in names) for index in range(1, 5)]
    assert sum(sizes) == 4000
    assert min(sizes) > 900  # 3.6 standard deviations of a fair draw


def test_names_that_are_no_unicode_have_a_shard():
    assert Shard(1, 1).holds("caf\udce9.jpg")


def test_shards_are_read_from_one_to_n():
    assert Shard.parse("2/5") == Shard(2, 5)
    for wrong in ("0/4", "5/4", "1", "a/b", "-1/4", "1/0", "1/4/2", ""):
        with pytest.raises(UsageError, match="I/N"):
            Shard.parse(wrong)
