"""Chooses the codec and pixel format of a restored video, and encodes segments of frames.

Every segment is encoded on its own and begins with a key frame. So segments can be joined by copying their
packets, and an interrupted run can resume after the last finished segment.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import av
import av.error
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from deraincli.errors import UsageError
from deraincli.runtime.process import default_variable, keep_scheduling
from deraincli.video.reader import Source, Time

FULL_RANGE = int(ColorRange.JPEG)
"""FFmpeg's value for colours that use the full range of the samples."""
UNSPECIFIED = 2
"""The value for "unspecified" in every colour table of ISO/IEC 23091-2."""
BT709 = 1
"""The value for BT.709 in the colour tables of ISO/IEC 23091-2."""


@dataclass(frozen=True)
class Codec:
    """A codec that a user can choose."""

    encoder: str
    """FFmpeg's name of the encoder."""
    crf: int | None
    """Default constant rate factor, with hardly visible loss. None for lossless codecs."""
    highest_crf: int = 0
    """Largest constant rate factor that the encoder accepts."""
    options: Mapping[str, str] = field(default_factory=dict)
    """The encoder's private options."""
    halves_evenly: bool = False
    """Whether frames with an odd side need colour at full resolution along that side."""


CODECS = {
    "h264": Codec("libx264", 18, 51, {"preset": "medium"}, halves_evenly=True),
    "hevc": Codec(
        "libx265", 20, 51, {"preset": "medium", "x265-params": "log-level=none"}, halves_evenly=True
    ),
    "vp9": Codec("libvpx-vp9", 24, 63, {"b": "0", "row-mt": "1", "cpu-used": "4"}),
    "av1": Codec("libsvtav1", 24, 63, {"preset": "8"}),
    "ffv1": Codec("ffv1", None),
}
"""The codecs by the names that users type, in the order of preference."""

REFUSED = {("mov", "vp9"), ("mov", "av1")}
"""Pairs of container and codec that FFmpeg lists as supported, but refuses when it writes the header."""


@dataclass(frozen=True)
class Encoding:
    """The settings of an encoder. They are the same for every segment and for the file."""

    codec: str
    """A key of CODECS."""
    crf: int | None
    """Constant rate factor. None for lossless codecs."""
    pix_fmt: str
    """FFmpeg's name of the pixel format."""
    width: int
    """Pixels, as stored, before any rotation for display."""
    height: int
    """Pixels, as stored, before any rotation for display."""
    time_base: Fraction
    """Seconds per tick."""
    rate: Fraction
    """Nominal frames per second."""
    aspect: Fraction
    """Width of a pixel divided by its height. 0 if unknown."""
    color_range: int
    """FFmpeg's value, as in the next fields."""
    colorspace: int
    color_primaries: int
    color_trc: int

    @property
    def encoder(self) -> str:
        """FFmpeg's name of the encoder."""
        return CODECS[self.codec].encoder

    @property
    def options(self) -> dict[str, str]:
        """The encoder's private options, including the constant rate factor."""
        crf = {} if self.crf is None else {"crf": str(self.crf)}
        return {**CODECS[self.codec].options, **crf}

    def configure(self, target: VideoCodecContext | VideoStream) -> None:
        """Applies the settings to a stream or to an encoder that is not open yet."""
        for name in (
            "width",
            "height",
            "pix_fmt",
            "color_range",
            "colorspace",
            "color_primaries",
            "color_trc",
        ):
            setattr(target, name, getattr(self, name))
        target.framerate = self.rate
        target.sample_aspect_ratio = self.aspect


