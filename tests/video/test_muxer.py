"""Segments that were encoded apart join to a stream that every container takes."""

from __future__ import annotations

from itertools import pairwise

import pytest

pytest.importorskip("av")

from closed import permissions_bind
from hypothesis import given
from hypothesis import strategies as st

from deraincli.errors import OutputError
from deraincli.video.encoder import EncodedPacket, Segment
from deraincli.video.muxer import DecodingTimes
from deraincli.video.segments import SegmentStore


@st.composite
def segments(draw) -> list[list[EncodedPacket]]:
    """Runs of packets as encoders give them: in decoding order, each at most `delay` places early."""
    delay = draw(st.integers(0, 2))
    first, runs = draw(st.integers(-1000, 1000)), []
    for _ in range(draw(st.integers(1, 4))):
        steps = draw(st.lists(st.integers(1, 900), min_size=1, max_size=12))
        pts = [first + sum(steps[:place]) for place in range(len(steps))]
        first = pts[-1] + steps[-1]
        early = [pts[0] - 900 * place for place in range(delay, 0, -1)]
        order = _reordered(pts, delay)
        runs.append([EncodedPacket(*times, 1, False, b"") for times in zip(order, early + pts, strict=False)])
    return runs


def _reordered(pts: list[int], delay: int) -> list[int]:
    """Every group's last picture first, as with pictures predicted from both sides."""
    rest = pts[1:]
    groups = [rest[start : start + delay + 1] for start in range(0, len(rest), delay + 1)]
    return pts[:1] + [time for group in groups for time in (group[-1:] + group[:-1])]


@given(segments())
def test_decoding_times_ascend_and_never_come_after_showing(runs: list[list[EncodedPacket]]) -> None:
    times = DecodingTimes()
    joined = [(packet.pts, dts) for run in runs for packet, dts in zip(run, times(run), strict=True)]
    assert all(dts <= pts for pts, dts in joined)
    assert all(one[1] < other[1] for one, other in pairwise(joined))


def test_finished_segments_are_found_again_for_the_same_job_alone(tmp_path) -> None:
    packets = (EncodedPacket(-5, -9, 40, True, b"\x00key"), EncodedPacket(2**40, 3, 0, False, b""))
    written = [Segment(packets, 1, 2), Segment(packets[:1], 0, 0)]
    store = SegmentStore(tmp_path / "out.mp4", "job")
    for segment in written:
        store.append(segment)
    assert list(SegmentStore(tmp_path / "out.mp4", "job")) == written
    assert list(SegmentStore(tmp_path / "other.mp4", "job")) == []
    assert list(SegmentStore(tmp_path / "out.mp4", "another job")) == []


@pytest.mark.parametrize("closed", [".", "job"])
def test_finished_segments_that_cannot_be_read_are_one_sentence(tmp_path, closed: str) -> None:
    folder = SegmentStore(tmp_path / "out.mp4", "job").folder
    (folder / closed).chmod(0)
    try:
        with permissions_bind(), pytest.raises(OutputError, match="cannot be used: Permission denied"):
            SegmentStore(tmp_path / "out.mp4", "job")
    finally:
        (folder / closed).chmod(0o700)
