"""examples/training/reproduce.sh, with a `derain` that only notes how it is called."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_readme import parse

from deraincli.training.config import TrainingConfig, load_config

SCRIPT = Path(__file__).parents[2] / "examples/training/reproduce.sh"

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@pytest.fixture
def calls(tmp_path: Path) -> list[list[str]]:
    """The arguments of every call of `derain`."""
    note = tmp_path / "bin/derain"
    note.parent.mkdir()
    note.write_text(f'#!/bin/sh\nprintf "%s\\037" "$@" >> {tmp_path}/calls; echo >> {tmp_path}/calls\n')
    note.chmod(0o755)
    environment = os.environ | {"PATH": f"{note.parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(
        ["bash", str(SCRIPT), str(tmp_path / "data"), str(tmp_path / "out")], check=True, env=environment
    )
    return [line.split("\037")[:-1] for line in (tmp_path / "calls").read_text().splitlines()]


def configs(calls: list[list[str]]) -> Iterator[tuple[str, TrainingConfig, str | None]]:
    """The folder, the config and the first weights of every training run."""
    for call in calls:
        if call[0] == "train":
            settings = [call[n + 1] for n, word in enumerate(call) if word == "--set"]
            config = load_config(Path(call[2]), settings)
            starts = [word.partition("=")[2] for word in call if word.startswith("--warm-start=")]
            yield call[call.index("--out") + 1], config, starts[0] if starts else None


def test_every_command_parses(calls: list[list[str]]) -> None:
    for call in calls:
        parse(call)


def test_every_run_begins_with_weights_that_an_earlier_one_has_made(calls: list[list[str]]) -> None:
    made: set[str] = set()
    for folder, starts in origins(calls).items():
        assert made.issuperset(starts)
        made.add(folder)
    assert list(origins(calls).values()).count([]) == 2  # from nothing: research data, free data
    assert all(config.optimiser.steps >= 400 for _, config, _ in configs(calls))


def averages(calls: list[list[str]]) -> dict[str, list[str]]:
    """The folder of every average, and those of its parts."""
    found = {}
    for call in calls:
        if call[:2] == ["weights", "average"]:
            target, *_ = call[call.index("-o") + 1 :]
            parts = [word for word in call[2 : call.index("--shares")] if word != "--quiet"]
            found[str(Path(target).parent)] = [str(Path(part).parent) for part in parts]
    return found


def origins(calls: list[list[str]]) -> dict[str, list[str]]:
    """The folder of every run and average in their order, and the folders of the weights it is made from."""
    starts = {folder: start for folder, _, start in configs(calls)}
    found: dict[str, list[str]] = {}
    for call in calls:
        if call[0] == "train":
            folder = call[call.index("--out") + 1]
            found[folder] = [str(Path(start).parent)] if (start := starts[folder]) else []
        else:
            found |= averages([call])
    return found


def exports(calls: list[list[str]]) -> dict[str, Path]:
    """The name of every model that ships, and the file of its weights."""
    return {
        Path(call[call.index("-o") + 1]).stem: Path(call[3])
        for call in calls
        if call[:2] == ["weights", "export"]
    }


def test_every_average_is_of_earlier_runs_of_one_history(calls: list[list[str]]) -> None:
    made_from = origins(calls)
    folders = list(made_from)
    assert averages(calls)
    for parts in averages(calls).values():
        assert len(set(parts)) > 1
        histories = [{part} for part in parts]
        for folder in reversed(folders):
            for history in histories:
                if folder in history:
                    history.update(made_from[folder])
        assert set.intersection(*histories)


def test_free_weights_see_no_research_data(calls: list[list[str]]) -> None:
    """Nor do the validation pairs choose them: the last weights of each stage go on."""
    free = [(config, start) for folder, config, start in configs(calls) if Path(folder).name[:4] == "free"]
    for config, start in free:
        data = config.data
        assert [Path(folder).name for folder in data.clean] == ["clean_free"]
        assert not (data.paired or data.streak_layers or data.streak_frames or data.drop_layers)
        assert start is None or Path(start).name == "last.safetensors"
    assert exports(calls)["balnet-lite-free"].name == "last.safetensors"


def test_what_it_ships_are_the_shipped_models(calls: list[list[str]]) -> None:
    from deraincli.model_zoo.catalogue import SHIPPED

    runs = {folder: config for folder, config, _ in configs(calls)}
    for folder, parts in averages(calls).items():
        runs[folder] = runs[parts[-1]]
    for name, weights in exports(calls).items():
        config = runs[str(weights.parent)]
        assert (config.task,) == SHIPPED[name].tasks
        assert name.startswith(config.network)
    assert exports(calls).keys() == SHIPPED.keys()
