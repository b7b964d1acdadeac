"""Kills two runs of `derain batch` that share a folder, at random moments.

    python tests/endurance/batch_kills.py [KILLS]

Laws: no file under a final name is ever half written. What a killed run reported as done is there. The runs
that are left alone at last succeed, and the results are those of an undisturbed run to the byte. A later run
finds nothing to do, and removes the temporary files of killed ones.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from pathlib import Path

from campaign import (
    Command,
    Stop,
    check_partial,
    conclude,
    contents,
    import_everything,
    require,
    temporary_files,
    write_model,
    write_pictures,
)

PICTURES = 30


class Campaign:
    """Rounds of two runs that are killed and started again until both are done."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._source = write_pictures(place / "photos", PICTURES)
        self._model = write_model(place)
        whole = self._start("whole", 0)
        self._expect(whole, ["done"] * PICTURES)
        self._seconds = whole.computed
        self._whole = contents(place / "whole")
        self._sources = contents(self._source)
        require(len(self._whole) == PICTURES, "the undisturbed run is not whole")
        self.kills = 0
        self.late = 0
        """Runs that ended before the moment to kill them."""
        self.rounds = 0

    def round(self, wanted: int) -> None:
        """Kills until both runs succeed, or enough were killed in all; then lets them finish."""
        name = f"out{self.rounds}"
        runs = [self._start(name, 0), self._start(name, 1)]
        while any(run.code is None for run in runs):
            victim = random.choice([0, 1])
            runs[victim].work_for(random.uniform(0, self._seconds))
            if self.kills < wanted and runs[victim].kill():
                self.kills += 1
                self._check(runs[victim], name)
                runs[victim] = self._start(name, victim)
            elif self.kills >= wanted:
                break
            else:
                self.late += 1
        for run in runs:
            require(run.wait() == 0, f"a run that was left alone failed: {run.said()}")
        self._conclude(name)
        self.rounds += 1

    def _start(self, name: str, number: int) -> Command:
        options = ("--tile", "off", "--precision", "fp32", "--device", "cpu", "--json", "--jobs", 2)
        return Command(
            ["batch", self._source, "-m", self._model, "-o", self._place / name, *options],
            self._place / f"{name}-{number}",
        )

    def _check(self, killed: Command, name: str) -> None:
        killed.said()
        found = contents(self._place / name)
        check_partial(found, self._whole)
        for record in killed.records():
            result = Path(record["output"]).relative_to(self._place / name).as_posix()
            require(record["status"] in ("done", "skipped"), f"a picture failed: {record}")
            require(result in found, f"'{result}' was reported and is not there")

    def _conclude(self, name: str) -> None:
        folder = self._place / name
        require(contents(folder) == self._whole, "the results differ from those of an undisturbed run")
        require(contents(self._source) == self._sources, "a source has changed")
        for path in temporary_files(folder):
            os.utime(path, (0, 0))
        self._expect(self._start(name, 0), ["skipped"] * PICTURES)
        require(not temporary_files(folder), "temporary files of killed runs stay")

    def _expect(self, run: Command, statuses: list[str]) -> None:
        require(run.wait() == 0, run.said())
        require([record["status"] for record in run.records()] == statuses, "pictures are done twice or not")


def main(kills: int) -> None:
    began = time.monotonic()
    import_everything()
    stop = Stop()
    with tempfile.TemporaryDirectory() as place:
        campaign = Campaign(Path(place))
        while campaign.kills < kills and not stop.asked:
            campaign.round(kills)
        figures = (
            f"{campaign.kills} kills in {campaign.rounds} rounds of {PICTURES} pictures and two runs, "
            f"{campaign.late} runs were done before their moment"
        )
    conclude("batch_kills", figures, began)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1000)
