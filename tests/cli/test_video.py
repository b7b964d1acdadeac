"""`derain video` from end to end: real videos, a real network, exit codes, both output streams."""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import skimage.io
from clips import (
    STEADY,
    attach,
    av,
    damage,
    damage_within,
    read_covers,
    read_frames,
    read_pictures,
    read_times,
    read_tracks,
    remux,
    repeat_sound_time,
    write_clip,
)
from paired import DROPS

import deraincli
from deraincli.errors import DeviceError, InputError
from deraincli.rain.drops import add_drops
from deraincli.restoration.derainer import ModelDerainer

EXAMPLES = Path(__file__).parents[2] / "examples"
UNEVEN = (0, 700, 1201, 1900, 2500, 4001, 4100, 6000, 6400, 9000, 9001, 12000)
"""A variable rate, in ticks of 1/12800 s."""


@pytest.fixture
def video(derain, random_model: Path):
    """`video(source, "-o", out, …)` runs the command and gives its JSON record."""

    def call(*arguments: object, code: int = 0) -> dict:
        done = derain("video", *arguments, "-m", random_model, "--precision", "fp32", "--json")
        assert done.code == code, done.err
        return json.loads(done.out)

    priority = os.getpriority(os.PRIO_PROCESS, 0), getattr(os, "sched_getscheduler", int)(0)
    yield call
    assert priority == (os.getpriority(os.PRIO_PROCESS, 0), getattr(os, "sched_getscheduler", int)(0))


@pytest.mark.parametrize(
    ("name", "format", "result", "container"),
    [
        ("in.mp4", "mkv", "in.derained.mkv", "matroska"),
        ("in.mp4", "webm", "in.derained.webm", "matroska"),
        ("in.mp4", "mov", "in.derained.mov", "mov"),
        ("in.mkv", "mp4", "in.derained.mp4", "mov"),
        ("in.mkv", "m4v", "in.derained.m4v", "mov"),
        ("in.avi", "MP4", "in.derained.mp4", "mov"),
        ("in.MKV", "mkv", "in.derained.MKV", "matroska"),
        ("in.m4v", "mp4", "in.derained.m4v", "mov"),
        ("in", "mp4", "in.derained.mp4", "mov"),
    ],
)
def test_a_result_without_a_name_is_named_by_its_format(
    video, tmp_path: Path, name: str, format: str, result: str, container: str
) -> None:
    source = write_clip(tmp_path / "clip.mkv", times=STEADY[:2]).rename(tmp_path / name)
    folder = tmp_path / "out"
    folder.mkdir()
    in_folder = folder / result.replace(".derained", "")
    for options, written in (((), tmp_path / result), (("-o", folder), in_folder)):
        record = video(source, "--format", format, *options)
        assert record["output"] == str(written)
        with av.open(written) as found:
            assert container in found.format.name


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_times_of_a_variable_rate_are_kept_exactly(video, tmp_path: Path, suffix: str, codec: str) -> None:
    source = write_clip(tmp_path / f"in.{suffix}", codec=codec, times=UNEVEN)
    record = video(source, "-o", tmp_path / f"out.{suffix}")
    assert (record["status"], record["frames"]) == ("done", len(UNEVEN))
    assert read_times(tmp_path / f"out.{suffix}") == [Fraction(pts, 12800) for pts in UNEVEN]


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mkv", "libx264"), ("webm", "libvpx-vp9"), ("mkv", "libsvtav1")]
)
def test_times_in_milliseconds_are_kept_in_matroska(video, tmp_path: Path, suffix: str, codec: str) -> None:
    times = (0, 40, 81, 133, 200, 240, 500)
    source = write_clip(tmp_path / f"in.{suffix}", codec=codec, times=times, time_base=Fraction(1, 1000))
    video(source, "-o", tmp_path / f"out.{suffix}")
    assert read_times(tmp_path / f"out.{suffix}") == [Fraction(pts, 1000) for pts in times]


