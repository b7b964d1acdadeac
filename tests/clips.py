"""Videos for tests, made and read with PyAV; modules that import this skip where it is not installed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from deraincli.runtime.process import keep_scheduling

av = pytest.importorskip("av")
Disposition = av.stream.Disposition
Interpolation = av.video.reformatter.Interpolation

STEADY = tuple(range(0, 12 * 512, 512))
"""Twelve times at 25 pictures a second in ticks of 1/12800 s."""
EXACT = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)


def scene(number: int, width: int, height: int) -> np.ndarray:
    """A smooth picture, H×W×3 uint8, unlike the one of any other number."""
    coarse = np.random.default_rng(number).integers(40, 216, (4, 6, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def write_clip(
    path: Path,
    *,
    codec: str = "libx264",
    size: tuple[int, int] = (64, 48),
    times: Sequence[int] = STEADY,
    time_base: Fraction = Fraction(1, 12800),
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    tags: dict[str, int] | None = None,
    rotation: int | None = None,
    sounds: int = 0,
    subtitles: int = 0,
    metadata: dict[str, str] | None = None,
    chapters: Iterable[tuple[float, float, str]] = (),
    scenes: Sequence[np.ndarray] | None = None,
) -> Path:
    """Writes pictures at `times`.

    `tags`: colour tags by name. `chapters`: begin and end in seconds, and title. `scenes` stand in for the
    usual pictures.
    """
    width, height = size
    with keep_scheduling(), av.open(path, "w") as container:
        container.metadata.update(metadata or {})
        container.set_chapters(
            [
                {
                    "id": number,
                    "start": round(begin * 1000),
                    "end": round(end * 1000),
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": title},
                }
                for number, (begin, end, title) in enumerate(chapters)
            ]
        )
        video = container.add_stream(
            codec, rate=25, options=options or {}, width=width, height=height, time_base=time_base
        )
        video.pix_fmt = pix_fmt
        for name, value in (tags or {}).items():
            setattr(video.codec_context, name, value)
        if rotation is not None:
            video.set_display_rotation(rotation)
        seconds = float((times[-1] + 512) * time_base)
        side = [_add_sound(container, number, seconds) for number in range(sounds)]
        side += [_add_subtitles(container, number) for number in range(subtitles)]
        packets = []
        for number, pts in enumerate(times):
            picture = scene(number, width, height) if scenes is None else scenes[number]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.colorspace, frame.color_range = (
                video.codec_context.colorspace,
                video.codec_context.color_range,
            )
            frame = frame.reformat(format=pix_fmt, interpolation=EXACT)
            frame.pts, frame.time_base = pts, time_base
            packets += video.encode(frame)
        packets += video.encode()
        container.mux(packets)
        for track in side:
            container.mux(track)
    return path


def damage(path: Path, numbers: Iterable[int]) -> Path:
    """Overwrites with zeros the packets of that place in decoding order, in an MP4 or QuickTime file."""
    with av.open(path) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    with path.open("r+b") as file:
        for number in numbers:
            file.seek(packets[number].pos)
            file.write(bytes(packets[number].size))
    return path


def damage_within(path: Path, number: int) -> Path:
    """Overwrites the middle of a packet, in decoding order, with noise, so that its picture is half there."""
    with av.open(path) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][number]
    with path.open("r+b") as file:
        file.seek(packet.pos + packet.size // 2)
        file.write(np.random.default_rng(0).bytes(packet.size // 4))
    return path


def repeat_sound_time(path: Path, number: int, earlier: int) -> Path:
    """Gives a sound packet of a Matroska file the time of an earlier one, as web remuxes do."""
    with av.open(path) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]
    with path.open("r+b") as file:
        file.seek(packets[earlier].pos + 1)  # RFC 9559: a block begins with its track, then 16 bits of time
        time = file.read(2)
        file.seek(packets[number].pos + 1)
        file.write(time)
    return path


def _add_sound(container, number: int, seconds: float) -> list[av.Packet]:
    codec = "libopus" if container.format.name == "webm" else "aac"
    stream = container.add_stream(codec, rate=48000, layout="mono")
    stream.metadata["language"] = ("eng", "deu")[number % 2]
    packets = []
    frame_size = 960 if codec == "libopus" else 1024
    for start in range(0, int(48000 * seconds), frame_size):
        wave = np.sin(np.arange(start, start + frame_size) * (0.05 + 0.02 * number)).astype(np.float32)[None]
        planar = stream.codec_context.format.is_planar
        samples = wave if planar else (wave * 20000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp" if planar else "s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        packets += stream.encode(frame)
    return packets + stream.encode()


def _add_subtitles(container, number: int) -> list[av.Packet]:
    stream = container.add_mux_stream("subrip")
    stream.time_base = Fraction(1, 1000)
    stream.metadata["language"] = "fra"
    packets = []
    for index in range(3):
        packet = av.Packet(f"line {number} {index}".encode())
        packet.pts = packet.dts = 100 * index
        packet.duration, packet.time_base, packet.stream = 80, Fraction(1, 1000), stream
        packets.append(packet)
    return packets


def attach(source: Path, target: Path, files: dict[str, tuple[str, bytes]], **metadata: str) -> Path:
    """Copies the pictures of a clip to a Matroska file with attachments: name → media type and content."""
    with av.open(source) as given, av.open(target, "w") as container:
        container.metadata.update(metadata)
        track = container.add_stream_from_template(given.streams.video[0])
        for name, (kind, data) in files.items():
            container.add_attachment(name, kind, data)
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = track
                container.mux(packet)
    return target


def remux(source: Path, target: Path, tracks: Sequence[int], **tags: str) -> Path:
    """Copies chapters and tracks, each as often as its number is given, and gives every track these tags."""
    with av.open(source) as given, av.open(target, "w") as container:
        container.set_chapters(given.chapters())
        copies = [(number, container.add_stream_from_template(given.streams[number])) for number in tracks]
        for _, copy in copies:
            copy.metadata.update(tags)
        for packet in [packet for packet in given.demux() if packet.size]:
            for _, copy in [copy for copy in copies if copy[0] == packet.stream_index]:
                twin = av.Packet(bytes(packet))
                twin.pts, twin.dts, twin.duration = packet.pts, packet.dts, packet.duration
                twin.time_base, twin.is_keyframe, twin.stream = packet.time_base, packet.is_keyframe, copy
                container.mux(twin)
    return target


def read_covers(path: Path) -> list[bytes]:
    """The cover pictures, as they are stored."""
    with av.open(path) as container:
        tracks = [
            stream for stream in container.streams.video if stream.disposition & Disposition.attached_pic
        ]
        return [bytes(packet) for packet in container.demux(tracks) if packet.size] if tracks else []


class Track(NamedTuple):
    """What a track holds."""

    kind: str
    codec: str
    language: str | None
    packets: list[tuple[Fraction, bytes]]
    """Showing time in seconds, and content."""


def read_tracks(path: Path) -> list[Track]:
    with av.open(path) as container:
        streams = [stream for stream in container.streams if stream.codec_context]
        tracks = {
            stream.index: Track(stream.type, stream.codec_context.name, stream.language, [])
            for stream in streams
        }
        for packet in container.demux(streams):
            if packet.size:
                tracks[packet.stream_index].packets.append((packet.pts * packet.time_base, bytes(packet)))
    return list(tracks.values())


def read_times(path: Path) -> list[Fraction]:
    """When each picture is shown, in seconds."""
    return [frame.pts * frame.time_base for frame in read_frames(path)]


def read_frames(path: Path) -> list[av.VideoFrame]:
    with av.open(path) as container:
        return list(container.decode(video=0))


def read_pictures(path: Path) -> list[np.ndarray]:
    """Every picture as stored, H×W×3 uint8."""
    return [frame.reformat(format="rgb24", interpolation=EXACT).to_ndarray() for frame in read_frames(path)]
