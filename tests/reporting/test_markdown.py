"""Markdown tables, read back."""

from __future__ import annotations

from deraincli.reporting.markdown import markdown_table


def test_numbers_are_aligned_to_the_right_and_bars_stay_in_their_cell() -> None:
    heading, rule, *rows = markdown_table(("set", "PSNR"), [("a|b", "30.1"), ("c", "-2")]).splitlines()
    assert heading == "| set | PSNR |"
    assert rule == "| --- | ---: |"
    assert rows == ["| a\\|b | 30.1 |", "| c | -2 |"]


def test_a_line_break_does_not_end_a_row() -> None:
    assert markdown_table(("a",), [("b\nc",)]).count("\n") == 3
