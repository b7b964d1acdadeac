"""Names that no file can have: one sentence, whichever command takes them."""

from __future__ import annotations

import pytest

LONG = "x" * 400


@pytest.mark.parametrize(
    "arguments",
    [
        ("image", LONG),
        ("image", "a.png", "-m", LONG),
        ("batch", LONG),
        ("compare", LONG, "-o", "page.html"),
        ("attn", LONG),
        ("eval", LONG),
        ("synth", LONG, "-o", "pairs"),
        ("train", LONG),
        ("data", "inspect", LONG),
        ("weights", "info", LONG),
    ],
    ids=lambda arguments: " ".join(arguments).replace(LONG, "NAME"),
)
def test_a_name_that_is_too_long_is_refused_in_a_sentence(derain, tmp_path, monkeypatch, arguments) -> None:
    monkeypatch.chdir(tmp_path)
    finished = derain(*arguments)
    assert finished.code in (1, 2)
    assert "File name too long" in finished.err or "There is no" in finished.err
    assert "Traceback" not in finished.err
    assert list(tmp_path.iterdir()) == []
