"""Start-up and a 320×320 picture without PyTorch, against `import torch` alone.

    derain weights export && python tests/performance/startup.py

Fresh processes in turn, round after round, so that a drifting machine cancels; medians and ratios.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import PIL.Image
import skimage.data

ROUNDS = 7
SIDE = 320


def workloads(picture: Path) -> dict[str, list[str]]:
    """Name → arguments of the interpreter."""
    image = [
        "-m",
        "deraincli",
        "image",
        str(picture),
        "-o",
        str(picture.with_name("out.png")),
        "-q",
        "--overwrite",
    ]
    return {
        "import torch": ["-c", "import torch"],
        "derain image --backend onnxruntime": [*image, "--backend", "onnxruntime"],
        "derain image --backend eager": image,
        "derain --version": ["-m", "deraincli", "--version"],
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "in.png"
        PIL.Image.fromarray(skimage.data.astronaut()[:SIDE, :SIDE]).save(picture)
        commands = workloads(picture)
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(ROUNDS + 1):
            for name, arguments in commands.items():
                start = time.perf_counter()
                subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
                if turn >= 1:  # the first round fills the file cache
                    seconds[name].append(time.perf_counter() - start)
    reference = median(seconds["import torch"])
    print(f"{SIDE}×{SIDE}, {ROUNDS} rounds, start of the interpreter included")
    for name, times in seconds.items():
        print(f"{name:40} {median(times):6.2f} s  × {median(times) / reference:.2f}")


if __name__ == "__main__":
    main()
