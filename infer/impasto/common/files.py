"""Inputs with a one-line error where they cannot be read, and outputs that are written whole or not at all."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import ImpastoError


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open ``path`` to read its bytes.

    Raises:
        ImpastoError: it is missing, a folder, or cannot be read.
    """
    try:
        with open(path, "rb") as file:
            yield file
    except FileNotFoundError:
        raise ImpastoError(f"cannot read {path}: no such file") from None
    except OSError as error:
        reason = "it is a folder" if os.path.isdir(path) else error.strerror or error
        raise ImpastoError(f"cannot read {path}: {reason}") from error


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` and rename it to ``path`` when the block ends well.

    The rename is atomic within a folder, so a reader sees the old file or the new one and never a part.
    When the block raises (also on Ctrl-C) the temporary file is removed and ``path`` is left as it was.
    A missing parent folder is created.

    Raises:
        ImpastoError: the folder cannot be made or written, ``path`` is a folder, or the disk is full.
    """
    path = Path(path)
    if path.is_dir():
        raise ImpastoError(f"cannot write {path}: it is a folder")
    temporary = path.with_name(temporary_name(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())  # else a power cut can leave the new name with old or no bytes
        os.replace(temporary, path)
    except OSError as error:
        raise ImpastoError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # e.g. the parent is a file: there was nothing to remove
            temporary.unlink(missing_ok=True)


def parts_of(path: Path) -> list[Path]:
    """The temporary files of `whole_file` that a process killed while it wrote ``path`` has left."""
    named = re.compile(re.escape(_temporary(path, "*")).replace(r"\*", "[0-9a-f]{8}"))
    return [file for file in path.parent.iterdir() if named.fullmatch(file.name)]


def temporary_name(path: Path) -> str:
    """A hidden, unique name beside ``path`` for a file that is renamed to it later."""
    return _temporary(path, secrets.token_hex(4))


def is_temporary(name: str) -> bool:
    """Whether `temporary_name` may have given ``name``."""
    return re.fullmatch(r"\..*\.[0-9a-f]{8}\.part(\.[^.]*)?", name) is not None


def _temporary(path: Path, token: str) -> str:
    return f".{path.stem[:40]}.{token}.part{path.suffix}"


def check_writable(path: Path) -> None:
    """Check before the work, as far as possible, that `whole_file` will be able to write ``path``.

    Raises:
        ImpastoError: it will not.
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:  # a name too long, a folder that may not be looked into
        raise ImpastoError(f"cannot write {path}: {error.strerror}") from error
    folder = next(parent for parent in path.absolute().parents if os.path.exists(parent))
    if path.is_dir():
        raise ImpastoError(f"cannot write {path}: it is a folder")
    if not folder.is_dir():
        raise ImpastoError(f"cannot write {path}: {folder} is not a folder")
    if not os.access(folder, os.W_OK):
        raise ImpastoError(f"cannot write {path}: no permission to write in {folder}")
