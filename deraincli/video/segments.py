"""Stores finished segments of a video on disk, so that an interrupted run resumes after the last of them.

A segment is a file of encoded packets, each after a fixed header. Each file appears whole or not at all. The
file `job` beside them records the source and the settings. If these change, the segments are discarded.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

from deraincli.errors import OutputError
from deraincli.files.atomic import write_atomically
from deraincli.files.text_hash import text_sha256
from deraincli.video.encoder import EncodedPacket, Segment

_COUNTS = struct.Struct("<II")
"""Start of a segment: the numbers of frames not restored and of frames repeated."""
_PACKET = struct.Struct("<qqq?I")
"""Start of a packet: pts, dts, duration, whether it is a key frame, and the length of its data in bytes."""


class SegmentStore:
    """A hidden folder of finished segments beside the output. It is removed once the output is complete."""

    def __init__(self, output: Path, job: str) -> None:
        """Opens the folder, and empties it if it belongs to another job.

        Args:
            output: The path of the output.
            job: Everything that the segments depend on.

        Raises:
            OutputError: The folder cannot be read or created.
        """
        name = text_sha256(str(output.absolute()))[:16]
        self.folder = output.parent / f".{name}.derain"
        self._job = job.encode("utf-8", "surrogateescape")
        label = self.folder / "job"
        try:
            if not label.is_file() or label.read_bytes() != self._job:
                self.remove()
                self.folder.mkdir()
                write_atomically(label, self._job, overwrite=True)
        except OSError as error:
            raise OutputError(
                f"The folder '{self.folder}' for finished parts cannot be used: {error.strerror}."
            ) from error
        self._count = sum(1 for _ in self._files())

    def __len__(self) -> int:
        """Number of finished segments."""
        return self._count

    def __iter__(self) -> Iterator[Segment]:
        """Iterates over the finished segments. Each is read when it is needed."""
        return (_unpack(file.read_bytes()) for file in self._files())

    def append(self, segment: Segment) -> None:
        """Stores the next segment.

        Raises:
            OutputError: The segment cannot be written, for example because the disk is full.
        """
        write_atomically(self._file(self._count), _pack(segment), overwrite=True)
        self._count += 1

    def remove(self) -> None:
        """Removes the folder and everything in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:06}.packets"

    def _files(self) -> Iterator[Path]:
        number = 0
        while (file := self._file(number)).is_file():
            yield file
            number += 1


def _pack(segment: Segment) -> bytes:
    parts = [_COUNTS.pack(segment.passed, segment.repeated)]
    for *times, is_key, data in segment.packets:
        parts += [_PACKET.pack(*times, is_key, len(data)), data]
    return b"".join(parts)


def _unpack(data: bytes) -> Segment:
    passed, repeated = _COUNTS.unpack_from(data)
    packets = []
    place = _COUNTS.size
    while place < len(data):
        pts, dts, duration, is_key, size = _PACKET.unpack_from(data, place)
        place += _PACKET.size
        packets.append(EncodedPacket(pts, dts, duration, is_key, data[place : place + size]))
        place += size
    return Segment(tuple(packets), passed, repeated)
