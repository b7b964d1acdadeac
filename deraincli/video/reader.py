"""Reads the frames of a video in the order in which they are shown, without gaps.

Every packet of a video stream holds one frame, unless it is marked as not shown. If the decoder returns no
frame for a packet, or a frame that is marked as corrupt, the last good frame is shown in its place.
"""

from __future__ import annotations

import heapq
import stat
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NamedTuple

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from deraincli.errors import InputError, missing
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.video import sample_counts

SEEK_MARGIN = 5
"""Seconds before a wanted frame where decoding starts. Just after a seek, references may be missing."""

DECLARING = ("matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2", "avi")
"""FFmpeg's names of the containers that declare their duration. For others, FFmpeg estimates it."""
LEEWAY = Fraction(1, 10)
"""Seconds by which a complete file may end before its declared end, in addition to two frames."""

OnPacket = Callable[[Packet], None]


class Time(NamedTuple):
    """When a frame is shown, in ticks of the stream's time base."""

    pts: int
    """The beginning."""
    duration: int
    """The duration. 0 if the file does not give it."""


class TimedFrame(NamedTuple):
    """A frame that could be decoded, and when it is shown."""

    frame: VideoFrame
    """The decoded frame."""
    times: tuple[Time, ...]
    """When it is shown, ascending.

    The times of frames after it that could not be decoded are included. If it is the first good frame, so are
    the times of frames before it.
    """


class Span(NamedTuple):
    """The part of a video to restore, in seconds from its beginning."""

    start: Fraction = Fraction(0)
    """The beginning of the part."""
    end: Fraction | None = None
    """The end of the part, exclusive. None for the end of the video."""


