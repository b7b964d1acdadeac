"""Encoders do their work and leave the process as it was."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("av")

OPEN_AND_LIST_POLICIES = """
import io, os, sys
from fractions import Fraction
from deraincli.video.encoder import CODECS, Encoding, encode_segment, open_encoder

codec = sys.argv[1]
times = Fraction(1, 25), Fraction(25), Fraction(1)
encoding = Encoding(codec, CODECS[codec].crf, "yuv420p", 64, 48, *times, 1, 1, 1, 1)
encoder = open_encoder(encoding)
encode_segment([], encoding)
threads = os.listdir("/proc/self/task")
print(*(os.sched_getscheduler(int(thread)) for thread in threads), os.sched_getscheduler(0))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux lists the threads of a process")
@pytest.mark.parametrize("codec", ["h264", "hevc", "vp9", "av1"])
def test_no_encoder_makes_threads_of_a_higher_priority(codec: str) -> None:
    """SVT-AV1 does so if root runs it: then no other program gets a CPU."""
    command = [sys.executable, "-c", OPEN_AND_LIST_POLICIES, codec]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert set(listed) == {"0"}  # SCHED_OTHER
