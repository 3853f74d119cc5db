"""Ctrl-C: the first ends the work after its present step, so that nothing is lost."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol


class Stoppable(Protocol):
    """Work that ends after its present step once ``stop`` is set."""

    stop: bool


@contextmanager
def finish_on_interrupt(work: Stoppable, then: str = "what is learned by then will be exported") -> Iterator[None]:
    """Let the first Ctrl-C end ``work`` after its present step, and the second end the program.

    SIGTERM, which schedulers and ``docker stop`` send, counts as Ctrl-C. In any thread but the main one it does
    nothing: only there can signals be handled.
    """

    def handle(signum: int, frame: FrameType | None) -> None:
        work.stop = True
        restore()
        # not print, which may be in the middle of a line of ours already, and would raise
        os.write(2, f"\nstopping after this step; {then} (Ctrl-C again: at once)\n".encode())

    def restore() -> None:
        for signum, handler in before.items():
            signal.signal(signum, handler)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signum: signal.signal(signum, handle) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        restore()
