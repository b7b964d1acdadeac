"""A video from file to file, or from stream to stream: decode → restore → encode, everything else copied.

From file to file the restored pictures go into segments beside the output first, and are joined with the
source's other tracks when all of them are there. Streams cannot be gone through twice, so everything is
written as it comes.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from deraincli.callbacks import OnProgress, OnWarning
from deraincli.errors import DerainError
from deraincli.files.atomic import open_atomically, remove_leftovers
from deraincli.parallel import ordered_map
from deraincli.restoration.derainer import Derainer
from deraincli.video.compatibility import losses
from deraincli.video.encoder import Encoding, Segment, Shown, choose_encoding, encode_segment, open_encoder
from deraincli.video.frames import Converter, display_matrix
from deraincli.video.muxer import Muxer, Sink
from deraincli.video.reader import Picture, Source, Span
from deraincli.video.segments import SegmentStore
from deraincli.video.temporal import combine, over_time

SEGMENT = 48
"""Pictures in a segment: what an interruption may cost, and the distance of key pictures."""
AHEAD = 2
"""Pictures that are decoded ahead of the network, so that it never waits."""


@dataclass(frozen=True)
class VideoOptions:
    """What the user may choose."""

    format: str
    """FFmpeg's name of the container."""
    codec: str = "auto"
    """A key of encoding.CODECS, or auto: the source's own where the container takes it."""
    crf: int | None = None
    """Constant rate factor; None for the codec's default."""
    span: Span = Span()  # noqa: RUF009 (immutable)
    temporal: int = 0
    """Neighbours on each side that every picture is combined with."""


@dataclass
class VideoResult:
    """What became of a video."""

    encoding: Encoding
    frames: int = 0
    """Pictures written, those of an earlier, interrupted run included."""
    passed: int = 0
    """Of them, pictures that could not be restored and are the source's own."""
    repeated: int = 0
    """Of them, pictures that could not be decoded, where the last good one is shown again."""
    resumed: int = 0
    """Of them, pictures of an earlier, interrupted run."""
    ends_early: bool = False
    """Whether the source is cut off or damaged so that nothing more of it could be read."""
    seconds: float = 0.0
    """This run's."""
    tile: str = ""
    """Size of the tiles, width×height; empty where this run restored nothing."""

    def count(self, segment: Segment) -> None:
        """Adds a segment."""
        self.frames += len(segment.packets)
        self.passed += segment.passed
        self.repeated += segment.repeated


