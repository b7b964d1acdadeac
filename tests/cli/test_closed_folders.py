"""A closed sub-folder or file costs only itself, in every command that reads folders."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from closed import permissions_bind
from paired import scene, write_picture, write_set

MODEL = "MODEL"
"""Stands for the path of a model file."""
QUICK = ("-m", MODEL, "--tile", "off", "--device", "cpu")

COMMANDS = {
    "batch": (("batch", "photos", "-o", "out", *QUICK), ("1.png", "sub/2.png")),
    "batch over a glob": (("batch", "photos/**/*.png", "-o", "out", *QUICK), ("1.png", "sub/2.png")),
    "attn": (("attn", "photos", "-o", "out", "--figure", "none", *QUICK), ("1.ram.png", "sub/2.ram.png")),
    "synth": (("synth", "photos", "-o", "out"), ("input/1.png", "input/sub-2.png")),
    "data inspect": (("data", "inspect", "photos"), ()),
}
"""Commands that read photos and what they make of 1.png and sub/2.png."""
REFUSAL = "The folder 'photos/lost+found' cannot be listed: Permission denied."


@pytest.fixture
def shut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """Closes files and folders to everybody, root included, until the test ends."""
    monkeypatch.chdir(tmp_path)
    modes: dict[Path, int] = {}

    def close(name: str) -> Path:
        path = tmp_path / name
        modes[path] = path.stat().st_mode
        path.chmod(0)
        return path

    with permissions_bind():
        yield close
    for path, mode in modes.items():
        path.chmod(mode)


@pytest.fixture
def photos(shut: Callable[[str], Path]) -> None:
    """Two photos, and a closed folder beside them."""
    for n, name in enumerate(("1.png", "sub/2.png", "lost+found/3.png")):
        write_picture(Path("photos", name), scene(n))
    shut("photos/lost+found")


@pytest.mark.parametrize(("command", "made"), COMMANDS.values(), ids=COMMANDS)
def test_a_closed_sub_folder_costs_only_itself(derain, photos, random_model, command, made):
    done = derain(*(random_model if word == MODEL else word for word in command))
    assert done.code == 3, done.err
    assert REFUSAL in done.err
    assert all(Path("out", name).is_file() for name in made)


def test_a_batch_lists_closed_folders_with_the_failures(derain, photos, random_model):
    command = ("batch", "photos", "-o", "out", "-m", random_model, "--tile", "off")
    stopped = derain(*command, "--fail-fast")
    assert (stopped.code, Path("out").exists()) == (3, False)
    done = derain(*command, "--report", "page.html")
    assert "photos/lost+found" in done.out.decode()
    assert "cannot be listed" in Path("page.html").read_text()
    again = derain(*command, "--json")
    assert again.code == 3
    assert [json.loads(line)["status"] for line in again.out.splitlines()] == ["skipped", "skipped"]


def test_training_names_a_closed_sub_folder_or_refuses_it(derain, photos):
    write_set(Path("valid"), count=1)
    Path("config.toml").write_text(
        'network = "prenet"\nnetwork_options = { passes = 1 }\nprecision = "fp32"\n'
        '[data]\nclean = ["photos"]\nvalidation = "valid"\ncrop = 32\nbatch = 2\n[optimiser]\nsteps = 1\n'
    )
    refused = derain("train", "config.toml", "--out", "run", "--strict")
    assert (refused.code, refused.err) == (1, f"Error: {REFUSAL}\n")
    done = derain("train", "config.toml", "--out", "run")
    assert done.code == 0, done.err
    assert REFUSAL in done.err
    assert "2 photos or pairs" in done.err


@pytest.mark.parametrize("name", ["set/target/2.png", "set/input/2.png"])
@pytest.mark.parametrize("command", [("eval", "-m", MODEL), ("data", "inspect")], ids=["eval", "inspect"])
def test_a_closed_file_costs_only_its_pair(derain, shut, random_model, command, name):
    write_set(Path("set"), count=3)
    write_picture(Path("set/lost+found/1.png"), scene(9))
    shut("set/lost+found")  # in no layout, so nobody looks there
    closed = shut(name)
    first, *options = command
    words = ("data", "inspect", "set") if first == "data" else (first, "set", *options)
    done = derain(*(random_model if word == MODEL else word for word in words), "--json")
    assert done.code == 3, done.err
    assert f"'{closed.relative_to(Path.cwd())}' cannot be read: Permission denied." in done.err
    assert '"count": 2' in done.out.decode()


def test_a_closed_half_of_a_set_is_one_sentence(derain, shut):
    write_set(Path("set"), count=1)
    shut("set/target")
    for command in (("eval", "set"), ("data", "inspect", "set")):
        done = derain(*command)
        assert (done.code, done.out) == (1, b"")
        assert done.err == "Error: The folder 'set/target' cannot be listed: Permission denied.\n"
