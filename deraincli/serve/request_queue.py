"""The bounded queue of requests, and the one thread that restores their pictures one after another.

A model uses all processors for one picture. Two pictures at once would take as long, and twice the memory.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from deraincli.callbacks import StoppedError
from deraincli.serve.refusals import CLIENT_CLOSED, RefusalError

T = TypeVar("T")


class RequestQueue:
    """Runs jobs in one thread, in the order in which they arrive."""

    def __init__(self, waiting: int) -> None:
        """Starts with an empty queue.

        Args:
            waiting: Largest number of jobs that wait while another one runs.
        """
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="restore")
        self._places = waiting + 1
        self._stops: set[threading.Event] = set()
        self._seconds = 1.0
        self.finished = 0
        """Number of jobs that ended with a result or an error."""
        self.stopped = 0
        """Number of jobs whose client went away."""

    @property
    def unfinished(self) -> int:
        """Number of jobs that run or wait."""
        return len(self._stops)

    async def run(self, job: Callable[[threading.Event], T], gone: Callable[[], Awaitable[None]]) -> T:
        """Runs a job when its turn comes.

        Args:
            job: The work. It takes an event, looks at it after every tile, and raises StoppedError once it
                is set.
            gone: Returns when the client goes away.

        Returns:
            The result of the job.

        Raises:
            RefusalError: The queue is full, or the client has gone.
            Exception: The error of the job.
        """
        if self.unfinished >= self._places:
            seconds = max(1, math.ceil(self._seconds * self.unfinished))
            detail = f"The queue is full: try again in {seconds} s."
            raise RefusalError(429, detail, {"Retry-After": str(seconds)})
        stop = threading.Event()
        self._stops.add(stop)
        future = self._thread.submit(self._timed, job, stop)
        watcher: asyncio.Future[Any] = asyncio.ensure_future(gone())
        try:
            work: asyncio.Future[Any] = asyncio.wrap_future(future)
            await asyncio.wait({work, watcher}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                stop.set()
                if future.cancel():  # its turn had not come
                    raise StoppedError
                await asyncio.wait({work})
            result: T = work.result()
        except StoppedError:
            self.stopped += 1
            raise RefusalError(CLIENT_CLOSED, "The client has gone.") from None
        except BaseException:
            self.finished += 1
            raise
        finally:
            watcher.cancel()
            stop.set()  # also if this coroutine itself was cancelled
            self._stops.discard(stop)
        self.finished += 1
        return result

    def close(self) -> None:
        """Stops all jobs after their current tile, and waits for that."""
        for stop in self._stops:
            stop.set()
        self._thread.shutdown()

    def _timed(self, job: Callable[[threading.Event], T], stop: threading.Event) -> T:
        if stop.is_set():
            raise StoppedError
        start = time.perf_counter()
        result = job(stop)
        self._seconds = time.perf_counter() - start
        return result
