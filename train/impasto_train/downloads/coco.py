"""Photos of COCO val2017, read out of the official zip by HTTP range requests, never the whole file.

The dataset: Lin et al., "Microsoft COCO: Common Objects in Context", 2014; the photos are their Flickr
authors', under the licences that https://cocodataset.org lists. They are only trained on, never passed on.
"""

import io
import json
import re
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPException
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from impasto import ImpastoError
from impasto.internal import Say, whole_file

from .cache import cache_folder

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

COCO_VAL2017_ZIP = "http://images.cocodataset.org/zips/val2017.zip"
PHOTO_NAME = re.compile(r"[0-9]{1,20}\.jpg")  # what a photo may be called in the cache: no folder, no device

TAIL = 1 << 16  # bytes read first: the zip's end record, which may be followed by a comment of 64 KiB
LONGEST_READ = 1 << 23  # neighbouring photos are asked for together, up to this many bytes ...
LARGEST_GAP = 1 << 16  # ... and over gaps of unwanted bytes up to this
LARGEST_PHOTO = 1 << 25  # bytes; COCO's are below 1 MB
TIMEOUT = 30.0  # seconds without a byte
PAUSES = (1.0, 3.0)  # seconds before each new attempt

# What zipfile raises for a zip or a member that is damaged, encrypted or packed in a way it cannot read.
DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OSError)

Progress = Callable[[int, int], None]

ENOUGH = 200  # photos; with so many, a connection that drops is no reason to do without COCO


def fetch_coco(
    count: int,
    cache: Path | None = None,
    *,
    url: str = COCO_VAL2017_ZIP,
    say: Say = print,
    progress: Progress | None = None,
) -> tuple[Path, ...]:
    """Return the files of the first ``count`` photos of the zip at ``url``, fetching those not yet here.

    The first ones by place in the zip: they lie side by side and are read in few requests, and COCO's
    order says nothing about what a photo shows. Each is checked by its CRC and kept as a separate file
    in ``<cache>/coco/val2017``, so an interrupted call is taken up where it stopped, and a complete set
    needs no network. A zip with fewer photos gives those; a photo that stays damaged is left out.

    Args:
        cache: default `cache.cache_folder()`.
        say: takes one-line messages.
        progress: called as ``progress(done, total)`` after each photo that was fetched.

    Raises:
        ImpastoError: the server cannot be reached, does not serve ranges, or has no zip with photos; or
            the cache cannot be written.
    """
    folder = (cache or cache_folder()) / "coco" / "val2017"
    index_file = folder / "index.json"
    index = _read_index(index_file, url)
    source = None
    if index is None:
        source = RemoteZip(url)
        index = {name: (info.file_size, info.CRC) for name, info in source.photos.items()}
        with whole_file(index_file) as temporary:
            temporary.write_text(json.dumps({"url": url, "photos": index}))
    wanted = dict(list(index.items())[:count])
    missing = [name for name, (size, crc) in wanted.items() if not _intact(folder / name, size, crc)]
    if missing:
        megabytes = sum(wanted[name][0] for name in missing) / 1e6
        say(f"fetching {len(missing)} photos of COCO val2017 ({megabytes:.0f} MB) into {folder}")
        source = source or RemoteZip(url)
        left = set(missing)
        try:
            for done, (name, content) in enumerate(source.read(missing), 1):
                if content is not None:
                    with whole_file(folder / name) as temporary:
                        temporary.write_bytes(content)
                    left.discard(name)
                if progress is not None:
                    progress(done, len(missing))
        except ImpastoError as error:
            if len(wanted) - len(left) < ENOUGH:
                raise
            say(f"{error}; going on without the rest")
        if left:
            say(f"{len(left)} photos of COCO val2017 could not be fetched and are left out")
        wanted = {name: value for name, value in wanted.items() if name not in left}
    if not wanted:
        raise ImpastoError(f"{url} has no photo that can be used")
    return tuple(folder / name for name in wanted)


def _read_index(file: Path, url: str) -> dict[str, tuple[int, int]] | None:
    """Return {photo: (bytes, CRC-32)} in the order of the zip, if an earlier call kept that of ``url``."""
    try:
        kept = json.loads(file.read_text())
        photos = {name: (int(size), int(crc)) for name, (size, crc) in kept["photos"].items()}
        if kept["url"] == url and all(map(PHOTO_NAME.fullmatch, photos)):
            return photos
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none yet, or damaged: written again
        pass
    return None


def _intact(file: Path, size: int, crc: int) -> bool:
    try:
        return file.stat().st_size == size and zlib.crc32(file.read_bytes()) == crc
    except OSError:
        return False