def choose_encoding(
    source: Source, first: VideoFrame, container: str, codec: str = "auto", crf: int | None = None
) -> Encoding:
    """Returns the encoding that preserves as much of a source as possible.

    Args:
        source: The open video.
        first: Its first frame.
        container: FFmpeg's name of the output's format.
        codec: A key of CODECS, or "auto" for the source's own codec where the container supports it.
        crf: Constant rate factor, or None for the codec's default.

    Raises:
        UsageError: The container does not support the codec, or the codec does not support the `crf`.
    """
    name = _choose_codec(source, container, codec)
    chosen = CODECS[name]
    check_crf(name, crf)
    pix_fmt = choose_pix_fmt(first.format, chosen)
    context = source.video.codec_context
    full = first.color_range == FULL_RANGE or first.format.name.startswith("yuvj")
    was_rgb = is_rgb(first.format) and not av.VideoFormat(pix_fmt).is_rgb
    return Encoding(
        codec=name,
        crf=chosen.crf if crf is None else crf,
        pix_fmt=pix_fmt,
        width=first.width,
        height=first.height,
        time_base=source.time_base,
        rate=Fraction(source.video.guessed_rate or 25),
        aspect=Fraction(source.video.sample_aspect_ratio or 0),
        color_range=FULL_RANGE if full and not was_rgb else context.color_range,
        colorspace=BT709 if was_rgb else context.colorspace,
        color_primaries=context.color_primaries,
        color_trc=context.color_trc,
    )


def check_crf(name: str, crf: int | None) -> None:
    """Checks a constant rate factor.

    Args:
        name: A key of CODECS.
        crf: The constant rate factor, or None for the codec's default.

    Raises:
        UsageError: The codec is lossless, or the factor is out of its range.
    """
    codec = CODECS[name]
    if crf is None or (codec.crf is not None and 0 <= crf <= codec.highest_crf):
        return
    known = "is lossless and takes no --crf" if codec.crf is None else f"takes --crf 0 to {codec.highest_crf}"
    raise UsageError(f"{name} {known}.")


def choose_pix_fmt(given: VideoFormat, codec: Codec) -> str:
    """Returns the name of the encoder's pixel format that is nearest to the source's.

    The resolution of colour and the bit depth are not reduced if the encoder can store them. The exception is
    RGB in a lossy codec. Few players show RGB, or YUV with colour at full resolution, so it becomes 4:2:0.

    Args:
        given: The source's format.
        codec: The chosen codec.
    """
    video_formats = av.Codec(codec.encoder, "w").video_formats or ()
    known = {format.name: format for format in video_formats if not format.components[-1].is_alpha}
    widths = given.width % 2 and codec.halves_evenly, given.height % 2 and codec.halves_evenly
    name = given.name.replace("yuvj", "yuv")
    depth = max(component.bits for component in given.components)
    lossy_rgb = is_rgb(given) and codec.crf is not None
    if name in known and not lossy_rgb and not (any(widths) and _is_subsampled(given)):
        return name
    if is_rgb(given) and not lossy_rgb:
        return _nearest_depth(
            {
                format.components[0].bits: name
                for name, format in known.items()
                if format.is_rgb and "f" not in name
            },
            depth,
        )
    wanted = "444" if any(widths) else "420" if lossy_rgb else _subsampling(given)
    planar = {
        (_subsampling(format), format.components[0].bits): name
        for name, format in known.items()
        if name.startswith("yuv") and "j" not in name
    }
    chroma = next(c for c in (wanted, "444", "420") if any(c == there for there, _ in planar))
    return _nearest_depth({bits: name for (there, bits), name in planar.items() if there == chroma}, depth)


def _nearest_depth(formats: Mapping[int, str], depth: int) -> str:
    """Returns the format of the smallest sufficient depth, or else of the greatest depth.

    Args:
        formats: Names of formats by depth in bits.
        depth: The wanted depth in bits.
    """
    return formats[min((bits for bits in formats if bits >= depth), default=max(formats))]


def is_rgb(format: VideoFormat) -> bool:
    """Returns whether a format stores RGB, directly, by a palette or as XYZ."""
    return format.is_rgb or format.has_palette or format.name.startswith("xyz")


def _is_subsampled(format: VideoFormat) -> bool:
    return _subsampling(format) != "444"


