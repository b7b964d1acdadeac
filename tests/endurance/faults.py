"""Fails one file operation of a command after another, once or from there on, and checks what is left.

    python tests/endurance/faults.py [RUNS] [COMMAND...]

The disk is full (ENOSPC), over quota (EDQUOT), read-only (EROFS), closed to the user (EACCES), or broken
(EIO). `fault_shim.c`, which needs a C compiler and Linux, fails the operations below one folder. Without
RUNS, every operation of every command fails in every way.

Laws: the command ends without a traceback, with exit code 0, 1 or 3. No source changes. A file under a final
name is what an undisturbed run writes. Exit code 0 means that all results are there. The same command then
finishes the work, once the fault is gone.
"""

from __future__ import annotations

import ctypes
import errno
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from campaign import BrokenLawError, Stop, conclude, import_everything, require
from scenarios import Workplace

LOOK, DATA, NAME, REMOVE = 1, 2, 4, 8  # as in fault_shim.c
FAULTS = (
    (errno.ENOSPC, DATA | NAME, True),
    (errno.ENOSPC, DATA | NAME, False),
    (errno.EDQUOT, DATA, True),
    (errno.EROFS, NAME | REMOVE, True),
    (errno.EACCES, LOOK | NAME | REMOVE, False),
    (errno.EACCES, NAME, True),
    (errno.EIO, LOOK | DATA | NAME | REMOVE, False),
)
"""Error, the operations that it strikes, and whether it lasts."""


class Campaign:
    """Runs commands below a folder that the shim watches."""

    def __init__(self, place: Path) -> None:
        self._shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
        self._place = place
        self._work = Workplace(place)
        self.commands = list(self._work.scenarios)
        self.runs: Counter[str] = Counter()

    def faults(self, name: str) -> Iterator[tuple[int, int, bool, int]]:
        """Runs a command undisturbed, and yields each error, what it strikes, whether it lasts, and where."""
        lengths = {}
        for kinds in {kinds for _, kinds, _ in FAULTS}:
            self._work.renew()
            run = self._work.start(name, before=lambda kinds=kinds: self._count(kinds))
            require(run.wait() == 0, run.said())
            lengths[kinds] = int((self._place / "count").read_text())
            self._work.keep_as_whole(name)
        for error, kinds, lasts in FAULTS:
            yield from ((error, kinds, lasts, number) for number in range(1, lengths[kinds] + 1))

    def strike(self, name: str, error: int, kinds: int, lasts: bool, number: int) -> None:
        """Runs a command under one fault, and once more without."""
        self._work.renew()
        run = self._work.start(name, before=lambda: self._arm(kinds, number, error, lasts))
        code = run.wait()
        require(code in (0, 1, 3), f"exit code {code}: {run.said()}")
        self._work.check(name, whole=code == 0)
        if code:
            require(run.said().strip() != "", "a failure without a word")
            again = self._work.start(name, again=True)
            require(again.wait() == 0, f"the second run fails: {again.said()}")
            self._work.check(name, whole=True)
        self.runs[name] += 1

    def _arm(self, kinds: int, number: int, error: int, lasts: bool) -> None:
        folder = os.fsencode(self._work.folder)
        self._shim.shim_arm(folder, kinds, ctypes.c_long(number), error, int(lasts))

    def _count(self, kinds: int) -> None:
        """Lets the process write the number of its operations when it ends."""
        self._arm(kinds, 0, 0, lasts=False)
        leave, count, file = os._exit, self._shim.shim_count, self._place / "count"

        def write_and_leave(code: int) -> None:
            file.write_text(str(count()))
            leave(code)

        os._exit = write_and_leave


def start_with_the_shim() -> None:
    """Starts this script anew with the shim loaded."""
    if os.environ.get("FAULT_SHIM"):
        return
    folder = tempfile.mkdtemp()
    library = f"{folder}/shim.so"
    source = Path(__file__).with_name("fault_shim.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    environment = os.environ | {"LD_PRELOAD": library, "FAULT_SHIM": folder}
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)


def main(runs: int | None, names: Sequence[str]) -> None:
    began, stop = time.monotonic(), Stop()
    import_everything()
    broken = []
    with tempfile.TemporaryDirectory() as place:
        campaign = Campaign(Path(place))
        todo = [(name, fault) for name in names or campaign.commands for fault in campaign.faults(name)]
        total = len(todo)
        random.shuffle(todo)
        for name, fault in todo[:runs]:
            if stop.asked:
                break
            try:
                campaign.strike(name, *fault)
            except BrokenLawError as law:
                error, kinds, lasts, number = fault
                where = f"{errno.errorcode[error]}, kinds {kinds}, {'lasting' if lasts else 'once'}, {number}"
                broken.append(f"{name}: {where}: {law}")
                print(broken[-1], flush=True)
    shutil.rmtree(os.environ["FAULT_SHIM"])
    if broken:
        sys.exit(f"{len(broken)} faults broke a law.")
    done = ", ".join(f"{name} {count}" for name, count in sorted(campaign.runs.items()))
    conclude("faults", f"{campaign.runs.total()} of {total} faults ({done})", began)


if __name__ == "__main__":
    start_with_the_shim()
    main(int(sys.argv[1]) if sys.argv[1:] else None, sys.argv[2:])