class RemoteZip:
    """A zip on a server: its photos, read with as few requests as is sensible.

    Attributes:
        photos: the members that are photos, by the name they get in the cache, in the order of the zip.

    Raises:
        ImpastoError: the server cannot be reached or does not serve ranges, or the file is no zip.
    """

    def __init__(self, url: str) -> None:
        self._file = RangeFile(url)
        try:
            self._zip = zipfile.ZipFile(self._file)
        except DAMAGED as error:
            raise ImpastoError(f"{url} cannot be read as a zip file: {error}") from error
        members = sorted(self._zip.infolist(), key=lambda member: member.header_offset)
        self.photos: dict[str, zipfile.ZipInfo] = {}
        for member in members:
            # The last part only, and only if it looks like COCO's: nothing can lead out of the cache.
            name = member.filename.rpartition("/")[2]
            if PHOTO_NAME.fullmatch(name) and member.file_size <= LARGEST_PHOTO:
                self.photos.setdefault(name, member)
        # A member ends where the next one starts, the last one at the central directory.
        self._stops = dict(pairwise([*(member.header_offset for member in members), self._zip.start_dir]))

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Yield each name with the photo's bytes, checked by its CRC; None if it is gone or stays damaged."""
        group: list[str] = []
        for name in names:
            if name not in self.photos:
                yield name, None
                continue
            if group and not self._neighbours(group, name):
                yield from self._read_group(group)
                group = []
            group.append(name)
        yield from self._read_group(group)

    def _span(self, first: str, last: str) -> tuple[int, int]:
        return self.photos[first].header_offset, self._stops[self.photos[last].header_offset]

    def _neighbours(self, group: list[str], name: str) -> bool:
        """Whether ``name`` lies close enough behind ``group`` to be asked for together with it."""
        start, stop = self._span(group[0], name)
        gap = self.photos[name].header_offset - self._span(group[0], group[-1])[1]
        return 0 <= gap <= LARGEST_GAP and stop - start <= LONGEST_READ

    def _read_group(self, group: list[str]) -> Iterator[tuple[str, bytes | None]]:
        if group:
            self._file.load(*self._span(group[0], group[-1]))
        for name in group:
            yield name, self._read_one(name)

    def _read_one(self, name: str) -> bytes | None:
        for _ in range(2):
            self._file.load(*self._span(name, name))
            try:
                return self._zip.read(self.photos[name])
            except DAMAGED:
                self._file.forget()  # perhaps damaged on the way: ask for it once more
        return None


class RangeFile(io.RawIOBase):
    """A file on a server as a seekable one for reading; only what is read, or loaded ahead, is asked for."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._position = 0
        self._start, self._data = 0, b""
        _, self._size = _get_range(url, 0, 1)
        self.load(max(0, self._size - TAIL), self._size)

    def load(self, start: int, stop: int) -> None:
        """Hold bytes ``start`` to ``stop`` (exclusive) for the reads to come, in place of what was held."""
        if start < stop and not self._start <= start <= stop <= self._start + len(self._data):
            self._data, _ = _get_range(self._url, start, stop)
            self._start = start

    def forget(self) -> None:
        """Hold nothing, so that the next read asks the server again."""
        self._data = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if position < 0:
            raise OSError("seek before the start of the file")
        self._position = position
        return position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        count = max(0, min(len(view), self._size - self._position))
        self.load(self._position, self._position + count)
        start = self._position - self._start
        view[:count] = self._data[start : start + count]
        self._position += count
        return count


def _get_range(url: str, start: int, stop: int) -> tuple[bytes, int]:
    """Return bytes ``start`` to ``stop`` (exclusive) of the file at ``url``, and the size of the whole.

    Raises:
        ImpastoError: no answer after some attempts, or the server would send the whole file.
    """
    request = Request(url, headers={"Range": f"bytes={start}-{stop - 1}"})
    reason: object = None
    for pause in (0.0, *PAUSES):
        time.sleep(pause)
        try:
            with urlopen(request, timeout=TIMEOUT) as answer:
                if answer.status != 206:  # 200 announces all of it; closing here leaves it unread
                    raise ImpastoError(f"{url}: this server does not serve parts of a file")
                about = re.fullmatch(rf"bytes {start}-\d+/(\d+)", answer.headers.get("Content-Range", ""))
                content = answer.read(stop - start)
                if about is None or len(content) != stop - start:
                    raise HTTPException("the answer is cut short or not the part asked for")
                return content, int(about[1])
        except HTTPError as error:
            error.close()
            reason = error
            if error.code < 500 and error.code not in (408, 429):
                break
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
    raise ImpastoError(f"cannot fetch {url}: {reason}")
