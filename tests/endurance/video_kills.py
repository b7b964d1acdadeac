"""Kills `derain video` at random moments, and resumes it.

    python tests/endurance/video_kills.py [KILLS]

Laws: the final name never holds anything but the whole video. A run that is left alone at last succeeds, and
its video is that of an undisturbed run to the byte. It leaves no finished parts behind, and a later run
removes the temporary files of killed ones.
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
    write_model,
)
from clips import write_clip

FRAMES = 24
SEGMENT = 3
"""Frames in a finished part, few so that kills meet many of them."""
OUTPUT = "out.mp4"  # unlike Matroska, MP4 has no random identifiers


class Campaign:
    """Rounds of one video, killed and resumed until a run comes to its end."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._source = write_clip(place / "in.mp4", times=range(0, FRAMES * 512, 512), sounds=1)
        self._model = write_model(place)
        whole = self._start(place / "whole")
        require(whole.wait() == 0, whole.said())
        self._seconds = whole.computed
        self._whole = contents(place / "whole")
        require(list(self._whole) == [OUTPUT], "the undisturbed run is not whole")
        self.kills = 0
        self.rounds = 0
        self.resumed = 0
        """Last runs of a round that went on from finished parts."""

    def round(self, wanted: int, stop: Stop) -> None:
        """Kills runs until one ends before its moment, enough were killed in all, or it shall stop."""
        folder = self._place / f"round{self.rounds}"
        run = self._start(folder)
        while self.kills < wanted and not stop.asked:
            run.work_for(random.uniform(0, self._seconds))
            if not run.kill():
                break
            self.kills += 1
            run.said()
            check_partial(contents(folder), self._whole)
            # A run that was killed after the video appeared left the whole: there is nothing to resume.
            if (folder / OUTPUT).exists():
                self._conclude(folder)
                return
            run = self._start(folder)
        require(run.wait() == 0, f"a run that was left alone failed: {run.said()}")
        [record] = run.records()
        require(record["frames"] == FRAMES, f"frames are missing: {record}")
        self.resumed += record["resumed"] > 0
        require(not any(path.is_dir() for path in folder.glob(".*.derain")), "finished parts stay")
        self._conclude(folder)

    def _start(self, folder: Path) -> Command:
        folder.mkdir(exist_ok=True)
        options = ("--tile", "off", "--precision", "fp32", "--device", "cpu", "--json")
        arguments = ["video", self._source, "-m", self._model, "-o", folder / OUTPUT, *options]
        return Command(arguments, self._place / folder.name, before=_use_short_parts)

    def _conclude(self, folder: Path) -> None:
        require(contents(folder) == self._whole, "the video differs from that of an undisturbed run")
        for path in folder.glob(".*"):
            os.utime(path, (0, 0))
        (folder / OUTPUT).unlink()
        again = self._start(folder)
        require(again.wait() == 0, again.said())
        require([path.name for path in folder.iterdir()] == [OUTPUT], "files of killed runs stay")
        self.rounds += 1


def _use_short_parts() -> None:
    from deraincli.video import restorer

    restorer.SEGMENT = SEGMENT


def main(kills: int) -> None:
    began, stop = time.monotonic(), Stop()
    import_everything()
    with tempfile.TemporaryDirectory() as place:
        campaign = Campaign(Path(place))
        while campaign.kills < kills and not stop.asked:
            campaign.round(kills, stop)
        figures = (
            f"{campaign.kills} kills in {campaign.rounds} rounds of {FRAMES} frames, {campaign.resumed} "
            "last runs resumed"
        )
    conclude("video_kills", figures, began)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 300)
