"""A training's state in a file, and the state before it, for when that file is damaged.

A file is a line with the SHA-256 of all that follows, and then what torch saves; it is read as weights only, so that
nothing in it is run.
"""

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import torch
from impasto import ImpastoError
from impasto.internal import Say, whole_file

NEWEST, BEFORE = "checkpoint.pt", "checkpoint.before.pt"
_HEAD = b"impasto checkpoint of SHA-256 "


class Checkpoints:
    """The two newest states of a training, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.newest, self.before = folder / NEWEST, folder / BEFORE
        self._sound = True
        """Whether the newest may become the one before."""

    def save(self, state: dict[str, Any]) -> None:
        """Keep ``state`` as the newest.

        Raises:
            ImpastoError: it cannot be written; what there was is still there.
        """
        data = io.BytesIO()  # torch reports a full disk as an error of its own; in memory there is none
        torch.save(state, data)
        digest = hashlib.sha256(data.getbuffer()).hexdigest()
        with whole_file(self.newest) as path:
            path.write_bytes(b"".join([_HEAD, digest.encode(), b"\n", data.getbuffer()]))
            if self._sound and self.newest.exists():
                os.replace(self.newest, self.before)
        self._sound = True

    def load(self, say: Say) -> dict[str, Any]:
        """The newest state, on the CPU; if it is missing or damaged, the one before it, with a message.

        Raises:
            ImpastoError: both are.
        """
        try:
            return _read(self.newest)
        except ImpastoError as newest:
            try:
                state = _read(self.before)
            except ImpastoError:
                raise newest from None
            self._sound = False  # it must not take the place of the one before, which is all that is left
            say(f"{newest}: going on from the checkpoint before it, {self.before.name}")
            return state


def _read(path: Path) -> dict[str, Any]:
    try:
        body = path.read_bytes()
        head, _, body = body.partition(b"\n")
        if head != _HEAD + hashlib.sha256(body).hexdigest().encode():
            raise ValueError("its checksum does not match")
        state = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
        if not isinstance(state, dict):
            raise TypeError("no state")
        return state
    except Exception as error:  # torch's reader raises all kinds of things at files that are cut or bent
        raise ImpastoError(f"{path} is missing or damaged") from error
