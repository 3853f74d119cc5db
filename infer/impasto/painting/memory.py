"""How much memory painting may take."""

import ctypes
import re
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from ..common.defaults import MEMORY

LEAST_MEMORY = 200_000_000
LEAST_BY_ITSELF = 1_000_000_000
UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
# what a container may use and what it uses, by the second and by the first version of Linux's control groups
CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
M_MMAP_THRESHOLD, LARGE = -3, 4_000_000  # glibc's name for it, and bytes


def large_pieces_on_their_own() -> None:
    """Let glibc take each large piece of memory from the system and give it back, in this process, from now on.

    By itself it soon keeps pieces of up to 32 MB for later, in which those of the next step hardly fit: 5 megapixels in
    tiles, with 500 MB, peaked at 470 to 530 MB, and now at 413 to 419. No other C library has the call, or needs it.
    """
    with suppress(AttributeError, OSError, TypeError):  # Windows has no library of no name
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)


def in_bytes(memory: int | str) -> int:
    """An amount of memory: bytes, a number with one of `UNITS`, or ``auto``: half of what is free, at least 1 GB.

    Raises:
        ValueError: it is none, or less than `LEAST_MEMORY`.
    """
    if memory == MEMORY:
        return max(LEAST_BY_ITSELF, free_memory() // 2)
    parsed = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kMGT]i?B?|B)?", str(memory))
    if not parsed:
        raise ValueError(f"memory must be a number of bytes or as 2GB, not {memory!r}")
    amount = int(Fraction(parsed[1]) * UNITS[(parsed[2] or "B").removesuffix("B")])
    if amount < LEAST_MEMORY:
        raise ValueError(f"memory must be at least {LEAST_MEMORY // 10**6}MB, not {memory!r}")
    return amount


def free_memory() -> int:
    """Bytes that this machine, or the container that we are in, can still give without swapping."""
    import psutil

    free = psutil.virtual_memory().available
    for limit, used in CGROUPS:
        try:
            taken = int(Path(used).read_text()) - _cached(Path(used).with_name("memory.stat"))
            free = min(free, max(0, int(Path(limit).read_text()) - taken))
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return free


def _cached(statistics: Path) -> int:
    """Bytes of files that a container keeps in memory and gives up first: as Docker, we do not count them as used."""
    try:
        known = dict(line.split() for line in statistics.read_text().splitlines())
        # the first version's own number leaves the groups within out
        return int(known.get("total_inactive_file", known.get("inactive_file", 0)))
    except (OSError, ValueError):
        return 0
