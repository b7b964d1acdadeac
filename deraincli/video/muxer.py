"""Writes a video: the restored frames, and all other tracks of the source packet by packet."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

import av
import av.error
from av.format import Flags
from av.packet import Packet
from av.rational import AVRational
from av.stream import Discard, Disposition, Stream

from deraincli.errors import OutputError, UsageError
from deraincli.runtime.process import keep_scheduling
from deraincli.video.encoder import EncodedPacket, Encoding, Segment
from deraincli.video.reader import Source, Span

if TYPE_CHECKING:
    from av.container.core import Chapter

CONTAINER_OF_SUFFIX = {
    "mp4": "mp4",
    "m4v": "mp4",
    "mov": "mov",
    "mkv": "matroska",
    "webm": "webm",
}
"""FFmpeg's name of the container, by the output's suffix or the value of --format."""

MP4_TAGS = {
    *("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright"),
    *("grouping", "lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords"),
    *("creation_time", "location", "handler_name", "language", "vendor_id", "timecode"),
}
"""Tags for which MP4 and QuickTime have a box of their own. Any other tag needs a table of free names."""

COUNTS = ("duration", "bps", "number_of_", "_statistics")
"""Lower-case prefixes of tags that count what a whole track holds."""
STALE = (*COUNTS, "encoder", "major_brand", "minor_version", "compatible_brands", "alpha_mode")
"""Lower-case prefixes of tags that describe the source's file instead of its content."""

HEVC_TAG = "hvc1"
"""Sample entry of HEVC in MP4 and QuickTime files. Apple's players do not play FFmpeg's default, hev1."""

MP4_COVERS = ("mjpeg", "png", "bmp")
"""Codecs of the cover pictures that an MP4 file can store."""
COVER_FILES = {
    "mjpeg": ("cover.jpg", "image/jpeg"),
    "png": ("cover.png", "image/png"),
    "gif": ("cover.gif", "image/gif"),
    "tiff": ("cover.tif", "image/tiff"),
    "bmp": ("cover.bmp", "image/bmp"),
    "webp": ("cover.webp", "image/webp"),
}
"""File name and media type of a cover picture as an attachment, by its codec."""


class Sink(Protocol):
    """The destination of a video: a file or a pipe."""

    def write(self, data: bytes, /) -> int:
        """Writes all of `data` and returns its length in bytes."""
        ...

    def seekable(self) -> bool:
        """Returns whether the destination also has `seek` and `tell`."""
        ...


