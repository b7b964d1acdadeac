"""Start-up and a 64×64 picture with and without PyTorch, against `import torch` alone.

    python tests/performance/startup.py [SMALL]

SMALL is the interpreter of an environment by requirements/small.txt, such as `.small/bin/python`.
Fresh processes in turn, round after round, so that a drifting machine cancels; medians and ratios. CPU time
counts on a busy machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import PIL.Image
import skimage.data

ROUNDS = 5
SIDE = 64


def workloads(picture: Path, small: str | None) -> dict[str, list[str]]:
    """Name → command line."""
    out = str(picture.with_name("out.png"))
    image = ["-m", "deraincli", "image", str(picture), "-o", out, "-q", "--overwrite"]
    here = sys.executable
    commands = {
        "import torch": [here, "-c", "import torch"],
        "derain image": [here, *image, "--backend", "eager"],
        "derain image --backend onnxruntime": [here, *image, "--backend", "onnxruntime"],
        "derain --version": [here, "-m", "deraincli", "--version"],
    }
    return commands | ({"derain image, small installation": [small, *image]} if small else {})


def measured(command: list[str]) -> tuple[float, float]:
    """Seconds of wall and of CPU time."""
    own_code = None if command[0] == sys.executable else {**os.environ, "PYTHONPATH": ""}
    before, start = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=own_code)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - start, cpu


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "in.png"
        PIL.Image.fromarray(skimage.data.astronaut()[:SIDE, :SIDE]).save(picture)
        commands = workloads(picture, sys.argv[1] if len(sys.argv) > 1 else None)
        seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for turn in range(ROUNDS + 1):
            for name, command in commands.items():
                once = measured(command)
                if turn >= 1:  # the first round fills the file cache
                    seconds[name].append(once)
    print(f"{SIDE}×{SIDE}, {ROUNDS} rounds, start of the interpreter included")
    for name, times in seconds.items():
        wall, cpu = (median(column) for column in zip(*times, strict=True))
        print(f"{name:36} {wall:6.2f} s, {cpu:.2f} s of CPU time")


if __name__ == "__main__":
    main()
