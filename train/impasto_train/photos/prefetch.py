"""Photos made ready while the training is busy with those before."""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from typing import TypeVar

from impasto.internal import ahead

T = TypeVar("T")


def prefetch(
    make: Callable[[int], T], steps: Iterable[int], *, depth: int = 4, workers: int = 1
) -> Generator[T, None, None]:
    """Yield ``make(step)`` for each step in order, computing up to ``depth`` of them ahead in threads.

    An exception of ``make`` is raised at its place; leaving the loop, also by Ctrl-C, ends the threads.
    """
    with closing(ahead(make, steps, depth=depth, workers=workers)) as futures:
        for future in futures:
            yield future.result()