class Muxer:
    """Writes one output file."""

    def __init__(
        self, file: Sink, format: str, source: Source, encoding: Encoding, matrix: tuple[int, ...] | None
    ) -> None:
        """Sets up the tracks. The header is written with the first packet.

        Args:
            file: The destination.
            format: FFmpeg's name of the container.
            source: The open source, whose other tracks are copied.
            encoding: The encoding of the restored frames.
            matrix: The transformation for showing the frames, as `display_matrix` returns it.

        Raises:
            UsageError: The container cannot hold one of the source's tracks.
        """
        self._source = source
        self._shift = source.start_second or Fraction(0)
        self._decoding_times = DecodingTimes()
        self._last_dts: dict[int, int] = {}
        """The last decoding time of each output track, by its index, in ticks of its time base."""
        tags = _without(STALE, source.container.metadata)
        seekable = file.seekable()
        # A fragmented MP4 file would show a cover as an empty track.
        holds_cover = format == "mp4" and seekable and has_mp4_cover(source)
        self._container = av.open(
            file,
            "w",
            format=format,
            metadata_errors="surrogateescape",
            container_options=_container_options(
                format, tags, source, seekable=seekable, holds_cover=holds_cover
            ),
        )
        self._repeats = Flags.ts_nonstrict in Flags(self._container.format.flags)
        """Whether the container allows equal decoding times in tracks other than subtitles."""
        self._container.metadata.update(tags)
        self._container.set_chapters(list(_chapters(source)))
        self._streams: dict[int, Stream] = {}
        self._attached_covers: dict[int, Stream] = {}
        """Cover pictures that become attachments once their data has been read, by the source's index."""
        self.left_out: list[str] = []
        """Names of the source's tracks and tags that this file does not hold."""
        self._holds_cover = holds_cover
        if holds_cover:
            self.left_out += [f"tag {name}" for name in free_tags(tags)]
        for stream in source.container.streams:
            self._add(stream, encoding, matrix, format)

    def _add(self, stream: Stream, encoding: Encoding, matrix: tuple[int, ...] | None, format: str) -> None:
        """Adds a track of the source, or notes that it is left out."""
        if stream.index == self._source.video.index:
            self._add_video(encoding, matrix, format)
        elif stream.type in ("video", "audio", "subtitle") and stream.codec_context is None:
            self.left_out.append(f"{stream.type} track of unknown kind")
        elif is_cover(stream):
            if format == "matroska" and stream.name in COVER_FILES:
                self._attached_covers[stream.index] = stream
            elif self._holds_cover and stream.name in MP4_COVERS:
                self._add_copy(stream, format)
            else:
                self.left_out.append("cover picture")
        elif stream.type in ("video", "audio", "subtitle") or (
            stream.type == "attachment" and format == "matroska"
        ):
            self._add_copy(stream, format)
        elif stream.type == "attachment":
            self.left_out.append(f"attachment {stream.metadata.get('filename', '')}".strip())
        elif "timecode" in stream.metadata and "timecode" in self._source.video.metadata:
            pass  # FFmpeg's muxer creates this track again from the tag
        elif stream.discard != Discard.all:  # MP4 marks tracks that hold its chapters with Discard.all
            self.left_out.append(f"{stream.type} track")

    def write(self, segment: Segment) -> None:
        """Writes the next segment of restored frames.

        Raises:
            OutputError: The file cannot be written.
        """
        for packet in self.video_packets(segment):
            self.mux(packet)

    def video_packets(self, segment: Segment) -> Iterator[Packet]:
        """Yields the packets of the next segment, ready for `mux`."""
        shift = round(self._shift / self._time_base)
        for encoded, dts in zip(segment.packets, self._decoding_times(segment.packets), strict=True):
            packet = Packet(encoded.data)
            packet.pts, packet.dts, packet.duration = encoded.pts - shift, dts - shift, encoded.duration
            packet.time_base = self._time_base
            packet.is_keyframe = encoded.is_key
            packet.stream = self._video
            yield packet

    def copies(self, packets: Iterable[Packet]) -> Iterator[Packet]:
        """Yields the source's other packets, ready for `mux`. Attaches cover pictures on the way."""
        for packet in packets:
            if packet.stream_index in self._attached_covers:
                self._attach(self._attached_covers.pop(packet.stream_index), bytes(packet))
            stream = self._streams.get(packet.stream_index)
            if stream is None:
                continue
            if stream.disposition & Disposition.attached_pic:
                packet.pts = packet.dts = 0
                packet.stream = stream
                yield packet
                continue
            shift = round(self._shift / Fraction(packet.time_base)) if packet.pts is not None else 0
            if shift and packet.pts is not None:
                packet.pts -= shift
                packet.dts = packet.pts if packet.dts is None else packet.dts - shift
                if packet.stream.type == "subtitle" and packet.pts < 0:  # it begins before the part
                    packet.duration = (packet.duration or 0) + packet.pts
                    packet.pts = packet.dts = 0
            packet.stream = stream
            yield packet

    def _attach(self, cover: Stream, data: bytes) -> None:
        """Attaches a cover picture. Demuxers yield covers first, so the header has not been written yet."""
        name, kind = COVER_FILES[cover.name or ""]
        tags = cover.metadata
        self._container.add_attachment(tags.get("filename", name), tags.get("mimetype", kind), data)

    def mux(self, packet: Packet) -> None:
        """Writes a packet of `video_packets` or `copies`.

        Raises:
            OutputError: The file cannot be written.
        """
        with keep_scheduling():
            _write(self._container.start_encoding)  # from here on, each track has its final time base
        self._keep_order(packet)
        _write(lambda: self._container.mux_one(packet))

    def _keep_order(self, packet: Packet) -> None:
        """Makes decoding times ascend within a track. Containers refuse times that repeat or go back."""
        stream = packet.stream
        packet.rescale_ts(AVRational(stream.time_base))
        last = self._last_dts.get(stream.index)
        if packet.pts is None:
            follows = 0 if last is None else last + (packet.duration or 0)
            packet.pts = follows if packet.dts is None else packet.dts
        dts = packet.pts if packet.dts is None else packet.dts
        if last is not None:
            may_repeat = stream.type == "subtitle" or self._repeats
            dts = max(dts, last if may_repeat else last + 1)
        packet.dts = self._last_dts[stream.index] = dts
        packet.pts = max(packet.pts, dts)

    def close(self) -> None:
        """Finishes the file.

        Raises:
            OutputError: The file cannot be written.
        """
        _write(self._container.close)

    def _add_video(self, encoding: Encoding, matrix: tuple[int, ...] | None, format: str) -> None:
        source = self._source.video
        self._time_base = encoding.time_base
        video = self._container.add_stream(
            encoding.encoder, rate=encoding.rate, options=encoding.options, time_base=encoding.time_base
        )
        encoding.configure(video)
        if encoding.codec == "hevc" and format in ("mp4", "mov"):
            video.codec_context.codec_tag = HEVC_TAG
        video.time_base = encoding.time_base
        video.disposition = source.disposition
        video.metadata.update(_without(STALE, source.metadata))
        video.set_display_matrix(matrix)
        self._video = self._streams[source.index] = video

    def _add_copy(self, stream: Stream, format: str) -> None:
        try:
            copy = self._container.add_stream_from_template(stream, opaque=True)
        except ValueError as error:
            raise UsageError(
                f"A file of format {format} cannot hold track {stream.index} of the source ({stream.type}, "
                f"{stream.name or 'of unknown kind'}): write to an .mkv file, for example."
            ) from error
        if stream.name == "hevc" and stream.codec_tag != "hev1" and format in ("mp4", "mov"):
            copy.codec_context.codec_tag = HEVC_TAG
        copy.time_base = stream.time_base
        # FFmpeg's MP4 muxer recognises a cover only if no other disposition is set.
        copy.disposition = Disposition.attached_pic if is_cover(stream) else stream.disposition
        cut = self._source.span != Span()
        copy.metadata.update(_without(COUNTS, stream.metadata) if cut else stream.metadata)
        self._streams[stream.index] = copy


