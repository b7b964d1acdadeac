"""Restores thousands of tiny pictures in one `derain batch`, and watches descriptors, threads and memory.

    python tests/endurance/many_pictures.py [PICTURES]

Laws: over the second half of the run the process keeps no more files open, keeps no more threads, and its
memory grows by less than a kilobyte a picture.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import psutil
from campaign import Command, conclude, import_everything, require, write_model, write_pictures

KIB_PER_PICTURE = 1.0


def main(pictures: int) -> None:
    began = time.monotonic()
    import_everything()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        source, model = write_pictures(place / "photos", pictures, side=16), write_model(place)
        options = ("--tile", "off", "--precision", "fp32", "--device", "cpu", "--json")
        run = Command(["batch", source, "-m", model, "-o", place / "out", *options], place / "log")
        process, seen = psutil.Process(run.pid), []
        while run.code is None:
            with process.oneshot():
                done = run.out.read_bytes().count(b"\n")
                row = (done, process.num_fds(), process.num_threads(), process.memory_info().rss // 1024)
            if done > pictures / 2:
                seen.append(row)
            time.sleep(pictures / 10_000)
        require(run.wait() == 0 and len(run.records()) == pictures, run.said())
    _, files, threads, memory = map(list, zip(*seen, strict=True))
    growth = (memory[-2] - memory[0]) / (seen[-2][0] - seen[0][0])
    for what, counts in (("descriptors", files), ("threads", threads)):
        half = len(counts) // 2  # pictures are open for a moment, so that only the least count shows a leak
        require(min(counts[half:-1]) <= min(counts[:half]), f"{what} grow: {counts}")
    require(growth < KIB_PER_PICTURE, f"memory grows by {growth:.2f} KiB a picture")
    figures = (
        f"{pictures} pictures, at most {max(files)} descriptors and {max(threads)} threads, "
        f"{memory[0] // 1024} MiB half-way, {growth:+.2f} KiB a picture after that"
    )
    conclude("many_pictures", figures, began)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10_000)
