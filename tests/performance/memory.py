"""Peak resident memory and time of `derain image`.

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
    photo = cv2.resize(coarse, (height * 4 // 3, height), interpolation=cv2.INTER_LINEAR)
    fine = rng.integers(0, 64, (256, 256, 3), dtype=np.uint8)  # detail of a pixel, so that no size is skipped
    for top in range(0, photo.shape[0], 256):
        for left in range(0, photo.shape[1], 256):
            block = photo[top : top + 256, left : left + 256]
            cv2.add(block, fine[: block.shape[0], : block.shape[1]], block)
    cv2.imwrite(str(path), photo)


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
        peak, busy = usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime
        spent = f"{seconds:.1f} s, {busy:.1f} s of CPU"
        print(f"{megapixels:g} megapixels: exit {status}, peak {peak:.0f} MiB, {spent}", flush=True)


if __name__ == "__main__":
    main()
