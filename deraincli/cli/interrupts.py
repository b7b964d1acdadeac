"""Ctrl-C and SIGTERM end a command, but not in the middle of the import of PyTorch.

The C++ code of PyTorch runs Python while it is imported. If a signal raises an exception there, no code
catches it, and the process aborts with the message "terminate called".
"""

from __future__ import annotations

import _thread
import signal
import sys
import time
from types import FrameType

_WAIT_SECONDS = 0.02


def listen() -> None:
    """Lets both signals raise KeyboardInterrupt. Ctrl-C stays ignored where the shell ignores it."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if not _imports_pytorch():
        raise KeyboardInterrupt
    # Not threading.Thread: it takes a lock, which the interrupted code may hold.
    _thread.start_new_thread(_interrupt_later, (number,))


def _interrupt_later(number: int) -> None:
    """Sends a signal to the main thread again once PyTorch is imported."""
    while _imports_pytorch():
        time.sleep(_WAIT_SECONDS)
    _thread.interrupt_main(signal.Signals(number))


def _imports_pytorch() -> bool:
    """Returns whether the import of PyTorch has begun and not ended."""
    spec = getattr(sys.modules.get("torch"), "__spec__", None)
    return getattr(spec, "_initializing", False)  # as importlib itself marks such modules
