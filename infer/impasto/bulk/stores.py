"""Folders on this machine or in any store that pyarrow or fsspec knows: s3://, gs://, hdfs://, memory://."""

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from pyarrow import ArrowException, fs

from ..common.errors import ImpastoError, one_line
from ..common.files import check_writable, is_temporary, temporary_name, whole_file
from ..contract.styles import results_of
from ..pictures.formats import format_of

FAULTS = (OSError, ArrowException, ValueError, ImportError)
OBJECT_STORES = re.compile(r"\b(s3|gcs|gs|abfs|az|oss|oci|swift)\b")  # in names of pyarrow's and fsspec's systems


@dataclass(frozen=True)
class Place:
    """A folder by its path or URL; cheap to send to another process, which opens it again."""

    url: str

    @cached_property
    def _opened(self) -> tuple[fs.FileSystem, str]:
        try:
            if "://" not in self.url:
                return fs.LocalFileSystem(), str(Path(self.url).absolute())
            return fs.FileSystem.from_uri(self.url)
        except FAULTS as error:
            try:
                return _by_fsspec(self.url)
            except FAULTS:
                raise ImpastoError(f"cannot open {self.url}: {one_line(error)}") from error

    def __getstate__(self) -> dict[str, Any]:
        # the other process may have another folder to start from
        return {"url": self.url if "://" in self.url else str(Path(self.url).absolute())}

    @property
    def is_local(self) -> bool:
        """Whether it lies in a file system of this machine, where a file can be renamed."""
        return isinstance(self._opened[0], fs.LocalFileSystem)

    def path(self, name: str) -> str:
        """Where the file ``name``, relative and with slashes, lies within the file system."""
        return f"{self._opened[1].rstrip('/')}/{name}"

    def names(self) -> Iterator[tuple[str, int]]:
        """The files in it and in its folders: name, relative and with slashes, and bytes; none if it is missing.

        Raises:
            ImpastoError: it cannot be read, or is a file.
        """
        system, base = self._opened
        try:
            if system.get_file_info(base).type == fs.FileType.File:
                raise ImpastoError(f"cannot read {self.url}: it is a file, and a folder is needed")
            for entry in system.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True)):
                if entry.type == fs.FileType.File:
                    yield entry.path[len(base.rstrip("/")) + 1 :], entry.size or 0
        except FAULTS as error:
            raise ImpastoError(f"cannot read {self.url}: {one_line(error)}") from error

    def check_there(self) -> None:
        """Raise `ImpastoError` if it is a folder of this machine that does not exist; stores know no empty ones."""
        if self.is_local and not Path(self.path("")).exists():
            raise ImpastoError(f"cannot read {self.url}: no such folder")

    def check_writable(self, name: str) -> None:
        """Check before the work, as far as this machine can tell, that the file ``name`` can be written.

        Raises:
            ImpastoError: it cannot.
        """
        if self.is_local:
            check_writable(Path(self.path(name)))

    def read(self, name: str) -> bytes:
        """The bytes of a file.

        Raises:
            ImpastoError: it cannot be read.
        """
        try:
            with self._opened[0].open_input_stream(self.path(name)) as file:
                return file.read()
        except FAULTS as error:
            raise ImpastoError(f"cannot read {name}: {one_line(error)}") from error

    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all.

        Raises:
            ImpastoError: it cannot be written.
        """
        if self.is_local:
            with whole_file(self.path(name)) as temporary:
                temporary.write_bytes(data)
            return
        system, path = self._opened[0], self.path(name)
        try:
            if OBJECT_STORES.search(system.type_name):  # which show an object when it is complete, and know no folders
                with system.open_output_stream(path) as file:
                    file.write(data)
                return
            folder, _, last = path.rpartition("/")
            part = f"{folder}/{temporary_name(Path(last))}"
            system.create_dir(folder, recursive=True)
            with system.open_output_stream(part) as file:
                file.write(data)
            system.move(part, path)
        except FAULTS as error:
            raise ImpastoError(f"cannot write {name}: {one_line(error)}") from error

    def remove(self, name: str) -> None:
        """Remove a file.

        Raises:
            ImpastoError: it cannot be removed.
        """
        try:
            self._opened[0].delete_file(self.path(name))
        except FAULTS as error:
            raise ImpastoError(f"cannot remove {name}: {one_line(error)}") from error

    def swept(self) -> set[str]:
        """The names of all files in it, without the temporary ones of writers that were killed: these are removed.

        Raises:
            ImpastoError: it cannot be read, or one cannot be removed.
        """
        names = {name for name, _ in self.names()}
        parts = {name for name in names if is_temporary(name.rpartition("/")[2])}
        for part in parts:
            self.remove(part)
        return names - parts

    def remove_folder(self, name: str) -> None:
        """Remove a folder of this machine if it is empty; stores have no folders."""
        if self.is_local:
            with suppress(OSError):
                Path(self.path(name)).rmdir()


def _by_fsspec(url: str) -> tuple[fs.FileSystem, str]:
    import fsspec

    system, base = fsspec.core.url_to_fs(url)
    return fs.PyFileSystem(fs.FSSpecHandler(system)), base


def check_disjoint(source: Place, dest: Place) -> None:
    """Raise `ImpastoError` if one place lies in the other: results would be taken for photos, or written over them."""
    read, written = (_parts(place.url) for place in (source, dest))
    shorter = min(len(read), len(written))
    if read[:shorter] == written[:shorter]:
        raise ImpastoError(f"{dest.url} and {source.url} lie in each other: keep photos and results apart")


def _parts(url: str) -> tuple[str, ...]:
    if "://" not in url:
        return ("file", "", *Path(url).resolve().parts[1:])
    split = urlsplit(url)
    if split.scheme == "file":
        return _parts(unquote(split.path))
    return (split.scheme, split.netloc, *filter(None, split.path.split("/")))


def photos(source: Place, styles: Collection[str] = ()) -> tuple[list[str], int]:
    """The pictures in it, by their suffixes; nothing hidden, and no results of others, in ``styles`` or shipped ones.

    Returns:
        Their names, and how many results there are.

    Raises:
        ImpastoError: there are none, or it cannot be read.
    """
    names = [name for name, _ in source.names() if format_of(name) and not any(p[0] == "." for p in name.split("/"))]
    if not names:
        source.check_there()
        raise ImpastoError(f"{source.url} holds no photos")
    stems = {name: PurePosixPath(name).stem for name in names}
    made = results_of(stems.values(), styles)
    found = sorted(name for name, stem in stems.items() if stem not in made)
    return found, len(names) - len(found)


def result_name(photo: str, style: str) -> str:
    """What ``apply-style`` would call the result, in the same folder within the other place."""
    stem, dot, suffix = photo.rpartition(".")
    return f"{stem}-{style}{dot}{suffix}"
