"""What people type first, without having read anything: one sentence with the right command."""

from __future__ import annotations

from pathlib import Path

import PIL.Image
import pytest


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("photo.jpg", "a b.jpg", "clip.mp4", "scan"):
        Path(name).write_bytes(b"content")
    Path("photos").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["photo.jpg"], "derain image photo.jpg"),
        (["a b.jpg", "-o", "out.jpg"], "derain image 'a b.jpg' -o out.jpg"),
        (["IMG_1.HEIC"], "derain image IMG_1.HEIC"),
        (["scan"], "derain image scan"),
        (["photo.jpg", "a b.jpg"], "derain batch photo.jpg 'a b.jpg'"),
        (["photos"], "derain batch photos"),
        (["."], "derain batch ."),
        (["clip.mp4"], "derain video clip.mp4"),
        (["image", "photo.jpg", "a b.jpg"], "derain batch photo.jpg 'a b.jpg'"),
        (["image", "photo.jpg", "-o", "x.jpg", "b.jpg"], "derain batch photo.jpg b.jpg"),
    ],
)
def test_files_without_the_right_command(derain, here: Path, typed: list[str], meant: str) -> None:
    done = derain(*typed)
    assert (done.code, done.out) == (2, b"")
    assert f"`{meant}`" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_pattern_that_no_shell_expanded(derain, here: Path) -> None:
    done = derain("image", "*.jpg")
    assert (done.code, done.out) == (1, b"")
    assert "`derain batch '*.jpg'`" in done.err


def test_other_words_are_left_to_the_usual_answer(derain, here: Path) -> None:
    done = derain("imagee", "photo.jpg")
    assert done.code == 2
    assert "No such command" in done.err
    assert "No such option" in derain("image", "photo.jpg", "--nonsense").err


@pytest.mark.parametrize("address", ["https://example.com/photo.jpg", "HTTP://example.com/clip.mp4"])
@pytest.mark.parametrize("command", ["image", "batch", "video", "attn", "eval", "synth", "compare", "train"])
def test_a_web_address_is_no_file(derain, here: Path, command: str, address: str) -> None:
    done = derain(command, address, *(("-o", "out") if command in ("synth", "compare") else ()))
    assert (done.code, done.out) == (2, b"")
    assert done.err == f"Error: '{address}' is a web address: download the file and name the copy.\n"


@pytest.mark.parametrize("name", ["out.jpg", "out.PNG", "out.heic", "out.mp4"])
@pytest.mark.parametrize(
    "command", [("batch", "photo.jpg", "-o"), ("attn", "photo.jpg", "-o"), ("synth", "photo.jpg", "-o")]
)
def test_a_file_cannot_stand_where_a_folder_is_written(
    derain, here: Path, command: tuple[str, ...], name: str
) -> None:
    done = derain(*command, name)
    assert (done.code, f"'{name}' looks like a file" in done.err) == (2, True)
    assert not Path(name).exists()
    Path(name).mkdir()  # a folder with such a name is a folder
    assert "looks like a file" not in derain(*command, name).err


@pytest.mark.parametrize("command", ["attn", "eval", "data inspect"])
def test_a_folder_of_unsupported_pictures_names_one(derain, tmp_path: Path, command: str) -> None:
    PIL.Image.new("RGB", (32, 24)).save(tmp_path / "a.gif")
    done = derain(*command.split(), tmp_path)
    assert (done.code, done.out) == (1, b"")
    assert "'a.gif'" in done.err
    assert "convert" in done.err
