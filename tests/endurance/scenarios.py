"""The commands that the campaigns disturb, and the laws that hold for what they leave."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from campaign import Command, check_partial, contents, require, write_model, write_pictures
from paired import scene, write_picture, write_set
from safetensors import safe_open

ON_CPU = ("--device", "cpu")
WHOLE = (*ON_CPU, "--precision", "fp32", "--tile", "off")
TRAINING = """
network = "prenet"
network_options = { passes = 1 }
precision = "fp32"
validate_every = 1
[data]
clean = ["../photos"]
validation = "../set"
crop = 16
batch = 1
[optimiser]
steps = 2
warmup = 1
"""


@dataclass(frozen=True)
class Scenario:
    """A command, and how it is given again."""

    arguments: tuple[object, ...]
    """Results go below `out`."""
    again: tuple[object, ...] = ()
    """Options of the second run, which goes on or replaces what the first left."""


def scenarios(model: Path) -> dict[str, Scenario]:
    """Returns the commands by name, with paths relative to a folder that `prepare` made."""
    network = ("-m", model, *WHOLE)
    return {
        "image": Scenario(("image", "photos/0.png", "-o", "out/0.png", *network), ("--overwrite",)),
        "batch": Scenario(("batch", "photos", "-o", "out", *network)),
        "eval": Scenario(("eval", "set", "--save", "out", *network), ("--overwrite",)),
        "attn": Scenario(("attn", "photos/0.png", "-o", "out", *network), ("--overwrite",)),
        "synth": Scenario(("synth", "photos", "-o", "out")),
        "train": Scenario(("train", "config/config.toml", "--out", "out", *ON_CPU), ("--resume",)),
    }


def prepare(place: Path, side: int) -> Path:
    """Writes the sources of all commands, in pictures of this many rows."""
    write_pictures(place / "photos", 2, side)
    write_set(place / "set", count=2, height=side, width=side + 8)
    write_picture(place / "photos" / "2.png", scene(9, side, side + 8))
    (place / "config").mkdir()
    (place / "config" / "config.toml").write_text(TRAINING)
    (place / "out").mkdir()
    return place


class Workplace:
    """A folder with sources, in which commands run, are disturbed, and are given again."""

    def __init__(self, place: Path, side: int = 24) -> None:
        self.place = place
        self.folder = place / "work"
        self.scenarios = scenarios(write_model(place))
        self._template = prepare(place / "template", side)
        self._sources = contents(self._template)
        self._whole: dict[str, dict[str, bytes]] = {}

    def renew(self) -> None:
        """Puts the sources back and removes all results."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._template, self.folder)

    def start(self, name: str, *, again: bool = False, before: Callable[[], None] | None = None) -> Command:
        """Starts a command. `before` runs in its process first."""
        scenario = self.scenarios[name]
        words = [
            self.folder / word
            if isinstance(word, str) and (self.folder / word.split("/")[0]).exists()
            else word
            for word in (*scenario.arguments[1:], *(scenario.again if again else ()))
        ]

        def prepared() -> None:
            os.environ["XDG_CACHE_HOME"] = str(self.folder / "cache")
            if before is not None:
                before()

        return Command([scenario.arguments[0], *words], self.place / "log", prepared)

    def keep_as_whole(self, name: str) -> None:
        """Takes the results that are there now as those of an undisturbed run."""
        self._whole[name] = self._results(name)

    def check(self, name: str, *, whole: bool) -> None:
        """Raises BrokenLawError unless the sources are as they were and every result is whole.

        With `whole`, all results must be there, too. A run of training that was disturbed may have left
        weights of an earlier step, which must be readable.
        """
        found = self._results(name)
        sources = {
            path: data
            for path, data in contents(self.folder).items()
            if not path.startswith(("out/", "cache/"))
        }
        require(sources == self._sources, "a source has changed")
        if name == "train" and not whole:
            for path in found:
                with safe_open(self.folder / "out" / path, "pt") as file:
                    require(len(list(file.keys())) > 0, f"{path} is empty")
            return
        check_partial(found, self._whole[name])
        missing = set(self._whole[name]) - set(found)
        require(not (whole and missing), f"the run succeeded, but {missing} are missing")

    def _is_ours(self, word: object) -> bool:
        return isinstance(word, str) and (self.folder / word.split("/")[0]).exists()

    def _results(self, name: str) -> dict[str, bytes]:
        found = contents(self.folder / "out")
        if name == "train":  # the state keeps the seconds, and TensorBoard's files the time
            found = {path: data for path, data in found.items() if path.endswith(".safetensors")}
        return found
