"""Work in threads whose results come in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ordered_map(function: Callable[[T], R], items: Iterable[T], *, workers: int, ahead: int) -> Iterator[R]:
    """Calls a function on every item in threads and yields the results in the items' order.

    Args:
        function: What to call.
        items: Taken in the caller's thread, as far as they are needed.
        workers: Number of threads.
        ahead: Largest number of items that are taken while the result of an earlier one is waited for. It
            bounds the memory.

    Raises:
        Exception: What the function raises for an item, when that item's turn comes. Calls that have not
            begun are then dropped, as they are when the reader stops early.
    """
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
