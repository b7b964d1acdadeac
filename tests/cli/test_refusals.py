"""Errors of the system: one sentence for paths that the user gave, a traceback for our own bugs."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from deraincli.errors import InputError
from deraincli.evaluation import dataset_summary

ADVICE = "check the permissions and the disk."
GIVEN = [
    ("photos", "photos"),
    ("photos", "photos/sub/a.jpg"),
    ("photos", "photos-derained/a.jpg"),
    ("photos", ".photos.part"),
    ("photos/", "photos/a.jpg"),
    ("deep/photos", "deep"),
    ("./x/../photos", "photos/a.jpg"),
    ("photo.jpg", "photo.derained.jpg"),
    (".", "anything"),
    ("/", "/etc/passwd"),
    ("photos/*.jpg", "photos/a.jpg"),
    ("*.jpg", "a.jpg"),
]
"""Words of the command line, and paths that belong to them."""
FOREIGN = [
    ("photos", "/usr/lib/python3/site.py"),
    ("photos", "elsewhere/a.jpg"),
    ("photos", "/proc/1/root"),
    ("deep/photos", "deep/other"),
    ("photos/*.jpg", "other/a.jpg"),
]
OF_A_PATH = [errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Lets the work of `derain data inspect` raise an error of the system."""
    monkeypatch.chdir(tmp_path)

    def fail(number: int, path: str | None = None, second: str | None = None) -> None:
        def work(*arguments: object) -> None:
            raise OSError(number, os.strerror(number), path, None, second)

        monkeypatch.setattr(dataset_summary, "inspect", work)

    return fail


@pytest.mark.parametrize("number", OF_A_PATH)
@pytest.mark.parametrize(("given", "path"), GIVEN)
def test_paths_of_the_user_are_answered_in_a_sentence(derain, failing, given, path, number) -> None:
    failing(number, path)
    done = derain("data", "inspect", given)
    assert (done.code, done.out) == (1, b"")
    assert done.err == f"Error: '{path}' cannot be used ({os.strerror(number)}): {ADVICE}\n"


@pytest.mark.parametrize("number", OF_A_PATH)
@pytest.mark.parametrize(("given", "path"), FOREIGN)
def test_other_paths_are_bugs_with_a_traceback(derain, failing, given, path, number) -> None:
    failing(number, path)
    with pytest.raises(OSError, match=os.strerror(number)):
        derain("data", "inspect", given)


def test_an_error_without_a_path_is_a_bug_unless_the_disk_causes_it(derain, failing) -> None:
    failing(errno.EACCES)
    with pytest.raises(PermissionError):
        derain("data", "inspect", "photos")
    failing(errno.ENOENT, "photos")
    with pytest.raises(FileNotFoundError):
        derain("data", "inspect", "photos")
    failing(errno.ENOSPC)
    done = derain("data", "inspect", "photos")
    assert done.err == f"Error: A file cannot be used ({os.strerror(errno.ENOSPC)}): {ADVICE}\n"


def test_the_second_path_and_the_environment_count(derain, failing, monkeypatch) -> None:
    failing(errno.EACCES, "/elsewhere/a", "photos/b")
    assert derain("data", "inspect", "photos").code == 1
    failing(errno.EACCES, "/models/mine.safetensors")
    monkeypatch.setenv("DERAIN_MODEL", "/models/mine.safetensors")
    assert derain("data", "inspect", "photos").code == 1


def test_a_bug_of_ours_keeps_its_traceback_for_real(derain, tmp_path, monkeypatch) -> None:
    """A loop of links and a name that is too long, met where nobody pointed."""
    (tmp_path / "ours").mkdir()
    loop = tmp_path / "ours" / "loop"
    loop.symlink_to(loop)
    for path in (loop, tmp_path / "ours" / ("x" * 400)):
        monkeypatch.setattr(dataset_summary, "inspect", lambda *_, path=path: path.read_bytes())
        with pytest.raises(OSError, match=r"symbolic links|too long"):
            derain("data", "inspect", tmp_path / "photos")
        done = derain("data", "inspect", tmp_path / "ours")  # the same errors where the user pointed
        assert (done.code, "cannot be used" in done.err) == (1, True)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "Error: A file cannot be used (No space left"),
        (OSError(errno.EACCES, "Permission denied", "/elsewhere"), "Traceback"),
        (ValueError("a bug"), "Traceback"),
    ],
)
def test_a_thread_of_a_library_is_judged_alike(derain, tmp_path, monkeypatch, error, said) -> None:
    """TensorBoard writes curves in a thread of its own, which the full disk ends."""

    def work(*arguments: object) -> None:
        def fail() -> None:
            raise error

        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        raise InputError("The end.")

    monkeypatch.setattr(dataset_summary, "inspect", work)
    done = derain("data", "inspect", tmp_path)
    assert said in done.err
    assert done.err.count("Traceback") == said.count("Traceback")
    assert done.err.endswith("Error: The end.\n")


def test_exhausted_memory_is_no_bug(derain, tmp_path, monkeypatch) -> None:
    """An array of an exabyte, which no machine has."""
    monkeypatch.setattr(dataset_summary, "inspect", lambda *_: bytearray(2**60))
    done = derain("data", "inspect", tmp_path)
    assert done.code == 1
    assert done.err == "Error: Memory ran out: close other programs, or use smaller images.\n"
