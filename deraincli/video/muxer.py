"""Writing a video: the restored pictures, and everything else of the source packet by packet."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any, Protocol

import av
import av.error
from av.packet import Packet
from av.stream import Discard, Stream

from deraincli.errors import OutputError, UsageError
from deraincli.video.encoder import EncodedPacket, Encoding, Segment
from deraincli.video.reader import Source

FORMATS = {
    "mp4": "mp4",
    "m4v": "mp4",
    "mov": "mov",
    "mkv": "matroska",
    "webm": "webm",
}
"""Suffix, or --format, → FFmpeg's name of the container."""

MP4_TAGS = {
    *("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright"),
    *("grouping", "lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords"),
    *("creation_time", "location", "handler_name", "language", "vendor_id", "timecode"),
}
"""What MP4 and QuickTime files hold in boxes of their own; any other tag needs a table of free names."""

STALE = (
    "encoder",
    "major_brand",
    "minor_version",
    "compatible_brands",
    "DURATION",
    "BPS",
    "NUMBER_OF_",
    "_STATISTICS",
)
"""Beginnings of tags that describe the source's file rather than what it shows."""


class Sink(Protocol):
    """Where a video is written to: a file or a pipe."""

    def write(self, data: bytes, /) -> int:
        """Takes all of `data`."""
        ...

    def seekable(self) -> bool:
        """Whether what is written can be gone back to; such a sink has `seek` and `tell`."""
        ...


class Muxer:
    """An output file that is being written."""

    def __init__(
        self, file: Sink, format: str, source: Source, encoding: Encoding, matrix: tuple[int, ...] | None
    ) -> None:
        """`format`: FFmpeg's name. `matrix`: how to show the pictures.

        Raises UsageError where the format cannot hold one of the source's tracks.
        """
        self._source = source
        self._shift = source.start_second or Fraction(0)
        self._decoding_times = DecodingTimes()
        tags = _fresh(source.container.metadata)
        self._container = av.open(
            file,
            "w",
            format=format,
            metadata_errors="surrogateescape",
            container_options=_container_options(format, tags, source, seekable=file.seekable()),
        )
        self._container.metadata.update(tags)
        self._container.set_chapters(list(_chapters(source)))
        self._streams: dict[int, Stream] = {}
        for stream in source.container.streams:
            if stream.index == source.video.index:
                self._add_video(encoding, matrix)
            elif stream.type in ("video", "audio", "subtitle", "attachment"):
                self._add_copy(stream, format)

    @property
    def left_out(self) -> list[str]:
        """Kinds of the source's tracks that stay behind."""
        streams = self._source.container.streams
        # MP4 shows chapters as tracks, too, but marks them as not to be read.
        tracks = [stream for stream in streams if stream.discard != Discard.all]
        return [stream.type for stream in tracks if stream.index not in self._streams]

    def write(self, segment: Segment) -> None:
        """Writes restored pictures, segment after segment. Raises OutputError as all writing does."""
        for packet in self.video_packets(segment):
            self.mux(packet)

    def video_packets(self, segment: Segment) -> Iterator[Packet]:
        """A segment's packets, ready to be muxed."""
        shift = round(self._shift / self._time_base)
        for encoded, dts in zip(segment.packets, self._decoding_times(segment.packets), strict=True):
            packet = Packet(encoded.data)
            packet.pts, packet.dts, packet.duration = encoded.pts - shift, dts - shift, encoded.duration
            packet.time_base = self._time_base
            packet.is_keyframe = encoded.is_key
            packet.stream = self._video
            yield packet

    def copies(self, packets: Iterable[Packet]) -> Iterator[Packet]:
        """The source's other packets, ready to be muxed."""
        for packet in packets:
            stream = self._streams.get(packet.stream_index)
            if stream is None:
                continue
            shift = round(self._shift / Fraction(packet.time_base)) if packet.pts is not None else 0
            if shift and packet.pts is not None:
                packet.pts -= shift
                packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            packet.stream = stream
            yield packet

    def mux(self, packet: Packet) -> None:
        """Writes a packet of `video_packets` or `copies`. Raises OutputError."""
        _writing(lambda: self._container.mux_one(packet))

    def close(self) -> None:
        """Finishes the file. Raises OutputError."""
        _writing(self._container.close)

    def _add_video(self, encoding: Encoding, matrix: tuple[int, ...] | None) -> None:
        source = self._source.video
        self._time_base = encoding.time_base
        video = self._container.add_stream(
            encoding.encoder, rate=encoding.rate, options=encoding.options, time_base=encoding.time_base
        )
        encoding.configure(video)
        video.time_base = encoding.time_base
        video.disposition = source.disposition
        video.metadata.update(_fresh(source.metadata))
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
        copy.time_base = stream.time_base
        copy.disposition = stream.disposition
        copy.metadata.update(stream.metadata)
        self._streams[stream.index] = copy


class DecodingTimes:
    """Decoding times for packets of segments that were encoded apart.

    Each picture is decoded when the picture `delay` places before it is shown, which puts every decoding time
    before the showing time, and makes them ascend across the joints.
    """

    def __init__(self) -> None:
        self._delay: int | None = None
        self._shown: list[int] = []
        """Showing times that still become decoding times."""

    def __call__(self, packets: Iterable[EncodedPacket]) -> Iterator[int]:
        """The decoding times of the next segment's packets."""
        packets = list(packets)
        pts = sorted(packet.pts for packet in packets)
        if self._delay is None:
            # All encoders are set alike, so that the first one's delay is that of all.
            self._delay = sum(packet.dts < pts[0] for packet in packets)
            step = pts[1] - pts[0] if len(pts) > 1 else 1
            self._shown = [pts[0] - step * place for place in range(self._delay, 0, -1)]
        self._shown += pts
        for _ in packets:
            yield self._shown.pop(0)


def _writing(action: Callable[[], Any]) -> None:
    try:
        action()
    except (OSError, av.error.FFmpegError) as error:
        raise OutputError(f"The video cannot be written: {error.strerror or error}.") from error


def _container_options(
    format: str, tags: dict[str, str], source: Source, *, seekable: bool
) -> dict[str, str]:
    options = {"max_interleave_delta": "0"}  # sound waits for the pictures, however long they take
    if format in ("mp4", "mov"):
        flags = []
        if not seekable:
            flags += ["frag_keyframe", "empty_moov", "delay_moov", "default_base_moof"]
        if not MP4_TAGS.issuperset(tags):
            flags.append("use_metadata_tags")
        if flags:
            options["movflags"] = "+".join(["", *flags])
        # Where a track begins is stored in these units; in the default of 1 ms it would be rounded.
        bases = [Fraction(stream.time_base or 1).denominator for stream in source.container.streams]
        common = math.lcm(*bases)
        options["movie_timescale"] = str(common if common < 2**31 else source.time_base.denominator)
    return options


def _fresh(tags: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in tags.items() if not name.startswith(STALE)}


def _chapters(source: Source) -> Iterator[Any]:
    """The source's chapters, as far as they reach into the span."""
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
