"""Restores a video from file to file or from stream to stream: decode, restore, encode, copy the rest.

From file to file, the restored frames are first stored in segments beside the output. Once all segments are
finished, they are joined with the source's other tracks. A stream can be read only once, so everything is
written as it is read.
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
from deraincli.restoration.control import Control
from deraincli.restoration.derainer import Derainer
from deraincli.runtime.parallel import ordered_map
from deraincli.video.compatibility import losses
from deraincli.video.encoder import Encoding, Segment, Shown, choose_encoding, encode_segment, open_encoder
from deraincli.video.frames import Converter, display_matrix
from deraincli.video.muxer import Muxer, Sink
from deraincli.video.reader import Source, Span, TimedFrame
from deraincli.video.segments import SegmentStore
from deraincli.video.temporal import combine, over_time

SEGMENT = 48
"""Frames in a segment. An interruption loses at most these, and each segment begins with a key frame."""
AHEAD = 2
"""Frames that are decoded ahead of the network, so that it never waits."""


@dataclass(frozen=True)
class VideoOptions:
    """The settings that a user can choose."""

    format: str
    """FFmpeg's name of the container."""
    codec: str = "auto"
    """A key of encoder.CODECS, or "auto" for the source's own codec where the container supports it."""
    crf: int | None = None
    """Constant rate factor, or None for the codec's default."""
    span: Span = Span()  # noqa: RUF009 (immutable)
    """The part of the video to restore."""
    temporal: int = 0
    """Number of neighbours on each side with which every frame is combined. 0 for none."""
    strength: float = 1.0
    """Share of the change that is applied, as in `restoration.control`. 0 keeps the frames as decoded."""


class Prepared(NamedTuple):
    """What is known about a video before a model is loaded."""

    first: VideoFrame
    """Its first frame."""
    encoding: Encoding
    """The encoding of the output."""
    total: int
    """Approximate number of frames. 0 if the file gives no hint."""
    losses: tuple[str, ...]
    """Sentences for the user about what the output cannot keep."""


@dataclass
class VideoResult:
    """Counts and facts of a restored video."""

    encoding: Encoding
    """The encoding of the output."""
    frames: int = 0
    """Frames written, including those of an earlier, interrupted run."""
    passed: int = 0
    """Frames among them that could not be restored and are the source's own."""
    repeated: int = 0
    """Frames among them that could not be decoded. The last good frame is shown again in their place."""
    resumed: int = 0
    """Frames among them that come from an earlier, interrupted run."""
    ends_early: bool = False
    """Whether the source is cut off or damaged so that its end could not be read."""
    seconds: float = 0.0
    """Duration of this run."""
    tile: str = ""
    """Size of the tiles in pixels, width×height. Empty if this run restored nothing."""

    def count(self, segment: Segment) -> None:
        """Adds a segment to the counts."""
        self.frames += len(segment.packets)
        self.passed += segment.passed
        self.repeated += segment.repeated