class Source:
    """A video file or a stream of bytes, open for one pass through it."""

    video: VideoStream
    """The track to restore: the first video track that is not a cover picture."""

    broke_off: bool
    """Whether the pass met data after which nothing could be read."""

    reached: Fraction
    """The latest end of any packet read so far, of any track, in seconds on the container's clock."""

    def __init__(self, given: Path | BinaryIO, span: Span = Span()) -> None:  # noqa: B008 (immutable)
        """Opens a video.

        Args:
            given: The file or the stream of bytes.
            span: The part to read.

        Raises:
            InputError: There is no video that can be read.
        """
        self._seekable = isinstance(given, Path)
        self.container = _open(given)
        self.video = _video_stream(self.container, given)
        self.time_base = Fraction(self.video.time_base or Fraction(1, 90_000))
        # The data may claim another size than the container.
        self.video.codec_context.options = {"max_pixels": str(DEFAULT_MAX_PIXELS)}
        if self.video.codec_context.name == "h264":
            # With slice threads, FFmpeg's decoder does not mark corrupt frames.
            self.video.codec_context.thread_type = "NONE"
        self.span = span
        self.broke_off = False
        begin = Fraction(self.container.start_time or 0, av.time_base)
        self.reached = begin
        self.start_second = begin + span.start if span.start else None
        self.end_second = None if span.end is None else begin + span.end

    def close(self) -> None:
        """Releases the file."""
        self.container.close()

    @property
    def picture_count(self) -> int:
        """Approximate number of frames in the span. 0 if the file gives no hint."""
        rate = Fraction(self.video.average_rate or 0)
        seconds = Fraction(self.container.duration or 0, av.time_base)
        if self.start_second is None and self.end_second is None:
            return self.video.frames or round(seconds * rate)
        wanted = seconds if self.span.end is None else min(seconds, self.span.end)
        return max(0, round((wanted - self.span.start) * rate))

    def ends_early(self, reached: Fraction) -> bool:
        """Returns whether data is missing at the end of the span.

        Args:
            reached: Seconds on the container's clock up to which packets of any track could be read.

        Returns:
            Whether the pass broke off, or the file declares a duration within the span that is longer than
            what could be read. False if the file declares no duration.
        """
        if self.broke_off:
            return True
        if not self.container.duration or self.container.format.name not in DECLARING:
            return False
        end = Fraction(self.container.duration, av.time_base)  # counted from 0, not from the start time
        wanted = end if self.end_second is None else min(end, self.end_second)
        return reached + 2 / Fraction(self.video.average_rate or 25) + LEEWAY < wanted

    def no_picture(self) -> InputError:
        """Returns the error for a pass that found no frame."""
        seconds = float(Fraction(self.container.duration or 0, av.time_base))
        if self.span.start and 0 < seconds <= self.span.start:
            return InputError(f"The video lasts {seconds:.1f} seconds: let --start be less.")
        if not self._seekable and self.broke_off and "mp4" in self.container.format.name:
            return InputError(
                "An MP4 or QuickTime file can be piped in only with its index in front: give the file's name "
                "instead of -."
            )
        return InputError("No frame of the video can be decoded: check the file, --start and --end.")

    def wants(self, pts: int | None, time_base: Fraction, duration: int = 0) -> bool:
        """Returns whether a time lies in the span, or lasts into it.

        Args:
            pts: The time in ticks. None, an unknown time, counts as inside.
            time_base: Seconds per tick.
            duration: How long it lasts, in ticks.
        """
        if pts is None:
            return True
        begin, end = pts * time_base, (pts + duration) * time_base
        return (self.start_second is None or begin >= self.start_second or end > self.start_second) and (
            self.end_second is None or begin < self.end_second
        )

    def _keeps(self, packet: Packet) -> bool:
        """Returns whether a packet of another track lies in the span. Cover pictures always do."""
        is_cover = bool(packet.stream.disposition & Disposition.attached_pic)
        duration = packet.duration or 0 if packet.stream.type == "subtitle" else 0
        return bool(packet.size) and (
            is_cover or self.wants(packet.pts, Fraction(packet.time_base), duration)
        )

    def pictures(self, *, near: int | None = None, on_packet: OnPacket | None = None) -> Iterator[TimedFrame]:
        """Decodes the frames of the span.

        Args:
            near: A time in ticks. If the source is a file, frames more than a few seconds earlier may be
                skipped.
            on_packet: Called with each packet of the other tracks as it is read.

        Raises:
            InputError: The file cannot be read any further because of an error of the system.
        """
        starts = [] if self.start_second is None else [int(self.start_second / self.time_base)]
        if self._seekable and (starts or near is not None):
            self._seek_before(max(starts if near is None else [*starts, near]))
        for picture in self._group(on_packet):
            times = tuple(time for time in picture.times if self.wants(time.pts, self.time_base))
            if times:
                yield TimedFrame(picture.frame, times)

    def other_packets(self) -> Iterator[Packet]:
        """Yields the packets of all other tracks that lie in the span.

        Raises:
            InputError: The file cannot be read any further because of an error of the system.
        """
        others = [stream for stream in self.container.streams if stream.index != self.video.index]
        if not others:
            return
        for packet in self._demux(others):
            if self._keeps(packet):
                yield packet

    def _group(self, on_packet: OnPacket | None) -> Iterator[TimedFrame]:
        """Assigns the times of frames that could not be decoded to the good frame before them."""
        frame: VideoFrame | None = None
        times: list[Time] = []
        last: int | None = None
        for time, decoded in self._decode_all(on_packet):
            if decoded is not None and frame is not None:
                yield TimedFrame(frame, tuple(times))
                times = []
            frame = decoded or frame
            if last is not None and time.pts <= last:  # no container takes a time that does not advance
                time = Time(last + 1, time.duration)
            last = time.pts
            times.append(time)
            if self.end_second is not None and time.pts * self.time_base >= self.end_second:
                break
        if frame is not None:
            yield TimedFrame(frame, tuple(times))

    def _decode_all(self, on_packet: OnPacket | None) -> Iterator[tuple[Time, VideoFrame | None]]:
        """Yields each frame's time, ascending, and the frame, or None if it could not be decoded."""
        waiting: list[Time] = []  # a heap: times of packets whose frames the decoder has not returned yet
        last = Time(-1, 1)
        for packet in self._demux_all(on_packet):
            if packet is not None and packet.pts is not None and _is_shown(packet):
                heapq.heappush(waiting, Time(packet.pts, packet.duration or 0))
            for frame in self._decode(packet):
                # Files without times, such as raw H.264 streams, are shown at their nominal rate.
                pts = last.pts + (last.duration or 1) if frame.pts is None else frame.pts
                while waiting and waiting[0].pts < pts:
                    yield heapq.heappop(waiting), None
                if waiting and waiting[0].pts == pts:
                    heapq.heappop(waiting)
                last = Time(pts, frame.duration)
                yield last, None if frame.is_corrupt else frame
        while waiting:
            yield heapq.heappop(waiting), None

    def _decode(self, packet: Packet | None) -> list[VideoFrame]:
        try:
            return self.video.codec_context.decode(packet)  # type: ignore[arg-type]
        except av.error.FFmpegError:
            return []

    def _demux_all(self, on_packet: OnPacket | None) -> Iterator[Packet | None]:
        """Yields the video's packets, then None, which flushes the decoder."""
        streams = [self.video] if on_packet is None else list(self.container.streams)
        for packet in self._demux(streams):
            if packet.stream_index == self.video.index:
                if packet.size:
                    yield packet
            elif on_packet and self._keeps(packet):
                on_packet(packet)
        yield None

    def _demux(self, streams: list[av.stream.Stream]) -> Iterator[Packet]:
        packets = self.container.demux(*streams)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.error.InvalidDataError, av.error.EOFError):
                self.broke_off = True
                return
            except (OSError, av.error.FFmpegError) as error:
                raise InputError(f"The video cannot be read on: {error.strerror or error}.") from error
            if packet.size and packet.pts is not None:
                shown_until = (packet.pts + (packet.duration or 0)) * Fraction(packet.time_base)
                self.reached = max(self.reached, shown_until)
            yield packet

    def _seek_before(self, pts: int) -> None:
        """Seeks to a key frame well before `pts`, or to the beginning if there is none."""
        target = pts - round(SEEK_MARGIN / self.time_base)
        try:
            self.container.seek(target, stream=self.video)
            first = next((packet for packet in self._demux([self.video]) if packet.pts is not None), None)
            landed = first is not None and first.pts is not None and first.pts <= pts
            beginning = self.video.start_time or 0
            self.container.seek(target if landed else min(beginning, target), stream=self.video)
        except av.error.FFmpegError:
            pass  # the position has not changed, so decoding starts at the beginning
        self.broke_off = False


