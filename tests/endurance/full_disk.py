"""Runs commands whose results go to a small disk, one page larger each time, until all of it fits.

    python tests/endurance/full_disk.py [COMMAND...]

The disk is a tmpfs. Mounting it takes Linux and root, or user namespaces (`unshare`).

Laws: the command ends without a traceback, with exit code 0, 1 or 3. No source changes. A file under a final
name is what an undisturbed run writes. Exit code 0 means that all results are there. The same command then
finishes the work, once the disk has grown.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from campaign import Stop, conclude, import_everything, require
from scenarios import Workplace

PAGE = os.sysconf("SC_PAGE_SIZE")
SIDE = 96
"""Rows of the pictures, so that their files take several pages."""
AMPLE = 2**26
"""Bytes that are enough for every command."""


def mount(folder: Path, size: int, *options: str) -> None:
    """Mounts an empty disk of some bytes, or changes the size of one with `remount`."""
    settings = ",".join((*options, f"size={size}"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", settings, "tmpfs", folder], check=True)


class Campaign:
    """Runs commands with their results on a small disk."""

    def __init__(self, place: Path) -> None:
        self._work = Workplace(place, SIDE)
        self.commands = list(self._work.scenarios)
        self.runs: Counter[str] = Counter()

    def fill(self, name: str, stop: Stop) -> None:
        """Runs a command on ever larger disks until it fits."""
        self._work.renew()
        run = self._work.start(name)
        require(run.wait() == 0, run.said())
        self._work.keep_as_whole(name)
        size, code = PAGE, 1
        while code != 0 and not stop.asked:
            code = self._run_on(size, name)
            self.runs[name] += 1
            size = max(size + PAGE, size * 17 // 16)  # a page more, and for large results a sixteenth

    def _run_on(self, size: int, name: str) -> int:
        self._work.renew()
        disk = self._work.folder / "out"
        mount(disk, size)
        try:
            run = self._work.start(name)
            code = run.wait()
            require(code in (0, 1, 3), f"{name}, {size} bytes: exit code {code}: {run.said()}")
            self._work.check(name, whole=code == 0)
            if code:
                require(run.said().strip() != "", "a failure without a word")
                mount(disk, AMPLE, "remount")
                again = self._work.start(name, again=True)
                require(again.wait() == 0, f"{name}, {size} bytes: the second run fails: {again.said()}")
                self._work.check(name, whole=True)
        finally:
            subprocess.run(["umount", "--lazy", disk], check=True)
        return code


def main(names: Sequence[str]) -> None:
    began, stop = time.monotonic(), Stop()
    import_everything()
    with tempfile.TemporaryDirectory() as place:
        campaign = Campaign(Path(place))
        for name in names or campaign.commands:
            if not stop.asked:
                campaign.fill(name, stop)
    done = ", ".join(f"{name} {count}" for name, count in sorted(campaign.runs.items()))
    conclude("full_disk", f"{campaign.runs.total()} sizes ({done})", began)


if __name__ == "__main__":
    if os.geteuid() != 0:
        os.execvp("unshare", ["unshare", "--map-root-user", "--mount", sys.executable, *sys.argv])
    main(sys.argv[1:])
