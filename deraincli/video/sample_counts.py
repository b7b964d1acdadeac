"""Recognises MP4 and QuickTime files that claim more samples than they hold.

FFmpeg makes room for every sample that the index counts, so a file of a few kilobytes could take gigabytes.
The boxes follow ISO/IEC 14496-12: 8.7.3 (stsz) and 8.8.8 (trun).
"""

from __future__ import annotations

import re
from mmap import ACCESS_READ, mmap
from pathlib import Path

from deraincli.imaging.iso_boxes import boxes

_FIRST = (b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"pnot", b"sidx")
_WITHOUT_INDEX = (b"mdat", b"free", b"skip", b"wide")
_COUNTS = re.compile(rb"(?:stsz.{4}(?!\0{4}).{4}|trun.{4})(.{4})", re.DOTALL)
"""Counts of samples. A size of 0 in stsz says that the size of each sample is listed, so those are there."""
_FEW = 1_000_000
_PER_BYTE = 8
"""Samples per byte of the file. Whole files hold at most one. Files that are cut off can claim more."""


def claims_too_many(path: Path) -> bool:
    """Returns whether the index of a file counts far more samples than the file has bytes.

    Args:
        path: A video of any kind, not empty.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        if data[4:8] not in _FIRST:
            return False
        most = max(_FEW, _PER_BYTE * len(data))
        return any(
            int.from_bytes(count[1], "big") > most
            for box in boxes(data)
            if box.kind not in _WITHOUT_INDEX
            for count in _COUNTS.finditer(data, box.body, box.end)
        )
