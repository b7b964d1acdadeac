"""What a restored video cannot keep of its source, in sentences for the user."""

from __future__ import annotations

from collections.abc import Iterator

from av.sidedata.sidedata import Type
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from deraincli.video.encoder import CODECS, UNSPECIFIED, Encoding, is_rgb
from deraincli.video.muxer import is_cover
from deraincli.video.reader import Source

WIDELY_PLAYED = {"h264": ("yuv420p", "yuvj420p"), "hevc": ("yuv420p", "yuvj420p", "yuv420p10le")}
"""Pixel formats that browsers, phones and QuickTime play, by codec."""

SIDE_DATA = {
    Type.MASTERING_DISPLAY_METADATA: "HDR mastering data",
    Type.CONTENT_LIGHT_LEVEL: "HDR mastering data",
    Type.DYNAMIC_HDR_PLUS: "dynamic HDR data",
    Type.DYNAMIC_HDR_VIVID: "dynamic HDR data",
    Type.DOVI_RPU_BUFFER: "Dolby Vision data",
    Type.DOVI_METADATA: "Dolby Vision data",
    Type.ICC_PROFILE: "colour profile",
    Type.STEREO3D: "3D layout",
    Type.SPHERICAL: "360° projection",
}
"""Names, for the user, of the side data of a frame that is not written."""


def losses(
    source: Source, first: VideoFrame, encoding: Encoding, container: str, left_out: list[str]
) -> Iterator[str]:
    """Yields a sentence for everything that the output cannot keep.

    Args:
        source: The open video.
        first: Its first frame.
        encoding: The encoding of the output.
        container: FFmpeg's name of the output's format.
        left_out: Names of tracks and tags that the muxer leaves out.
    """
    present = {data.type for data in first.side_data}
    left_out = [*left_out, *dict.fromkeys(name for kind, name in SIDE_DATA.items() if kind in present)]
    if left_out:
        yield f"Left out, because derain cannot write it to {container}: {', '.join(left_out)}."
    if container in ("matroska", "webm") and (encoding.time_base * 1000).denominator > 1:
        yield (
            f"A {container} file rounds times to milliseconds and begins at zero. An .mp4 or .mov file keeps "
            "them exactly."
        )
    videos = [stream for stream in source.container.streams.video if stream.codec_context]
    if sum(not is_cover(stream) for stream in videos) > 1:
        yield "Only the first video track is restored. The others are copied as they are."
    if first.format.components[-1].is_alpha or has_hidden_alpha(source):
        yield "Transparency is dropped."
    if first.interlaced_frame:
        yield "The video is interlaced, but it is restored and marked as progressive: deinterlace it first."
    yield from _colour_losses(first, encoding)
    if encoding.codec == "ffv1" and container == "mp4" and encoding.color_range and _only_range(encoding):
        yield "An .mp4 file does not store the colour range of FFV1 without other tags. An .mkv file does."


def has_hidden_alpha(source: Source) -> bool:
    """Returns whether a WebM or Matroska file holds transparency that the decoder ignores."""
    tags = {name.lower(): text for name, text in source.video.metadata.items()}
    return tags.get("alpha_mode", "0") != "0"


def _colour_losses(first: VideoFrame, encoding: Encoding) -> Iterator[str]:
    """Yields sentences about colour that is stored differently, or in a way that few players show."""
    result = VideoFormat(encoding.pix_fmt)
    subsampled = result.chroma_width(64) < 64
    if is_rgb(first.format) and subsampled:
        yield (
            f"The source has colour at full resolution. {encoding.codec} stores it at half resolution, which "
            "most players need. --codec ffv1 in an .mkv file keeps it."
        )
    odd = first.width % 2 or first.height % 2
    if CODECS[encoding.codec].halves_evenly and not subsampled and odd:
        yield (
            f"{encoding.codec} holds pictures of odd size ({first.width}×{first.height}) only with colour at "
            "full resolution, which many players refuse. --codec vp9 avoids this."
        )
    elif encoding.pix_fmt not in WIDELY_PLAYED.get(encoding.codec, (encoding.pix_fmt,)):
        yield (
            f"The result is {encoding.codec} in {encoding.pix_fmt}, which many players refuse. Convert it to "
            "yuv420p to share it."
        )


def _only_range(encoding: Encoding) -> bool:
    """Returns whether all other colour tags are unset. MP4 stores the range only beside another tag."""
    return {encoding.colorspace, encoding.color_primaries, encoding.color_trc} == {UNSPECIFIED}