def test_a_late_beginning_is_kept(video, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", times=[pts + 5000 for pts in UNEVEN])
    assert read_times(source)[0] > Fraction(1, 3)
    assert not video(source, "-o", tmp_path / "out.mp4")["ends_early"]
    assert read_times(tmp_path / "out.mp4") == read_times(source)


def test_pictures_are_those_of_the_python_api(video, tmp_path: Path, random_model: Path) -> None:
    """In a lossless codec that stores RGB, so that only the network changes anything."""
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", pix_fmt="bgr0", times=STEADY[:3])
    record = video(source, "-o", tmp_path / "out.mkv")
    assert record["codec"] == "ffv1"
    derainer = deraincli.load(str(random_model), precision="fp32")
    pairs = zip(read_pictures(source), read_pictures(tmp_path / "out.mkv"), strict=True)
    for before, after in pairs:
        np.testing.assert_array_equal(after, derainer(before))
        assert not np.array_equal(after, before)


def test_the_ensemble_is_said(derain, video, tmp_path: Path, random_model: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", pix_fmt="bgr0", times=STEADY[:1])
    given = (source, "-o", tmp_path / "out.mkv", "--ensemble")
    assert video(*given)["ensemble"] is True
    (picture,) = read_pictures(tmp_path / "out.mkv")
    derainer = deraincli.load(str(random_model), precision="fp32", ensemble=True)
    np.testing.assert_array_equal(picture, derainer(*read_pictures(source)))
    done = derain("video", *given, "--overwrite", "-m", random_model, "--precision", "fp32")
    assert "in fp32, ensemble\n" in done.err


@pytest.mark.parametrize(
    ("codec", "source_codec", "pix_fmt"),
    [
        ("h264", "ffv1", "yuv444p"),
        ("hevc", "ffv1", "yuv444p"),
        ("vp9", "libvpx-vp9", "yuv420p"),
        ("av1", "ffv1", "yuv420p"),
    ],
)
def test_odd_sizes_stay(video, tmp_path: Path, codec: str, source_codec: str, pix_fmt: str) -> None:
    source = write_clip(tmp_path / "in.mkv", codec=source_codec, size=(67, 65), times=STEADY[:3])
    record = video(source, "-o", tmp_path / "out.mkv", "--codec", codec)
    assert (record["width"], record["height"], record["codec"]) == (67, 65, codec)
    frames = read_frames(tmp_path / "out.mkv")
    assert {(frame.width, frame.height, frame.format.name) for frame in frames} == {(67, 65, pix_fmt)}


def test_ten_bits_stay_ten(video, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", codec="libx265", pix_fmt="yuv420p10le", times=STEADY[:3])
    video(source, "-o", tmp_path / "out.mp4")
    assert {frame.format.name for frame in read_frames(tmp_path / "out.mp4")} == {"yuv420p10le"}


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_video_is_restored_upright_and_stays_turned(
    video, tmp_path: Path, random_model: Path, rotation: int
) -> None:
    source = write_clip(tmp_path / "in.mp4", times=STEADY[:2], rotation=rotation)
    video(source, "-o", tmp_path / "out.mp4", "--crf", 0)
    before, after = read_frames(source), read_frames(tmp_path / "out.mp4")
    assert [frame.rotation for frame in after] == [frame.rotation for frame in before]
    assert before[0].rotation % 360 == rotation
    derainer = deraincli.load(str(random_model), precision="fp32")
    stored, restored = read_pictures(source)[0], read_pictures(tmp_path / "out.mp4")[0]
    distances = {
        turns: _distance(restored, np.rot90(derainer(np.ascontiguousarray(np.rot90(stored, turns))), -turns))
        for turns in range(4)
    }
    assert min(distances, key=distances.__getitem__) == rotation // 90


@pytest.mark.parametrize("matrix", [1, 6])
@pytest.mark.parametrize("full", [1, 2])
def test_colour_tags_stay(video, tmp_path: Path, matrix: int, full: int) -> None:
    tags = {"colorspace": matrix, "color_range": full, "color_primaries": matrix, "color_trc": matrix}
    source = write_clip(tmp_path / "in.mp4", times=STEADY[:2], tags=tags)
    video(source, "-o", tmp_path / "out.mp4")
    for frame in (*read_frames(source), *read_frames(tmp_path / "out.mp4")):
        assert {name: getattr(frame, name) for name in tags} == tags


@pytest.mark.parametrize("matrix", [1, 2])
def test_a_colour_range_that_the_file_cannot_hold_is_told(
    derain, tmp_path, random_model, matrix: int
) -> None:
    tags = {"color_range": 1, "colorspace": matrix, "color_primaries": matrix, "color_trc": matrix}
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", times=STEADY[:2], tags=tags)
    done = derain("video", source, "-o", tmp_path / "out.mp4", "-m", random_model)
    kept = read_frames(tmp_path / "out.mp4")[0].color_range == 1
    assert (done.code, kept, "colour range" in done.err) == (0, matrix == 1, matrix == 2)


def test_sound_text_and_chapters_are_copied_bit_for_bit(video, tmp_path: Path) -> None:
    chapters = [(0.0, 0.2, "rain"), (0.2, 0.48, "more rain")]
    metadata = {"title": "Wet", "my_own_tag": "kept"}
    source = write_clip(tmp_path / "in.mkv", sounds=2, subtitles=1, chapters=chapters, metadata=metadata)
    video(source, "-o", tmp_path / "out.mkv")
    before, after = read_tracks(source), read_tracks(tmp_path / "out.mkv")
    assert [track.kind for track in after] == ["video", "audio", "audio", "subtitle"]
    assert after[1:] == before[1:]
    assert all(len(track.packets) >= 3 for track in before)
    _same_chapters_and_tags(source, tmp_path / "out.mkv", {"title", "MY_OWN_TAG"})


def test_free_tags_and_chapters_stay_in_mp4(video, tmp_path: Path) -> None:
    """The sound begins before zero, as AAC's does: its delay must not be lost either."""
    chapters = [(0.0, 0.2, "rain"), (0.2, 0.48, "more rain")]
    source = write_clip(tmp_path / "in.mp4", sounds=1, chapters=chapters, metadata={"title": "Wet"})
    video(source, "-o", tmp_path / "out.mp4")
    before, after = read_tracks(source), read_tracks(tmp_path / "out.mp4")
    assert before[1].packets[0][0] < 0
    assert after[1] == before[1]
    _same_chapters_and_tags(source, tmp_path / "out.mp4", {"title"})


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("earlier", [5, 3])
def test_sound_whose_time_repeats_or_goes_back_is_copied(
    derain, video, tmp_path: Path, random_model: Path, suffix: str, earlier: int
) -> None:
    """No packet is lost, and only the faulty time moves."""
    source = write_clip(tmp_path / "in.mkv", sounds=1, time_base=Fraction(1, 1000), times=range(0, 480, 40))
    repeat_sound_time(source, 6, earlier)
    before = read_tracks(source)[1].packets
    assert before[6][0] == before[earlier][0]
    video(source, "-o", tmp_path / f"out.{suffix}")
    piped = ("-o", "-", "--format", suffix, "-m", random_model)
    (tmp_path / "piped").write_bytes(derain("video", "-", *piped, stdin=source.read_bytes()).out)
    for result in (tmp_path / f"out.{suffix}", tmp_path / "piped"):
        after = read_tracks(result)[1].packets
        assert [data for _, data in after] == [data for _, data in before]
        pairs = enumerate(zip(before, after, strict=True))
        moved = {place for place, (one, other) in pairs if abs(one[0] - other[0]) > Fraction(1, 1000)}
        assert moved <= {6}
        assert after[6][0] >= after[5][0]


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_hevc_has_the_sample_entry_that_apple_plays(
    derain, tmp_path: Path, random_model: Path, suffix: str
) -> None:
    """The restored track and a second one that is copied, from file to file and piped."""
    source = write_clip(tmp_path / "one.mkv", codec="libx265", times=STEADY[:3])
    two = tmp_path / "two.mkv"
    with av.open(source) as given, av.open(two, "w") as container:
        tracks = [container.add_stream_from_template(given.streams.video[0]) for _ in range(2)]
        for packet in [packet for packet in given.demux(video=0) if packet.size]:
            for track in tracks:
                packet.stream = track
                container.mux(packet)
    options = ("--format", suffix, "-m", random_model)
    assert derain("video", two, "-o", tmp_path / "file", *options).code == 0
    (tmp_path / "piped").write_bytes(derain("video", two, "-o", "-", *options).out)
    for result in ("file", "piped"):
        with av.open(tmp_path / result) as container:
            assert [stream.codec_context.codec_tag for stream in container.streams] == ["hvc1", "hvc1"]


def _cover() -> bytes:
    return cv2.imencode(".jpg", np.random.default_rng(3).integers(0, 256, (32, 32, 3), np.uint8))[1].tobytes()


@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov", "webm"])
def test_covers_attachments_and_free_tags_stay_or_their_loss_is_said(
    derain, tmp_path: Path, random_model: Path, suffix: str, piped: bool
) -> None:
    cover, font = _cover(), b"font" * 9
    files = {"cover.jpg": ("image/jpeg", cover), "a.ttf": ("font/ttf", font)}
    plain = write_clip(tmp_path / "plain.mkv", codec="libvpx-vp9" if suffix == "webm" else "libx264")
    source = attach(plain, tmp_path / "in.mkv", files, com_android_version="14")
    out, options = tmp_path / f"out.{suffix}", ("--start", "0.4", "-m", random_model)
    done = derain("video", source, "-o", "-" if piped else out, "--format", suffix, *options)
    assert done.code == 0, done.err
    if piped:
        out.write_bytes(done.out)
    with av.open(out) as container:
        attached = [stream.data for stream in container.streams if stream.type == "attachment"]
        tags = {name.lower() for name in container.metadata}
        pictures = [
            s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic
        ]
    assert len(pictures) == 1
    kept = {
        "cover picture": read_covers(out) == [cover],
        "attachment a.ttf": attached == [font],
        "tag COM_ANDROID_VERSION": "com_android_version" in tags,
    }
    note = next((line for line in done.err.splitlines() if "Left out" in line), "")
    assert {name: name not in note for name in kept} == kept
    assert kept["cover picture"] == (suffix == "mkv" or (suffix == "mp4" and not piped))


def test_rgb_becomes_what_players_show_unless_the_codec_is_lossless(
    derain, video, tmp_path: Path, random_model: Path
) -> None:
    source = write_clip(
        tmp_path / "in.gif", codec="gif", pix_fmt="rgb8", times=range(0, 30, 10), time_base=Fraction(1, 100)
    )
    done = derain("video", source, "-o", tmp_path / "out.mp4", "-m", random_model)
    assert done.code == 0
    assert "full resolution" in done.err
    assert {frame.format.name for frame in read_frames(tmp_path / "out.mp4")} == {"yuv420p"}
    video(source, "-o", tmp_path / "out.mkv", "--codec", "ffv1")
    assert {frame.format.name for frame in read_frames(tmp_path / "out.mkv")} == {"bgr0"}


def test_a_damaged_middle_repeats_the_last_good_picture(video, tmp_path: Path) -> None:
    source = damage(write_clip(tmp_path / "in.mov", codec="png", pix_fmt="rgb24"), (5, 6, 9))
    record = video(source, "-o", tmp_path / "out.mkv", "--codec", "ffv1")
    assert (record["frames"], record["repeated"], record["passed_through"]) == (len(STEADY), 3, 0)
    pictures = read_pictures(tmp_path / "out.mkv")
    assert len(pictures) == len(STEADY)
    for number, stands_in in ((5, 4), (6, 4), (9, 8)):
        np.testing.assert_array_equal(pictures[number], pictures[stands_in])
    assert not np.array_equal(pictures[7], pictures[6])


def test_a_damaged_beginning_shows_the_first_good_picture(video, tmp_path: Path) -> None:
    source = damage(write_clip(tmp_path / "in.mov", codec="png", pix_fmt="rgb24", times=STEADY[:4]), (0, 1))
    assert video(source, "-o", tmp_path / "out.mkv", "--codec", "ffv1")["repeated"] == 2
    pictures = read_pictures(tmp_path / "out.mkv")
    assert len(pictures) == 4
    np.testing.assert_array_equal(pictures[0], pictures[2])
    assert not np.array_equal(pictures[2], pictures[3])


def test_damaged_h264_loses_no_picture(video, tmp_path: Path) -> None:
    source = damage(write_clip(tmp_path / "in.mp4", times=UNEVEN), (4, 5))
    record = video(source, "-o", tmp_path / "out.mp4")
    assert record["frames"] == len(UNEVEN)
    assert record["repeated"] > 0
    assert read_times(tmp_path / "out.mp4") == [Fraction(pts, 12800) for pts in UNEVEN]


def test_a_picture_that_the_decoder_marks_as_corrupt_repeats_the_last_good_one(video, tmp_path: Path) -> None:
    scenes = list(np.random.default_rng(0).integers(0, 256, (12, 48, 64, 3), dtype=np.uint8))
    source = write_clip(tmp_path / "in.mp4", options={"bf": "0"}, scenes=scenes)
    damage_within(source, 5)
    record = video(source, "-o", tmp_path / "out.mkv", "--codec", "ffv1")
    assert (record["frames"], record["repeated"]) == (len(STEADY), 1)
    pictures = read_pictures(tmp_path / "out.mkv")
    np.testing.assert_array_equal(pictures[5], pictures[4])


def test_damage_is_told_to_people_too(derain, tmp_path: Path, random_model: Path) -> None:
    source = damage(write_clip(tmp_path / "in.mov", codec="png", pix_fmt="rgb24"), (5, 6, 9))
    done = derain("video", source, "-o", tmp_path / "out.mkv", "--codec", "ffv1", "-m", random_model)
    assert "12 frames (3 repeated for damaged ones)" in done.err


@pytest.mark.parametrize("sounds", [0, 1])
@pytest.mark.parametrize("codec", ["ffv1", "libx264"])
def test_a_file_that_ends_early_gives_what_it_has_and_says_so(
    derain, tmp_path: Path, random_model: Path, codec: str, sounds: int
) -> None:
    times = range(0, 960, 40)
    source = write_clip(
        tmp_path / "whole.mkv", codec=codec, sounds=sounds, times=times, time_base=Fraction(1, 1000)
    )
    (tmp_path / "cut.mkv").write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    network = ("-m", random_model, "--json")
    for name, target in (("whole", "file"), ("cut", "file"), ("cut", "stream")):
        given, out = tmp_path / f"{name}.mkv", tmp_path / f"{name}-{target}.mkv"
        if target == "file":
            done = derain("video", given, "-o", out, *network)
        else:
            done = derain("video", "-", "-o", out, *network, stdin=given.read_bytes())
        record = json.loads(done.out)
        assert (done.code, record["ends_early"]) == (0, name == "cut")
        assert ("The file ends early" in done.err) == (name == "cut")
        assert 4 <= record["frames"] == len(read_frames(out))
        assert (record["frames"] < len(times)) == (name == "cut")


def test_a_part_of_a_whole_file_does_not_end_early(video, tmp_path: Path) -> None:
    for suffix in ("mp4", "mkv"):
        source = write_clip(tmp_path / f"in.{suffix}", times=range(0, 50 * 512, 512), sounds=1)
        for part in (("--end", "1"), ("--start", "1"), ("--start", "0.5", "--end", "9")):
            record = video(source, "-o", tmp_path / f"out.{suffix}", *part, "--overwrite")
            assert not record["ends_early"], (suffix, part)


def test_the_index_of_a_piped_mp4_must_come_first(tmp_path: Path, random_model: Path) -> None:
    scenes = list(np.random.default_rng(0).integers(0, 256, (12, 240, 320, 3), dtype=np.uint8))
    source = write_clip(tmp_path / "in.mp4", size=(320, 240), scenes=scenes)
    command = [sys.executable, "-m", "deraincli", "video", "-", "-o", "-", "-m", str(random_model)]
    with subprocess.Popen(["cat", source], stdout=subprocess.PIPE) as cat:
        done = subprocess.run(command, stdin=cat.stdout, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "index in front" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_picture_that_cannot_be_restored_stays(video, tmp_path: Path, monkeypatch) -> None:
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", pix_fmt="bgr0", times=STEADY[:4])
    _failing(monkeypatch, at=2, error=DeviceError("Out of memory: take a smaller model."))
    record = video(source, "-o", tmp_path / "out.mkv")
    assert (record["frames"], record["passed_through"]) == (4, 1)
    before, after = read_pictures(source), read_pictures(tmp_path / "out.mkv")
    assert [np.array_equal(*pair) for pair in zip(before, after, strict=True)] == [False, False, True, False]


def test_a_network_that_restores_nothing_is_an_error(video, tmp_path: Path, monkeypatch) -> None:
    source = write_clip(tmp_path / "in.mp4")
    _failing(monkeypatch, at=0, error=DeviceError("Out of memory: take a smaller model."))
    record = video(source, "-o", tmp_path / "out.mp4", code=1)
    assert "smaller model" in record["error"]
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("temporal", [0, 2])
def test_an_interrupted_run_goes_on_and_ends_as_if_it_never_stopped(
    derain, video, tmp_path: Path, random_model: Path, monkeypatch, temporal: int
) -> None:
    monkeypatch.setattr("deraincli.video.restorer.SEGMENT", 4)
    source = write_clip(tmp_path / "in.mov", codec="png", pix_fmt="rgb24", times=UNEVEN, sounds=1)
    options = ("--codec", "ffv1", "--temporal", temporal)
    video(source, "-o", tmp_path / "whole.mkv", *options)
    with monkeypatch.context() as patch:
        _failing(patch, at=10, error=KeyboardInterrupt())
        network = ("-m", random_model, "--precision", "fp32")
        done = derain("video", source, "-o", tmp_path / "out.mkv", *options, *network)
    assert done.code == 130
    assert "same command" in done.err
    assert not (tmp_path / "out.mkv").exists()
    record = video(source, "-o", tmp_path / "out.mkv", *options)
    assert record["resumed"] == 8
    assert record["frames"] == len(UNEVEN)
    assert read_tracks(tmp_path / "out.mkv") == read_tracks(tmp_path / "whole.mkv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mov", "out.mkv", "whole.mkv"]


def test_a_resumed_run_keeps_the_model_that_the_first_picture_chose(
    derain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pictures after the interruption have drops, and would choose another."""
    monkeypatch.setattr("deraincli.video.restorer.SEGMENT", 2)
    streaks = skimage.io.imread(EXAMPLES / "rainy_coffee.jpg")
    drops, _ = add_drops(skimage.data.coffee(), np.random.default_rng(5), DROPS)
    scenes = [picture[:128, :192] for picture in (streaks, streaks, drops, drops)]
    source = write_clip(
        tmp_path / "in.mov", codec="png", pix_fmt="rgb24", size=(192, 128), times=STEADY[:4], scenes=scenes
    )
    options = ("--codec", "ffv1", "--precision", "fp32", "--json")
    assert derain("video", source, "-o", tmp_path / "whole.mkv", *options).code == 0
    with monkeypatch.context() as patch:
        _failing(patch, at=3, error=KeyboardInterrupt())
        assert derain("video", source, "-o", tmp_path / "out.mkv", *options).code == 130
    record = json.loads(derain("video", source, "-o", tmp_path / "out.mkv", *options).out)
    assert (record["resumed"], record["model"]) == (2, "balnet-lite-streak")
    assert read_tracks(tmp_path / "out.mkv") == read_tracks(tmp_path / "whole.mkv")


def test_other_settings_start_again(derain, video, tmp_path: Path, random_model: Path, monkeypatch) -> None:
    monkeypatch.setattr("deraincli.video.restorer.SEGMENT", 4)
    source = write_clip(tmp_path / "in.mp4")
    with monkeypatch.context() as patch:
        _failing(patch, at=10, error=KeyboardInterrupt())
        assert derain("video", source, "-o", tmp_path / "out.mp4", "-m", random_model).code == 130
    assert video(source, "-o", tmp_path / "out.mp4", "--crf", 30)["resumed"] == 0


@pytest.mark.parametrize("share", [0.1, 0.7])
def test_a_full_disk_stops_cleanly_and_the_run_can_go_on(
    video, tmp_path: Path, monkeypatch, share: float
) -> None:
    """A limit on the size of files stands in for the disk: segments meet the low one, the whole the other."""
    monkeypatch.setattr("deraincli.video.restorer.SEGMENT", 4)
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", size=(160, 120))
    video(source, "-o", tmp_path / "whole.mkv")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int((tmp_path / "whole.mkv").stat().st_size * share), hard))
    try:
        record = video(source, "-o", tmp_path / "out.mkv", code=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "cannot be written" in record["error"]
    assert not (tmp_path / "out.mkv").exists()
    record = video(source, "-o", tmp_path / "out.mkv")
    assert record["resumed"] == (len(STEADY) if share > 0.5 else 0)
    assert read_tracks(tmp_path / "out.mkv") == read_tracks(tmp_path / "whole.mkv")


def test_a_part_is_cut_out_and_moved_to_the_beginning(video, tmp_path: Path) -> None:
    chapters = [(0.0, 0.2, "rain"), (0.2, 0.48, "more rain")]
    milliseconds = {"time_base": Fraction(1, 1000), "times": range(0, 480, 40)}
    clip = write_clip(tmp_path / "clip.mkv", sounds=1, subtitles=1, chapters=chapters, **milliseconds)
    source = remux(clip, tmp_path / "in.mkv", (0, 1, 2), BPS="9", NUMBER_OF_BYTES="99", TITLE="rain")
    video(source, "-o", tmp_path / "out.mkv", "--start", "0.12", "--end", "0:00:00.32")
    assert read_times(tmp_path / "out.mkv") == [Fraction(ms, 1000) for ms in (0, 40, 80, 120, 160)]
    sound = [(time - Fraction(120, 1000), data) for time, data in read_tracks(source)[1].packets]
    assert read_tracks(tmp_path / "out.mkv")[1].packets == [
        packet for packet in sound if 0 <= packet[0] < Fraction(200, 1000)
    ]
    with av.open(tmp_path / "out.mkv") as container:
        spans = [(c["start"] * c["time_base"], c["end"] * c["time_base"]) for c in container.chapters()]
        lines = [packet for packet in container.demux(subtitles=0) if packet.size]
        tags = [{"BPS", "NUMBER_OF_BYTES", "title"} & set(stream.metadata) for stream in container.streams]
    assert spans == [(0, Fraction(80, 1000)), (Fraction(80, 1000), Fraction(200, 1000))]
    assert [(line.pts, line.duration, bytes(line)) for line in lines] == [
        (0, 60, b"line 0 1"),
        (80, 80, b"line 0 2"),
    ]
    assert tags == [{"title"}] * 3  # the others would count what was cut off, too


@pytest.mark.parametrize("format", ["mkv", "mp4"])
def test_standard_input_and_output_give_the_same_video(
    derain, video, tmp_path: Path, random_model: Path, format: str
) -> None:
    times = range(0, 480, 40)
    source = write_clip(tmp_path / "in.mkv", sounds=2, time_base=Fraction(1, 1000), times=times)
    codec = ("--codec", "ffv1")
    video(source, "-o", tmp_path / f"file.{format}", *codec)
    options = ("--format", format, *codec, "-m", random_model, "--precision", "fp32")
    done = derain("video", "-", "-o", "-", *options, stdin=source.read_bytes())
    assert done.code == 0, done.err
    (tmp_path / "both").write_bytes(done.out)
    assert derain("video", "-", "-o", tmp_path / "in", *options, stdin=source.read_bytes()).code == 0
    (tmp_path / "out").write_bytes(derain("video", source, "-o", "-", *options).out)
    expected = read_tracks(tmp_path / f"file.{format}")
    assert [track.kind for track in expected] == ["video", "audio", "audio"]
    for piped in ("both", "in", "out"):
        assert read_tracks(tmp_path / piped) == expected


def refuse(derain, folder: Path, code: int, says: str, *arguments: object, stdin: bytes = b"") -> None:
    """One sentence on stderr, the exit code, and no file more than before."""
    before = sorted(folder.rglob("*"))
    done = derain("video", *arguments, stdin=stdin)
    assert (done.code, done.out) == (code, b"")
    errors = [line for line in done.err.strip().splitlines() if not line.startswith("Note:")]
    assert says in done.err
    assert len(errors) == 1
    assert sorted(folder.rglob("*")) == before


def test_what_is_no_video_is_refused(derain, tmp_path: Path, random_model: Path) -> None:
    sound = io.BytesIO()
    with av.open(sound, "w", format="wav") as container:
        container.mux(container.add_stream("pcm_s16le", rate=48000).encode(None))
    (tmp_path / "sound.wav").write_bytes(sound.getvalue())
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "fifo.mp4")
    (tmp_path / "link.mp4").symlink_to("gone.mp4")
    (tmp_path / "cut.mp4").write_bytes(write_clip(tmp_path / "whole.mp4").read_bytes()[:2000])
    names = (
        "sound.wav",
        "text.mp4",
        "empty.mp4",
        "folder.mp4",
        "fifo.mp4",
        "cut.mp4",
        "missing.mp4",
        "link.mp4",
    )
    for source in (*(tmp_path / name for name in names), Path("/dev/null")):
        refuse(derain, tmp_path, 1, source.name, source, "-o", tmp_path / "out.mp4", "-m", random_model)
    refuse(
        derain, tmp_path, 1, "Standard input", "-", "-o", tmp_path / "out.mp4", "-m", random_model, stdin=b"x"
    )


@pytest.mark.parametrize(
    ("name", "content", "options", "says"),
    [
        ("nope.mp4", None, (), "nope.mp4"),
        ("empty.mp4", b"", (), "empty"),
        ("text.mp4", b"no video", (), "not a video"),
        ("rain.mkv", None, ("--start", "9"), "lasts"),
        ("rain.mkv", None, ("--format", "mp4"), "srt"),
    ],
)
@pytest.mark.parametrize("target", ["out.mkv", "-"])
def test_a_source_that_cannot_be_restored_is_reported_before_the_model(
    derain, tmp_path: Path, name: str, content: bytes | None, options: tuple, says: str, target: str
) -> None:
    """The model does not exist either, but the source's fault is the one that is named."""
    write_clip(tmp_path / "rain.mkv", subtitles=1, times=STEADY[:3])
    if content is not None:
        (tmp_path / name).write_bytes(content)
    out = target if target == "-" else tmp_path / target
    done = derain("video", tmp_path / name, "-o", out, *options, "-m", tmp_path / "none.safetensors")
    assert done.code in (1, 2)
    assert says in done.err
    assert "none.safetensors" not in done.err


@pytest.mark.parametrize("temporal", [0, 1])
def test_progress_moves_with_every_picture(tmp_path: Path, random_model: Path, temporal: int) -> None:
    from deraincli.video.reader import Source
    from deraincli.video.restorer import VideoOptions, VideoRestorer, prepare

    source, reports = write_clip(tmp_path / "in.mkv"), []
    options = VideoOptions("matroska", temporal=temporal)
    restorer = VideoRestorer(
        deraincli.load(str(random_model)), options, lambda *report: reports.append(report), lambda note: None
    )
    with closing(Source(source)) as opened:
        prepared = prepare(opened, options)
    restorer.to_file(source, tmp_path / "out.mkv", prepared, job="", overwrite=False)
    assert [done for done, _ in reports] == list(range(1, len(STEADY) + 1))
    assert all(total >= len(STEADY) for _, total in reports)


def test_a_source_that_is_gone_once_the_model_is_loaded_is_one_sentence(
    tmp_path: Path, random_model: Path
) -> None:
    from deraincli.video.reader import Source
    from deraincli.video.restorer import VideoOptions, VideoRestorer, prepare

    source, options = write_clip(tmp_path / "in.mkv", times=STEADY[:2]), VideoOptions("matroska")
    with closing(Source(source)) as opened:
        prepared = prepare(opened, options)
    source.unlink()
    derainer = deraincli.load(str(random_model))
    restorer = VideoRestorer(derainer, options, lambda *report: None, lambda note: None)
    with pytest.raises(InputError, match="no file"):
        restorer.to_file(source, tmp_path / "out.mkv", prepared, job="", overwrite=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("missing", 1, "There is no file 'missing'"),
        ("folder", 1, "'folder' is a folder"),
        ("missing.xyz", 1, "There is no file 'missing.xyz'"),
        ("rain", 2, "The suffix of 'rain.derained' names no kind of video"),
    ],
)
def test_an_input_without_the_suffix_of_a_video_is_told_what_is_wrong_with_it(
    derain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    write_clip(Path("rain.mkv"), times=STEADY[:3]).rename("rain")
    refuse(derain, tmp_path, code, says, name)


def test_a_photo_is_sent_to_derain_image(derain, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "photo.jpg"), np.zeros((20, 20, 3), np.uint8))
    refuse(derain, tmp_path, 1, "derain image", tmp_path / "photo.jpg")


def test_names_that_are_no_text_or_look_like_addresses_work(video, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (os.fsdecode(b"\xff\xe9t\xe9.mkv"), "http:rain.mkv"):
        write_clip(tmp_path / "plain.mkv", times=STEADY[:2]).rename(name)
        assert video(name, "-o", tmp_path / "out.mkv", "--overwrite")["status"] == "done"


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("-o", "out.avi"), 2, "mkv"),
        (("-o", "out"), 2, "--format"),
        (("-o", "out.webm", "--codec", "h264"), 2, "vp9"),
        (("-o", "out.mov", "--codec", "vp9"), 2, "hevc"),
        (("-o", "out.mp4", "--codec", "divx"), 2, "hevc"),
        (("-o", "out.mp4", "--crf", "60"), 2, "51"),
        (("-o", "out.mkv", "--codec", "ffv1", "--crf", "5"), 2, "lossless"),
        (("-o", "out.mp4", "--start", "soon"), 2, "--start"),
        (("-o", "out.mp4", "--start", "5", "--end", "0:04"), 2, "--end"),
        (("-o", "out.mp4", "--start", "0:10"), 1, "lasts 0.1 seconds"),
        (("-o", "in.mkv", "--codec", "h264", "--crf", "60"), 2, "51"),
        (("-o", "nowhere/out.mp4"), 1, "nowhere"),
        (("-o", "in.mkv"), 1, "--overwrite"),
        (("-o", "-", "--json"), 2, "--json"),
        (("-o", "out.mp4"), 2, "srt"),
    ],
)
def test_impossible_wishes_are_refused(
    derain, tmp_path: Path, random_model: Path, monkeypatch, options: tuple, code: int, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    subtitles = 1 if says == "srt" else 0  # which MP4 cannot hold
    write_clip(tmp_path / "in.mkv", subtitles=subtitles, times=STEADY[:3])
    refuse(derain, tmp_path, code, says, "in.mkv", *options, "-m", random_model)


def test_json_reports_what_is_no_file_at_all(derain) -> None:
    done = derain("video", ".", "--json")
    record = json.loads(done.out)
    assert (done.code, record["status"], record["source"]) == (1, "failed", ".")
    assert done.err == f"Error: {record['error']}\n"


def test_the_absence_of_pyav_is_one_sentence(derain, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("deraincli.video.find_spec", lambda name: None)
    refuse(derain, tmp_path, 1, "[video]'", "in.mp4", "-o", tmp_path / "out.mp4")


def _failing(monkeypatch, at: int, error: BaseException) -> None:
    """Makes the network fail at the picture numbered `at`, and only there."""
    restore, calls = ModelDerainer.restore, iter(range(10**6))

    def sometimes(self, *arguments, **options):
        if next(calls) == at:
            raise error
        return restore(self, *arguments, **options)

    monkeypatch.setattr(ModelDerainer, "restore", sometimes)


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def _chapters(container) -> list[tuple[Fraction, Fraction, str]]:
    return [
        (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"]["title"])
        for c in container.chapters()
    ]


def _same_chapters_and_tags(source: Path, result: Path, names: set[str]) -> None:
    with av.open(source) as before, av.open(result) as after:
        assert _chapters(before) == _chapters(after) != []
        assert {name: after.metadata.get(name) for name in names} == {
            name: before.metadata[name] for name in names
        }
