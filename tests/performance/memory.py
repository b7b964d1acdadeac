"""Peak resident memory of `derain image`.

python tests/performance/memory.py [MEGAPIXELS ...]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np


def write_photo(path: Path, megapixels: float) -> None:
    """A JPEG of 4:3 with structure at every scale."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (height // 16, height // 12, 3), dtype=np.uint8)
    cv2.imwrite(str(path), cv2.resize(coarse, (height * 4 // 3, height), interpolation=cv2.INTER_LINEAR))


def main() -> None:
    for megapixels in map(float, sys.argv[1:] or ["12", "100"]):
        with tempfile.TemporaryDirectory() as folder:
            source, out = Path(folder) / "in.jpg", Path(folder) / "out.jpg"
            write_photo(source, megapixels)
            start = time.perf_counter()
            command = [sys.executable, "-m", "deraincli", "image", str(source), "-o", str(out), "-q"]
            process = subprocess.Popen(command)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
        peak = usage.ru_maxrss / 1024
        print(f"{megapixels:g} megapixels: exit {status}, peak {peak:.0f} MiB, {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