@dataclass
class VideoRestorer:
    """How one video is restored."""

    derainer: Derainer
    options: VideoOptions
    on_progress: OnProgress
    """Called with the pictures done and about how many there are."""
    on_note: OnWarning
    """Called with sentences for the user."""
    _restored_any: bool = field(default=False, init=False)
    _tile: str = field(default="", init=False)

    def to_file(self, source: Path, target: Path, *, job: str, overwrite: bool) -> VideoResult:
        """Restores a file into a file, going on where an interrupted run of the same `job` stopped.

        `job` says which model works with which settings. Raises InputError, UsageError, OutputError, or what
        the network raises where it can restore nothing at all; finished segments stay then.
        """
        begin = time.perf_counter()
        remove_leftovers(target.parent)
        with closing(Source(source, self.options.span)) as opened:
            first = _first(opened, opened.pictures()).frame
            encoding = plan(opened, first, self.options)
            trial = Muxer(BytesIO(), self.options.format, opened, encoding, None)
            self._say_losses(opened, first, encoding, trial)
            total = opened.picture_count
        result = VideoResult(encoding)
        status = source.stat()
        parts = (
            source.absolute(),
            status.st_size,
            status.st_mtime_ns,
            encoding,
            self.options,
            av.library_versions,
        )
        store = SegmentStore(target, f"{job}\n" + "\n".join(map(str, parts)))
        last = None
        for segment in store:
            result.count(segment)
            last = segment.last_pts
        result.resumed = result.frames
        with closing(Source(source, self.options.span)) as opened:
            pictures = opened.pictures(near=last)
            shown = self._restore_all(pictures, first, encoding, last)
            for segment in segments(self._counted(shown, result.frames, total), encoding):
                store.append(segment)
                result.count(segment)
            result.ends_early, reached = opened.broke_off, opened.reached
        with (
            closing(Source(source, self.options.span)) as opened,
            open_atomically(target, overwrite=overwrite) as file,
        ):
            self._join(opened, file, store, encoding, display_matrix(first))
            result.ends_early |= opened.ends_early(max(reached, opened.reached))
        store.remove()
        self._finish(result, begin)
        return result

    def to_stream(self, source: Path | BinaryIO, file: Sink) -> VideoResult:
        """Restores a file or stream into a stream, in one pass. Raises what `to_file` raises."""
        begin = time.perf_counter()
        waiting: deque[Packet] = deque()
        with closing(Source(source, self.options.span)) as opened:
            pictures = opened.pictures(on_packet=waiting.append)
            first = _first(opened, pictures)
            encoding = plan(opened, first.frame, self.options)
            result = VideoResult(encoding)
            muxer = Muxer(file, self.options.format, opened, encoding, display_matrix(first.frame))
            self._say_losses(opened, first.frame, encoding, muxer)
            shown = self._restore_all(chain([first], pictures), first.frame, encoding, None)
            for segment in segments(self._counted(shown, 0, opened.picture_count), encoding):
                while waiting:
                    _mux(muxer, muxer.copies([waiting.popleft()]))
                muxer.write(segment)
                result.count(segment)
            _mux(muxer, muxer.copies(waiting))
            muxer.close()
            result.ends_early = opened.ends_early(opened.reached)
        self._finish(result, begin)
        return result

    def _finish(self, result: VideoResult, begin: float) -> None:
        result.seconds, result.tile = time.perf_counter() - begin, self._tile
        if result.ends_early:
            self.on_note("The file ends early, cut off or damaged there: what could be read is restored.")

    def _say_losses(self, source: Source, first: VideoFrame, encoding: Encoding, muxer: Muxer) -> None:
        for note in losses(source, first, encoding, self.options.format, muxer.left_out):
            self.on_note(note)

    def _counted(self, shown: Iterable[Shown], done: int, total: int) -> Iterator[Shown]:
        """Yields restored pictures and reports progress after each. `done` pictures came before them."""
        for picture in shown:
            done += len(picture.times)
            self.on_progress(done, max(total, done))
            yield picture

    def _restore_all(
        self, pictures: Iterable[Picture], first: VideoFrame, encoding: Encoding, last: int | None
    ) -> Iterator[Shown]:
        """Restores the pictures shown after `last`."""
        turns = round(first.rotation / 90) if first.rotation % 90 == 0 else 0
        converter = Converter(encoding, turns)
        reach = self.options.temporal
        restore = partial(self._restore, converter=converter)
        # One thread for all, because compiled graphs belong to a thread.
        ready = ordered_map(restore, _later(pictures, last, reach), workers=1, ahead=AHEAD)
        for restored, neighbours in over_time(ready, reach, lambda item: item.pixels):
            times = tuple(time for time in restored.times if last is None or time.pts > last)
            if not times:
                continue
            if restored.passed:
                frame = converter.keep(restored.frame)
            else:
                frame = converter.pack(restored.frame, combine(restored.pixels, neighbours))
            yield Shown(frame, times, restored.passed)

    def _restore(self, picture: Picture, converter: Converter) -> _Restored:
        rgb, pixels = converter.unpack(picture.frame)
        # A clip keeps the model that its first picture needs: another one amid it would be seen.
        self.derainer = self.derainer.for_picture(pixels)
        try:
            result = self.derainer.restore(pixels, on_warning=self.on_note)
        except DerainError as error:
            if not self._restored_any:
                raise
            self.on_note(f"A picture could not be restored and stays as it was: {error}")
            return _Restored(picture.frame, picture.times, pixels, passed=True)
        self._restored_any, self._tile = True, str(result.tile)
        return _Restored(rgb, picture.times, result.image, passed=False)

    def _join(
        self,
        source: Source,
        file: Sink,
        store: SegmentStore,
        encoding: Encoding,
        matrix: tuple[int, ...] | None,
    ) -> None:
        muxer = Muxer(file, self.options.format, source, encoding, matrix)
        restored = (packet for segment in store for packet in muxer.video_packets(segment))
        copied = muxer.copies(source.other_packets())
        _mux(muxer, heapq.merge(restored, copied, key=_second))
        muxer.close()


def check(source: Path, options: VideoOptions) -> None:
    """Finds what makes the work impossible, in a moment and without a network.

    Raises InputError for a file without a picture that can be decoded, and UsageError for an encoder or a
    container that does not take what the file holds.
    """
    with closing(Source(source, options.span)) as opened:
        first = _first(opened, opened.pictures()).frame
        Muxer(BytesIO(), options.format, opened, plan(opened, first, options), None)


def plan(source: Source, first: VideoFrame, options: VideoOptions) -> Encoding:
    """Chooses the encoding, and tries before the long work whether the encoder takes it."""
    encoding = choose_encoding(source, first, options.format, options.codec, options.crf)
    open_encoder(encoding)
    return encoding


def segments(shown: Iterator[Shown], encoding: Encoding) -> Iterator[Segment]:
    """Encodes restored pictures, SEGMENT at a time."""
    for start in shown:
        yield encode_segment(chain([start], islice(shown, SEGMENT - 1)), encoding)


class _Restored(NamedTuple):
    """A picture after the network."""

    frame: VideoFrame
    """In RGB, waiting for its pixels; where `passed`, as decoded."""
    times: tuple[Any, ...]
    pixels: NDArray[Any]
    passed: bool


def _first(source: Source, pictures: Iterator[Picture]) -> Picture:
    for picture in pictures:
        return picture
    raise source.no_picture()


def _later(pictures: Iterable[Picture], last: int | None, reach: int) -> Iterator[Picture]:
    """The pictures shown after `last`, and `reach` before them, which their neighbours need."""
    before: deque[Picture] = deque(maxlen=reach)
    for picture in pictures:
        if last is not None and picture.times[-1].pts <= last:
            before.append(picture)
            continue
        yield from before
        before.clear()
        yield picture


def _mux(muxer: Muxer, packets: Iterable[Packet]) -> None:
    for packet in packets:
        muxer.mux(packet)


def _second(packet: Packet) -> Fraction:
    ticks = packet.pts if packet.dts is None else packet.dts
    return Fraction(0) if ticks is None else ticks * Fraction(packet.time_base)
