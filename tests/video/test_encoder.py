"""Encoders do their work, print nothing, and leave the process as it was."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("av")

OPEN_AND_LIST_POLICIES = """
import io, os, sys
from fractions import Fraction
from deraincli.video.encoder import CODECS, Encoding, encode_segment, open_encoder

codec, environment = sys.argv[1], dict(os.environ)
times = Fraction(1, 25), Fraction(25), Fraction(1)
encoding = Encoding(codec, CODECS[codec].crf, "yuv420p", 64, 48, *times, 1, 1, 1, 1)
encoder = open_encoder(encoding)
encode_segment([], encoding)
threads = os.listdir("/proc/self/task")
assert os.environ == environment
print(*(os.sched_getscheduler(int(thread)) for thread in threads), os.sched_getscheduler(0))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux lists the threads of a process")
@pytest.mark.parametrize("codec", ["h264", "hevc", "vp9", "av1"])
def test_no_encoder_makes_threads_of_a_higher_priority(codec: str) -> None:
    """SVT-AV1 does so if root runs it: then no other program gets a CPU."""
    command = [sys.executable, "-c", OPEN_AND_LIST_POLICIES, codec]
    environment = {name: value for name, value in os.environ.items() if name != "SVT_LOG"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.split()) == {"0"}  # SCHED_OTHER
