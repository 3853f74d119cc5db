"""One training at a time in a run folder.

The lock is the operating system's: it is gone with the process that held it, however that ended.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from impasto import ImpastoError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run folder ``folder``, which need not exist yet, by a hidden file beside it that goes at the end.

    Raises:
        ImpastoError: another training holds it, or nothing can be written there.
    """
    path = folder.with_name(f".{folder.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise ImpastoError(f"cannot write {folder}: {error.strerror}") from error
    with file:
        try:
            _lock(file.fileno())
            if not (path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())):
                raise BlockingIOError  # whoever held it has just removed it, and another may hold a new one
        except (BlockingIOError, PermissionError):
            raise ImpastoError(f"{folder} is in use by another training: wait for it, or give another --out") from None
        except OSError:  # some network drives lock nothing
            pass
        try:
            yield
        finally:
            with suppress(OSError):  # Windows removes no file that is open: it stays, unlocked
                path.unlink()


def _lock(file: int) -> None:
    """Lock an open file for this process, or raise at once."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
