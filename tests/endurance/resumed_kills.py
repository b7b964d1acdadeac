"""Kills `derain train` or `derain eval` at random moments, and continues with the same command.

    python tests/endurance/resumed_kills.py train|eval [KILLS]

Laws: files under a final name are always whole. The run that is left alone at last succeeds, and its results
are those of an undisturbed run to the byte.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from campaign import Stop, conclude, import_everything, require
from scenarios import Workplace


class Campaign:
    """Rounds of one command that is killed and given again until it succeeds."""

    def __init__(self, place: Path, name: str) -> None:
        self._work, self._name = Workplace(place), name
        self._work.renew()
        run = self._work.start(name)
        require(run.wait() == 0, run.said())
        self._seconds = run.computed
        self._work.keep_as_whole(name)
        self._printed = run.out.read_bytes()
        self.kills = self.rounds = 0

    def round(self, wanted: int, stop: Stop) -> None:
        """Kills the command until it is quicker or enough were killed, and compares the results."""
        self._work.renew()
        run = self._work.start(self._name)
        while run.code is None and self.kills < wanted and not stop.asked:
            run.work_for(random.uniform(0, self._seconds))
            if run.kill():
                self.kills += 1
                run.said()
                self._work.check(self._name, whole=False)
                run = self._work.start(self._name, again=True)
        require(run.wait() == 0, run.said())
        self._work.check(self._name, whole=True)
        require(self._name == "train" or run.out.read_bytes() == self._printed, "other scores are printed")
        self.rounds += 1


def main(name: str, kills: int) -> None:
    began, stop = time.monotonic(), Stop()
    import_everything()
    with tempfile.TemporaryDirectory() as place:
        campaign = Campaign(Path(place), name)
        while campaign.kills < kills and not stop.asked:
            campaign.round(kills, stop)
    conclude(f"resumed_kills {name}", f"{campaign.kills} kills in {campaign.rounds} rounds", began)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 1000)
