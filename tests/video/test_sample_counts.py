"""The index of a video may claim any number of samples, and FFmpeg believes it."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import av
import pytest
from clips import STEADY, write_clip

from deraincli.errors import InputError
from deraincli.video.reader import Source
from deraincli.video.sample_counts import claims_too_many

TOO_MANY = 2**27


def fragmented(path: Path) -> Path:
    """An MP4 whose index lies in its fragments."""
    whole = write_clip(path.with_suffix(".mkv"), times=STEADY[:4])
    with (
        av.open(whole) as source,
        av.open(path, "w", options={"movflags": "frag_keyframe+empty_moov"}) as target,
    ):
        track = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = track
                target.mux(packet)
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.avi"])
def test_whole_and_cut_files_claim_what_they_may(tmp_path: Path, name: str) -> None:
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    data = write_clip(tmp_path / name, times=STEADY[:4], codec=codec, sounds=1).read_bytes()
    for length in (len(data), len(data) // 2, 40, 9, 1):
        (tmp_path / name).write_bytes(data[:length])
        assert not claims_too_many(tmp_path / name)


def test_a_table_of_equal_samples_that_cannot_be_there_is_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", times=STEADY[:4])
    sizes = re.compile(rb"(stsz\0{4}).{8}", re.DOTALL)
    path.write_bytes(sizes.sub(rb"\1" + struct.pack(">II", 1, TOO_MANY), path.read_bytes()))
    with pytest.raises(InputError, match="counts more samples than it holds"):
        Source(path)


def test_a_fragment_of_samples_that_cannot_be_there_is_refused(tmp_path: Path) -> None:
    path = fragmented(tmp_path / "a.mp4")
    assert not claims_too_many(path)
    runs = re.compile(rb"trun.{8}", re.DOTALL)
    path.write_bytes(runs.sub(b"trun\0\0\0\0" + struct.pack(">I", TOO_MANY), path.read_bytes()))
    with pytest.raises(InputError, match="counts more samples than it holds"):
        Source(path)


def test_pictures_beyond_the_limit_are_refused_before_they_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / "a.mp4", size=(64, 48), times=STEADY[:2])
    monkeypatch.setattr("deraincli.video.reader.DEFAULT_MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(InputError, match="64 × 48 pixels"):
        Source(path)
