"""What a restored video cannot keep of its source, in sentences for the user."""

from __future__ import annotations

from collections.abc import Iterator

from av.video.frame import VideoFrame

from deraincli.video.encoder import UNSPECIFIED, Encoding
from deraincli.video.reader import Source


def losses(
    source: Source, first: VideoFrame, encoding: Encoding, container: str, left_out: list[str]
) -> Iterator[str]:
    """Sentences on what cannot stay as it is."""
    if left_out:
        yield f"Left out, since it is neither picture, sound nor text: {', '.join(left_out)} track."
    if container in ("matroska", "webm") and (encoding.time_base * 1000).denominator > 1:
        yield (
            f"A {container} file rounds times to milliseconds and begins at zero; .mp4 and .mov files keep "
            "them exactly."
        )
    if first.format.components[-1].is_alpha:
        yield "Transparency is dropped."
    if first.interlaced_frame:
        yield "The video is interlaced and is restored and marked as progressive: deinterlace it first."
    if (
        encoding.pix_fmt.startswith("yuv444")
        and first.format.name.startswith("yuv4")
        and "444" not in first.format.name
    ):
        yield (
            f"{encoding.codec} holds pictures of odd size ({first.width}×{first.height}) only with colour at "
            "full resolution, which some players refuse; --codec vp9 keeps it as it is."
        )
    if encoding.codec == "ffv1" and container == "mp4" and encoding.color_range and _only_range(encoding):
        yield "An .mp4 file does not tell the colour range of FFV1 without other tags; an .mkv file does."


def _only_range(encoding: Encoding) -> bool:
    """Whether no other colour tag is there, beside which an MP4 file would hold the range."""
    return {encoding.colorspace, encoding.color_primaries, encoding.color_trc} == {UNSPECIFIED}