def _subsampling(format: VideoFormat) -> str:
    """Returns the resolution of colour as in J:a:b: "444", "422", "420" and so on. Grey counts as "420"."""
    across = 1 if format.chroma_width(64) == 64 else 64 // (format.chroma_width(64) or 32)
    down = 1 if format.chroma_height(64) == 64 else 2
    if len(format.components) < 3 and not format.has_palette:
        return "420"
    return {(1, 1): "444", (2, 1): "422", (2, 2): "420", (1, 2): "440", (4, 1): "411"}.get(
        (across, down), "420"
    )


def _choose_codec(source: Source, container: str, wanted: str) -> str:
    with av.open(io.BytesIO(), "w", format=container) as probe:
        possible = [
            name
            for name, codec in CODECS.items()
            if codec.encoder in probe.supported_codecs and (container, name) not in REFUSED
        ]
    if wanted != "auto":
        if wanted not in possible:
            raise UsageError(f"A file of format {container} takes no {wanted}: choose {', '.join(possible)}.")
        return wanted
    own = source.video.codec_context.codec.canonical_name
    return own if own in possible else possible[0]


class EncodedPacket(NamedTuple):
    """One encoded frame. Times are in ticks of the encoding's time base."""

    pts: int
    """When the frame is shown."""
    dts: int
    """When the frame is decoded."""
    duration: int
    """How long the frame is shown. 0 if unknown."""
    is_key: bool
    """Whether it is a key frame."""
    data: bytes
    """The encoded bytes."""


class Shown(NamedTuple):
    """A restored frame that is ready for the encoder, and when it is shown."""

    frame: VideoFrame
    """The frame, in the encoding's pixel format."""
    times: tuple[Time, ...]
    """When it is shown, ascending. A frame that replaces frames that could not be decoded has several."""
    passed: bool
    """Whether it could not be restored and is the source's own frame."""


class Segment(NamedTuple):
    """A run of encoded frames."""

    packets: tuple[EncodedPacket, ...]
    """The packets in decoding order. The first is a key frame."""
    passed: int
    """Number of frames that could not be restored."""
    repeated: int
    """Number of frames that could not be decoded. The previous frame is shown again in their place."""

    @property
    def last_pts(self) -> int:
        """When the last frame is shown, in ticks."""
        return max(packet.pts for packet in self.packets)


def open_encoder(encoding: Encoding) -> VideoCodecContext:
    """Opens an encoder.

    Args:
        encoding: The encoder's settings.

    Raises:
        UsageError: The encoder does not accept frames of this size and pixel format.
    """
    context = av.CodecContext.create(encoding.encoder, "w")
    assert isinstance(context, VideoCodecContext)
    encoding.configure(context)
    context.time_base = encoding.time_base
    context.options = encoding.options
    context.flags |= int(Flags.global_header)
    try:
        # At its default log level, the AV1 encoder prints its settings. At level 1 it prints errors only. It
        # reads the level when it opens.
        with default_variable("SVT_LOG", "1"), keep_scheduling():
            context.open()
    except av.error.FFmpegError as error:
        raise UsageError(
            f"{encoding.codec} takes no pictures of {encoding.width}×{encoding.height} in "
            f"{encoding.pix_fmt}: choose another --codec."
        ) from error
    return context


def encode_segment(shown: Iterable[Shown], encoding: Encoding) -> Segment:
    """Encodes a run of frames. A frame that is shown several times is encoded several times.

    Args:
        shown: The frames in the order in which they are shown.
        encoding: The encoder's settings.

    Raises:
        UsageError: The encoder does not accept the frames.
    """
    context = open_encoder(encoding)
    durations: dict[int, int] = {}
    packets = []
    passed = repeated = 0
    for picture in shown:
        passed += picture.passed
        repeated += len(picture.times) - 1
        for time in picture.times:
            durations[time.pts] = time.duration
            picture.frame.pts = time.pts
            picture.frame.time_base = encoding.time_base
            packets += context.encode(picture.frame)
    packets += context.encode(None)
    return Segment(
        tuple(
            EncodedPacket(packet.pts, packet.dts, durations[packet.pts], packet.is_keyframe, bytes(packet))
            for packet in packets
        ),
        passed,
        repeated,
    )
