"""Paths below a folder that is closed to the user end every command in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from closed import permissions_bind
from paired import scene, write_picture

from deraincli.diagnostics.doctor import check_caches


@pytest.mark.parametrize(
    "arguments",
    [
        ("image", "closed/in/a.png"),
        ("image", "open.png", "-o", "closed/in/out.png"),
        ("image", "open.png", "-m", "closed/in/model.safetensors"),
        ("batch", "closed/in"),
        ("batch", "open.png", "-o", "closed/in/out"),
        ("attn", "closed/in/a.png"),
        ("attn", "open.png", "-o", "closed/in/out"),
        ("compare", "closed/in/a.png", "-o", "page.html"),
        ("compare", "open.png", "-o", "closed/in/page.html"),
        ("eval", "closed/in"),
        ("synth", "closed/in", "-o", "out"),
        ("synth", "open.png", "-o", "closed/in/out"),
        ("train", "closed/in/config.toml"),
        ("video", "closed/in/a.mp4", "-o", "out.mp4"),
        ("data", "inspect", "closed/in"),
        ("weights", "verify", "closed/in/model.safetensors"),
    ],
    ids=" ".join,
)
def test_a_closed_folder_is_one_sentence(
    derain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_model: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "closed" / "in").mkdir(parents=True)
    write_picture(tmp_path / "open.png", scene(0))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DERAIN_MODEL", str(small_model))
    (tmp_path / "closed").chmod(0)
    try:
        with permissions_bind():
            done = derain(*arguments)
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert done.code in (1, 3), done.err
    assert "Traceback" not in done.err
    assert "closed" in done.err
    assert "Permission denied" in done.err or "not writable" in done.err or "cannot be" in done.err


@pytest.mark.parametrize(
    "command",
    [
        "batch photos",
        "attn photos --figure none",
        "synth photos -o made",
        "compare photos a=photos b=photos -o page.html --blind",
        "eval photos --no-reference",
        "data inspect photos",
    ],
)
def test_a_closed_folder_among_others_is_never_left_out_in_silence(
    derain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_model: Path, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DERAIN_MODEL", str(small_model))
    closed = Path("photos", "closed")
    closed.mkdir(parents=True)
    write_picture(Path("photos", "open.png"), scene(0))
    closed.chmod(0)
    try:
        with permissions_bind():
            done = derain(*command.split())
    finally:
        closed.chmod(0o700)
    assert done.code in (1, 3), done.err
    assert "photos/closed' cannot be listed" in done.err


def test_a_closed_cache_costs_neither_a_result_nor_the_diagnosis(
    derain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    cache = tmp_path / "closed" / "in"
    cache.mkdir(parents=True)
    write_picture(tmp_path / "open.png", scene(0))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    (tmp_path / "closed").chmod(0)
    options = ("-m", "balnet-lite-streak", "--backend", "onnxruntime")
    try:
        with permissions_bind():
            done = derain("image", tmp_path / "open.png", "-o", tmp_path / "clean.png", *options)
            found = {finding.check: finding for finding in check_caches()}["cache"]
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert done.code == 0, done.err
    assert (found.state, "Permission denied" in found.found) == ("warn", True)
