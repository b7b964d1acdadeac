"""Kills `derain train` or `derain eval` at random moments, and goes on with the same command.

    python tests/endurance/resumed_kills.py train|eval [KILLS]

Laws: files under a final name are always whole. The run that is left alone at last succeeds, and its results
are those of an undisturbed run to the byte.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from campaign import Command, Stop, check_partial, conclude, contents, import_everything, require, write_model
from faults import Scenario, prepare, scenarios
from safetensors import safe_open


class Campaign:
    """Rounds of one command that is killed and given again until it succeeds."""

    def __init__(self, place: Path, name: str) -> None:
        self._place, self._name = place, name
        self._template = prepare(place / "template")
        self._scenario: Scenario = scenarios(write_model(place))[name]
        began = time.monotonic()
        self._folder = self._fresh()
        run = self._start(())
        require(run.wait() == 0, run.said())
        self._seconds = time.monotonic() - began
        self._whole, self._printed = self._results(), run.out.read_bytes()
        self.kills = self.rounds = 0

    def round(self, wanted: int) -> None:
        """Kills the command until it is quicker, and compares the results."""
        self._folder = self._fresh()
        run = self._start(())
        while run.code is None and self.kills < wanted:
            time.sleep(random.uniform(0, self._seconds))
            if run.kill():
                self.kills += 1
                run.said()
                self._check_whole()
                run = self._start(self._scenario.again)
        require(run.wait() == 0, run.said())
        require(self._results() == self._whole, "the results differ from those of an undisturbed run")
        require(self._name == "train" or run.out.read_bytes() == self._printed, "other scores are printed")
        self.rounds += 1

    def _start(self, more: tuple[object, ...]) -> Command:
        folder = self._folder
        words = [
            folder / word if isinstance(word, str) and (folder / word.split("/")[0]).exists() else word
            for word in self._scenario.arguments[1:]
        ]

        def own_cache() -> None:
            os.environ["XDG_CACHE_HOME"] = str(folder / "cache")

        return Command([self._scenario.arguments[0], *words, *more], self._place / "log", own_cache)

    def _fresh(self) -> Path:
        folder = self._place / "work"
        shutil.rmtree(folder, ignore_errors=True)
        return shutil.copytree(self._template, folder)

    def _results(self) -> dict[str, bytes]:
        found = contents(self._folder / "out")
        if self._name == "train":  # the state keeps the seconds
            found = {name: data for name, data in found.items() if name.endswith(".safetensors")}
        return found

    def _check_whole(self) -> None:
        if self._name == "eval":
            check_partial(self._results(), self._whole)
        for name in self._results():
            if name.endswith(".safetensors"):  # of an earlier step, perhaps, but readable
                with safe_open(self._folder / "out" / name, "pt") as file:
                    require(len(list(file.keys())) > 0, f"{name} is empty")


def main(name: str, kills: int) -> None:
    began, stop = time.monotonic(), Stop()
    import_everything()
    with tempfile.TemporaryDirectory() as place:
        campaign = Campaign(Path(place), name)
        while campaign.kills < kills and not stop.asked:
            campaign.round(kills)
    conclude(f"resumed_kills {name}", f"{campaign.kills} kills in {campaign.rounds} rounds", began)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 1000)
