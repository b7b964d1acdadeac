"""What a video cannot keep is said before the work starts: real files, without a network."""

from __future__ import annotations

from contextlib import closing
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import pytest
from clips import STEADY, remux, write_clip

from deraincli.video.compatibility import losses
from deraincli.video.encoder import Encoding, choose_encoding, open_encoder
from deraincli.video.muxer import Muxer
from deraincli.video.reader import Source

HDR10 = (
    "log-level=none:hdr10=1:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)"
    "L(10000000,50):max-cll=1000,400"
)


def _plan(path: Path, container: str, codec: str = "auto") -> tuple[Encoding, str]:
    """How a video would be written, and the notes."""
    with closing(Source(path)) as source:
        first = next(source.pictures()).frame
        encoding = choose_encoding(source, first, container, codec)
        open_encoder(encoding)
        left_out = Muxer(BytesIO(), container, source, encoding, None).left_out
        return encoding, " ".join(losses(source, first, encoding, container, left_out))


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "wanted", "written", "says"),
    [
        ("png", "rgb24", "h264", "yuv420p", "full resolution"),
        ("png", "rgb24", "vp9", "yuv420p", "full resolution"),
        ("png", "rgb24", "ffv1", "bgr0", ""),
        ("png", "rgb48be", "ffv1", "rgb48le", ""),
        ("libx264rgb", "rgb24", "auto", "yuv420p", "full resolution"),
        ("libx265", "gbrp", "auto", "yuv420p", "full resolution"),
        ("prores_ks", "yuv422p10le", "auto", "yuv422p10le", "many players refuse"),
        ("mjpeg", "yuvj422p", "auto", "yuv422p", "many players refuse"),
        ("libx264", "yuv444p", "auto", "yuv444p", "many players refuse"),
        ("libx264", "yuv420p", "auto", "yuv420p", ""),
        ("libx265", "yuv420p10le", "auto", "yuv420p10le", ""),
    ],
)
def test_colour_is_kept_or_the_change_is_said(
    tmp_path: Path, codec: str, pix_fmt: str, wanted: str, written: str, says: str
) -> None:
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    source = write_clip(tmp_path / "in.mov", codec=codec, pix_fmt=pix_fmt, times=STEADY[:3], options=options)
    encoding, notes = _plan(source, "mov" if wanted not in ("vp9", "ffv1") else "mp4", wanted)
    assert encoding.pix_fmt == written
    assert (notes == "") if says == "" else (says in notes)


def test_hdr_data_that_is_left_out_is_said(tmp_path: Path) -> None:
    tags = {"colorspace": 9, "color_primaries": 9, "color_trc": 16}
    source = write_clip(
        tmp_path / "in.mp4",
        codec="libx265",
        pix_fmt="yuv420p10le",
        times=STEADY[:3],
        options={"x265-params": HDR10},
        tags=tags,
    )
    encoding, notes = _plan(source, "mp4")
    assert {name: getattr(encoding, name) for name in tags} == tags
    assert notes.count("HDR mastering data") == 1


@pytest.mark.parametrize(("pix_fmt", "said"), [("yuva420p", True), ("yuv420p", False)])
def test_transparency_that_the_decoder_passes_over_is_said(tmp_path: Path, pix_fmt: str, said: bool) -> None:
    milliseconds = {"times": range(0, 120, 40), "time_base": Fraction(1, 1000)}
    source = write_clip(tmp_path / "in.webm", codec="libvpx-vp9", pix_fmt=pix_fmt, **milliseconds)
    assert ("Transparency" in _plan(source, "webm")[1]) == said


@pytest.mark.parametrize(("tracks", "said"), [((0, 0), True), ((0,), False)])
def test_a_second_video_that_stays_rainy_is_said(tmp_path: Path, tracks: tuple[int, ...], said: bool) -> None:
    source = remux(write_clip(tmp_path / "in.mov", times=STEADY[:2]), tmp_path / "two.mov", tracks)
    assert ("first video track" in _plan(source, "mov")[1]) == said


@pytest.mark.parametrize("container", ["mov", "mp4"])
def test_a_timecode_track_that_is_written_anew_is_no_loss(tmp_path: Path, container: str) -> None:
    source = write_clip(tmp_path / "in.mov", times=STEADY[:2], metadata={"timecode": "01:00:00:00"})
    assert _plan(source, container)[1] == ""


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libsvtav1"])
def test_quicktime_gets_another_codec_for_one_that_it_cannot_hold(tmp_path: Path, codec: str) -> None:
    milliseconds = {"times": range(0, 120, 40), "time_base": Fraction(1, 1000)}
    source = write_clip(tmp_path / "in.mkv", codec=codec, **milliseconds)
    assert _plan(source, "mov")[0].codec == "h264"