def _open(given: Path | BinaryIO) -> InputContainer:
    name = "Standard input"
    file: str | BinaryIO
    if isinstance(given, Path):
        _check_file(given)
        name = f"'{given}'"
        file = str(given.absolute())  # FFmpeg could read a relative path as a protocol
    else:
        file = given
    try:
        # A playlist must not make FFmpeg open anything but files.
        options = {"protocol_whitelist": "file"} if isinstance(given, Path) else {}
        return av.open(file, "r", metadata_errors="surrogateescape", container_options=options)
    except av.error.FFmpegError as error:
        raise InputError(f"{name} is not a video that can be read ({error.strerror}).") from error


def _check_file(path: Path) -> None:
    """Checks, without opening it as a video, that a path is a file with content.

    Args:
        path: The file.

    Raises:
        InputError: It is missing, not a regular file, empty, or visibly damaged.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise missing(path) from None
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}.") from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"'{path}' is a folder: name one video.")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"'{path}' is not a regular file: pipe it in, with - as the input's name.")
    if status.st_size == 0:
        raise InputError(f"'{path}' is empty: fetch it again.")
    try:
        damaged = sample_counts.claims_too_many(path)
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}.") from error
    if damaged:
        raise InputError(f"'{path}' is damaged: its index counts more samples than it holds. Fetch it again.")


def _video_stream(container: InputContainer, given: Path | BinaryIO) -> VideoStream:
    name = f"'{given}'" if isinstance(given, Path) else "Standard input"
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if stream.codec_context is None:
                raise InputError(
                    f"The video in {name} is of a kind that cannot be decoded: convert it first."
                )
            if stream.width * stream.height > DEFAULT_MAX_PIXELS:
                raise InputError(
                    f"The video in {name} has {stream.width} × {stream.height} pixels, more than the limit "
                    f"of {DEFAULT_MAX_PIXELS}: scale it first."
                )
            return stream
    raise InputError(f"There is no video in {name}: name a file with moving pictures.")


def _is_shown(packet: Packet) -> bool:
    """Returns whether a packet's frame is shown. Frames cut by an edit list and hidden VP8 frames are not."""
    if packet.is_discard:
        return False
    codec = packet.stream.codec_context
    # RFC 6386, section 9.1: bit 4 of a frame's first byte is set if the frame is shown.
    return not (codec.name == "vp8" and not memoryview(packet)[0] & 0x10)
