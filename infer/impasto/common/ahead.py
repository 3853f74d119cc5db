"""Making things ready in threads while those before are used."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ahead(
    make: Callable[[T], R], items: Iterable[T], *, depth: int = 1, workers: int = 1
) -> "Generator[Future[R], None, None]":
    """Yield the future of ``make(item)`` for each of ``items`` in order, with up to ``depth`` more begun in threads.

    Pillow works without the interpreter lock, so decoding, resizing and encoding overlap with what the caller does.
    When the generator is closed, what is being made is finished and what waits is dropped.
    """
    begun: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for item in items:
            begun.append(pool.submit(make, item))
            if len(begun) > depth:
                yield begun.popleft()
        while begun:
            yield begun.popleft()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
