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
from dataclasses import dataclass
from pathlib import Path

from campaign import (
    BrokenLawError,
    Command,
    Stop,
    check_partial,
    conclude,
    contents,
    import_everything,
    require,
    write_model,
    write_pictures,
)
from paired import scene, write_picture, write_set

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


def prepare(place: Path) -> Path:
    """Writes the sources of all commands."""
    write_pictures(place / "photos", 2)
    write_set(place / "set", count=2, height=24, width=32)
    write_picture(place / "photos" / "2.png", scene(9, 24, 32))
    (place / "config").mkdir()
    (place / "config" / "config.toml").write_text(TRAINING)
    (place / "out").mkdir()
    return place


class Campaign:
    """Runs commands below a folder that the shim watches."""

    def __init__(self, place: Path) -> None:
        self._shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
        self._place = place
        self._template = prepare(place / "template")
        self._model = write_model(place)
        self.scenarios = scenarios(self._model)
        self._whole: dict[str, dict[str, bytes]] = {}
        self.runs: Counter[str] = Counter()

    def faults(self, name: str) -> Iterator[tuple[int, int, bool, int]]:
        """Runs a command undisturbed, and yields each error, what it strikes, whether it lasts, and where."""
        lengths = {}
        for kinds in {kinds for _, kinds, _ in FAULTS}:
            folder = self._fresh()
            run = self._run(self.scenarios[name].arguments, folder, kinds, report=True)
            require(run.wait() == 0, run.said())
            lengths[kinds] = int((self._place / "count").read_text())
            self._whole[name] = self._results(name, folder)
        for error, kinds, lasts in FAULTS:
            yield from ((error, kinds, lasts, number) for number in range(1, lengths[kinds] + 1))

    def strike(self, name: str, error: int, kinds: int, lasts: bool, number: int) -> None:
        """Runs a command under one fault, and once more without."""
        scenario, folder = self.scenarios[name], self._fresh()
        sources = self._sources(folder)
        run = self._run(scenario.arguments, folder, kinds, number, error, lasts)
        code = run.wait()
        require(code in (0, 1, 3), f"exit code {code}: {run.said()}")
        self._check(name, folder, sources, whole=code == 0)
        if code:
            require(run.said().strip() != "", "a failure without a word")
            again = self._run((*scenario.arguments, *scenario.again), folder, 0)
            require(again.wait() == 0, f"the second run fails: {again.said()}")
            self._check(name, folder, sources, whole=True)
        self.runs[name] += 1

    def _check(self, name: str, folder: Path, sources: dict[str, bytes], *, whole: bool) -> None:
        require(self._sources(folder) == sources, "a source has changed")
        found = self._results(name, folder)
        check_partial(found, self._whole[name])
        if whole:
            missing = set(self._whole[name]) - set(found)
            require(not missing, f"the run succeeded, but {missing} are missing")

    def _run(
        self,
        arguments: Sequence[object],
        folder: Path,
        kinds: int,
        number: int = 0,
        error: int = 0,
        lasts: bool = False,
        report: bool = False,
    ) -> Command:
        absolute = [
            folder / word if isinstance(word, str) and (folder / word.split("/")[0]).exists() else word
            for word in arguments[1:]
        ]

        def arm() -> None:
            os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
            self._shim.shim_arm(os.fsencode(folder), kinds, ctypes.c_long(number), error, int(lasts))
            if report:
                self._report_at_the_end()

        return Command([arguments[0], *absolute], self._place / "log", arm)

    def _report_at_the_end(self) -> None:
        leave, count, file = os._exit, self._shim.shim_count, self._place / "count"

        def write_and_leave(code: int) -> None:
            file.write_text(str(count()))
            leave(code)

        os._exit = write_and_leave

    def _fresh(self) -> Path:
        folder = self._place / "work"
        shutil.rmtree(folder, ignore_errors=True)
        return shutil.copytree(self._template, folder)

    @staticmethod
    def _sources(folder: Path) -> dict[str, bytes]:
        skipped = ("out/", "cache/")
        return {name: data for name, data in contents(folder).items() if not name.startswith(skipped)}

    @staticmethod
    def _results(name: str, folder: Path) -> dict[str, bytes]:
        found = contents(folder / "out")
        if name == "train":  # the state keeps the seconds, and TensorBoard's files the time
            found = {file: data for file, data in found.items() if file.endswith(".safetensors")}
        return found


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
        todo = [(name, fault) for name in names or campaign.scenarios for fault in campaign.faults(name)]
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
