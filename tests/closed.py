"""Permissions that bind root, too, so that tests of closed folders and files run for every user."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_VERSION = 0x20080522  # of the structures below: linux/capability.h
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1 << 1, 1 << 2


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable"))


@contextmanager
def permissions_bind() -> Iterator[None]:
    """Takes from root's thread the right to read and write everything, and gives it back."""
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root cannot give up rights on this system")
    libc = ctypes.CDLL(None)
    header, rights = _Header(_VERSION, 0), (_Data * 2)()
    libc.capget(ctypes.byref(header), rights)
    before = rights[0].effective
    rights[0].effective = before & ~(_DAC_OVERRIDE | _DAC_READ_SEARCH)
    libc.capset(ctypes.byref(header), rights)
    try:
        yield
    finally:
        rights[0].effective = before
        libc.capset(ctypes.byref(header), rights)