class DecodingTimes:
    """Computes decoding times for packets of segments that were encoded separately.

    Each frame is decoded when the frame `delay` places before it is shown. So every decoding time comes
    before the time of showing, and decoding times ascend across the joints of segments.
    """

    def __init__(self) -> None:
        self._delay: int | None = None
        self._shown: list[int] = []
        """Times of showing that have not been used as decoding times yet."""

    def __call__(self, packets: Iterable[EncodedPacket]) -> Iterator[int]:
        """Yields the decoding times of the next segment's packets, in ticks."""
        packets = list(packets)
        pts = sorted(packet.pts for packet in packets)
        if self._delay is None:
            # All encoders have the same settings, so the first segment's delay is that of all segments.
            self._delay = sum(packet.dts < pts[0] for packet in packets)
            step = pts[1] - pts[0] if len(pts) > 1 else 1
            self._shown = [pts[0] - step * place for place in range(self._delay, 0, -1)]
        self._shown += pts
        for _ in packets:
            yield self._shown.pop(0)


def _write(action: Callable[[], object]) -> None:
    """Calls a function that writes, and turns its errors into OutputError."""
    try:
        action()
    except (OSError, av.error.FFmpegError) as error:
        raise OutputError(f"The video cannot be written: {error.strerror or error}.") from error


def _container_options(
    format: str, tags: dict[str, str], source: Source, *, seekable: bool, holds_cover: bool
) -> dict[str, str]:
    options = {"max_interleave_delta": "0"}  # sound waits for the frames, however long they take
    if format in ("mp4", "mov"):
        flags = []
        if not seekable:
            flags += ["frag_keyframe", "empty_moov", "delay_moov", "default_base_moof"]
        # FFmpeg writes either the table of free names or the list that holds a cover.
        if free_tags(tags) and not holds_cover:
            flags.append("use_metadata_tags")
        if flags:
            options["movflags"] = "+".join(["", *flags])
        # The start of a track is stored in this unit. The default of 1 ms would round it.
        bases = [Fraction(stream.time_base or 1).denominator for stream in source.container.streams]
        common = math.lcm(*bases)
        options["movie_timescale"] = str(common if common < 2**31 else source.time_base.denominator)
    return options


def is_cover(stream: Stream) -> bool:
    """Returns whether a track is a cover picture."""
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def has_mp4_cover(source: Source) -> bool:
    """Returns whether a source has a cover picture that an MP4 file can hold."""
    return any(is_cover(stream) and stream.name in MP4_COVERS for stream in source.container.streams)


def free_tags(tags: Iterable[str]) -> list[str]:
    """Returns the names of tags for which MP4 and QuickTime have no box."""
    return [name for name in tags if name.split("-")[0] not in MP4_TAGS]


def _without(prefixes: tuple[str, ...], tags: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in tags.items() if not name.lower().startswith(prefixes)}


def _chapters(source: Source) -> Iterator[Chapter]:
    """Yields the source's chapters, cut to the span and shifted to its start."""
    begin, end = source.start_second, source.end_second
    for chapter in source.container.chapters():
        unit = Fraction(chapter["time_base"] or 1)
        first, last = chapter["start"] * unit, chapter["end"] * unit
        if (begin is not None and last <= begin) or (end is not None and first >= end):
            continue
        shift = begin or Fraction(0)
        first = max(first, shift) - shift
        last = (last if end is None else min(last, end)) - shift
        yield {**chapter, "start": round(first / unit), "end": round(last / unit)}