@dataclass
class VideoRestorer:
    """Restores one video."""

    derainer: Derainer
    """The model. The first frame can replace it by the specialist that the video needs."""
    options: VideoOptions
    """The user's settings."""
    on_progress: OnProgress
    """Called with the number of finished frames and the approximate number of all frames."""
    on_note: OnWarning
    """Called with sentences for the user."""
    _chosen: bool = field(default=False, init=False)
    _restored_any: bool = field(default=False, init=False)
    _tile: str = field(default="", init=False)

    def to_file(
        self, source: Path, target: Path, prepared: Prepared, *, job: str, overwrite: bool
    ) -> VideoResult:
        """Restores a file into a file, and resumes an interrupted run of the same job.

        Args:
            source: The video.
            target: The output.
            prepared: What `prepare` found out about the source.
            job: The identity of the model and its settings. Segments of another job are not reused.
            overwrite: Whether an existing output may be replaced.

        Raises:
            InputError: The source cannot be read.
            UsageError: The encoder or the container does not support what the source holds.
            OutputError: The output cannot be written.
            DerainError: The model cannot restore any frame. Finished segments stay in all these cases.
        """
        begin = time.perf_counter()
        remove_leftovers(target.parent)
        for note in prepared.losses:
            self.on_note(note)
        first, encoding = prepared.first, prepared.encoding
        result = VideoResult(encoding)
        with closing(Source(source, self.options.span)) as opened:
            store = SegmentStore(target, self._identity(source, encoding, job))
            last = None
            for segment in store:
                result.count(segment)
                last = segment.last_pts
            result.resumed = result.frames
            pictures = opened.pictures(near=last)
            shown = self._restore_all(pictures, first, encoding, last)
            for segment in segments(self._counted(shown, result.frames, prepared.total), encoding):
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

    def _identity(self, source: Path, encoding: Encoding, job: str) -> str:
        """Returns a text for everything that finished segments depend on."""
        status = source.stat()
        file = (source.absolute(), status.st_size, status.st_mtime_ns)
        return "\n".join(map(str, (job, *file, encoding, self.options, av.library_versions)))

    def to_stream(self, source: Path | BinaryIO, file: Sink) -> VideoResult:
        """Restores a file or a stream into a stream, in one pass.

        Args:
            source: The video, or a stream of its bytes.
            file: The destination.

        Raises:
            DerainError: As in `to_file`.
        """
        begin = time.perf_counter()
        waiting: deque[Packet] = deque()
        with closing(Source(source, self.options.span)) as opened:
            pictures = opened.pictures(on_packet=waiting.append)
            first = _first(opened, pictures)
            encoding = plan(opened, first.frame, self.options)
            result = VideoResult(encoding)
            muxer = Muxer(file, self.options.format, opened, encoding, display_matrix(first.frame))
            for note in losses(opened, first.frame, encoding, self.options.format, muxer.left_out):
                self.on_note(note)
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
            self.on_note("The file ends early: it is cut off or damaged. What could be read is restored.")

    def _counted(self, shown: Iterable[Shown], done: int, total: int) -> Iterator[Shown]:
        """Yields restored frames and reports progress after each. `done` frames came before them."""
        for picture in shown:
            done += len(picture.times)
            self.on_progress(done, max(total, done))
            yield picture

    def _restore_all(
        self, pictures: Iterable[TimedFrame], first: VideoFrame, encoding: Encoding, last: int | None
    ) -> Iterator[Shown]:
        """Restores the frames that are shown after `last`, a time in ticks. None restores all frames."""
        turns = round(first.rotation / 90) if first.rotation % 90 == 0 else 0
        converter = Converter(encoding, turns)
        reach = self.options.temporal
        restore = partial(self._restore, first=first, converter=converter)
        # One thread restores all frames, because compiled graphs belong to a thread.
        ready = ordered_map(restore, _after(pictures, last, reach), workers=1, ahead=AHEAD)
        for restored, neighbours in over_time(ready, reach, lambda item: item.pixels):
            times = tuple(time for time in restored.picture.times if last is None or time.pts > last)
            if not times:
                continue
            yield Shown(self._finished(restored, neighbours, converter), times, restored.passed)

    def _restore(self, picture: TimedFrame, first: VideoFrame, converter: Converter) -> _Restored:
        # The video's first frame chooses the model for all frames, also in a run that resumes after it,
        # because a change in the middle would be visible.
        if not self._chosen:
            _, beginning = converter.unpack(first)
            self.derainer = self.derainer.select(beginning, on_warning=self.on_note)
            self._chosen = True
        rgb, pixels = converter.unpack(picture.frame)
        try:
            result = self.derainer.restore(pixels, on_warning=self.on_note)
        except DerainError as error:
            if not self._restored_any:
                raise
            self.on_note(f"A frame could not be restored and stays as it was: {error}")
            return _Restored(picture, rgb, pixels, pixels, passed=True)
        self._restored_any, self._tile = True, str(result.tile)
        return _Restored(picture, rgb, pixels, result.image, passed=False)

    def _finished(
        self, restored: _Restored, neighbours: list[NDArray[Any]], converter: Converter
    ) -> VideoFrame:
        """Returns a frame for the encoder."""
        if restored.passed or self.options.strength == 0:
            return converter.keep(restored.picture.frame)  # a way through RGB would change it
        pixels = combine(restored.pixels, neighbours)
        control = Control(self.options.strength)
        return converter.pack(restored.rgb, control.apply(restored.before, pixels))

    def _join(
        self,
        source: Source,
        file: Sink,
        store: SegmentStore,
        encoding: Encoding,
        matrix: tuple[int, ...] | None,
    ) -> None:
        """Writes the output from the finished segments and the source's other tracks."""
        muxer = Muxer(file, self.options.format, source, encoding, matrix)
        restored = (packet for segment in store for packet in muxer.video_packets(segment))
        copied = muxer.copies(source.other_packets())
        _mux(muxer, heapq.merge(restored, copied, key=_seconds))
        muxer.close()


def prepare(source: Source, options: VideoOptions) -> Prepared:
    """Finds out quickly, and without a model, how a video can be restored.

    Args:
        source: The open video, a file.
        options: The user's settings.

    Raises:
        InputError: No frame of the file can be decoded.
        UsageError: The encoder or the container does not support what the file holds.
    """
    first = _first(source, source.pictures()).frame
    encoding = plan(source, first, options)
    trial = Muxer(BytesIO(), options.format, source, encoding, None)
    found = losses(source, first, encoding, options.format, trial.left_out)
    return Prepared(first, encoding, source.picture_count, tuple(found))


def plan(source: Source, first: VideoFrame, options: VideoOptions) -> Encoding:
    """Chooses the encoding, and opens the encoder once to find out whether it accepts the settings.

    Args:
        source: The open video.
        first: Its first frame.
        options: The user's settings.

    Raises:
        UsageError: The encoder or the container does not support the settings.
    """
    encoding = choose_encoding(source, first, options.format, options.codec, options.crf)
    open_encoder(encoding)
    return encoding


def segments(shown: Iterator[Shown], encoding: Encoding) -> Iterator[Segment]:
    """Encodes restored frames in segments of SEGMENT frames."""
    for start in shown:
        yield encode_segment(chain([start], islice(shown, SEGMENT - 1)), encoding)


class _Restored(NamedTuple):
    """A frame after the network."""

    picture: TimedFrame
    """The frame as decoded, and when it is shown."""
    rgb: VideoFrame
    """The RGB frame that takes the new pixels."""
    before: NDArray[Any]
    """The source's pixels, upright, H×W×3."""
    pixels: NDArray[Any]
    """The restored pixels, upright, H×W×3. If `passed`, the source's pixels."""
    passed: bool
    """Whether it could not be restored."""


def _first(source: Source, pictures: Iterator[TimedFrame]) -> TimedFrame:
    for picture in pictures:
        return picture
    raise source.no_picture()


def _after(pictures: Iterable[TimedFrame], last: int | None, reach: int) -> Iterator[TimedFrame]:
    """Yields the frames that are shown after `last`, and before them up to `reach` frames as neighbours."""
    before: deque[TimedFrame] = deque(maxlen=reach)
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


def _seconds(packet: Packet) -> Fraction:
    """Returns when a packet is decoded, or shown if that is unknown, in seconds."""
    ticks = packet.pts if packet.dts is None else packet.dts
    return Fraction(0) if ticks is None else ticks * Fraction(packet.time_base)
