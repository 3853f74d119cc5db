"""Films as numbered pictures, one a frame: ``frames/%04d.png``."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.errors import ImpastoError

if TYPE_CHECKING:
    from .film_writing import Encoding

NUMBER = re.compile(r"%(?:0(\d+))?d")


def is_sequence(path: Path) -> bool:
    """Whether ``path`` names numbered pictures."""
    from ..pictures.formats import format_of

    return len(NUMBER.findall(path.name)) == 1 and format_of(path) is not None and not path.exists()


def frame_file(sequence: Path, number: int) -> Path:
    """The file of the frame ``number``."""
    return sequence.with_name(NUMBER.sub(lambda place: f"{number:0{place[1] or 1}d}", sequence.name))


def frame_files(sequence: Path) -> dict[int, Path]:
    """The files that there are, by their numbers, in order."""
    if not sequence.parent.is_dir():
        return {}
    before, after = map(re.escape, (NUMBER.split(sequence.name)[0], NUMBER.split(sequence.name)[-1]))
    named = re.compile(f"{before}(\\d+){after}")
    numbers = {int(match[1]) for file in sequence.parent.iterdir() if (match := named.fullmatch(file.name))}
    return {number: file for number in sorted(numbers) if (file := frame_file(sequence, number)).is_file()}


def following(sequence: Path, last: Path) -> list[Path]:
    """The files of ``sequence`` after ``last``, up to the first number that is missing."""
    numbers = {file: number for number, file in frame_files(sequence).items()}
    return list(takewhile(Path.is_file, (frame_file(sequence, number) for number in count(numbers[last] + 1))))


def writes_over(source: Path, result: Path) -> bool:
    """Whether ``result`` would have a frame where ``source`` has one, as ``%d`` and ``%04d`` have from 1000 on."""
    if not (is_sequence(source) and is_sequence(result)):
        return False
    files = frame_files(source)
    return not {*map(os.path.realpath, files.values())}.isdisjoint(
        os.path.realpath(frame_file(result, number)) for number in files
    )


class SequenceReader:
    """A `FilmReader` of numbered pictures. A number that is missing leaves the frame before it standing.

    Raises:
        ImpastoError: there are no such files.
    """

    aspect = None
    others: tuple[Any, ...] = ()
    notes: tuple[str, ...] = ()

    def __init__(self, source: Path, encoding: "Encoding", most: int) -> None:
        files = frame_files(source)
        if not files:
            raise ImpastoError(f"cannot read {source}: no such files")
        self.rate, self.metadata, self.video_metadata = encoding.fps, dict[str, str](), dict[str, str]()
        self.time_base, first = 1 / self.rate, min(files)
        start, end = (encoding.part.start, encoding.part.end) if encoding.part else (Fraction(0), None)
        times = {number: (number - first) / self.rate - start for number in files}
        wanted = (number for number in files if times[number] >= 0 and (end is None or times[number] < end - start))
        self._frames = [(number, times[number], files[number]) for number in wanted]
        self.count, self._most, self._strip = len(self._frames), most, encoding.strip

    def items(self) -> Iterator[Any]:
        """As `FilmReader.items`.

        Raises:
            ImpastoError: one of the files is no picture, or damaged.
        """
        from ..pictures.reading import read_picture
        from .film_reading import Frame

        for number, time, file in self._frames:
            picture = replace(read_picture(file, self._most), later=())
            yield Frame(picture.stripped() if self._strip else picture, time, number)


class SequenceWriter:
    """A `FilmWriter` of numbered pictures: of the numbers read, or from 1 on where there are none."""

    def __init__(self, result: Path, reader: Any, quality: int | None, say: Callable[[str], None]) -> None:
        from ..pictures.formats import FORMATS, format_of

        self._result, self._quality, self._say = result, quality, say
        self._format = format_of(result) or ""
        self._holds_alpha = FORMATS[self._format].alpha
        self.size, self.files = (0, 0), list[Path]()
        for left in frame_files(result).values():  # by a call that was stopped
            left.unlink()
        if reader.others:
            say("numbered pictures hold no sound or subtitles: they are left out")

    def write(self, item: Any) -> None:
        """Write the file of a frame.

        Raises:
            ImpastoError: it cannot be written.
        """
        from ..pictures.writing import write_picture
        from .film_reading import Frame

        if not isinstance(item, Frame):
            return
        if not self.files and item.picture.alpha is not None and not self._holds_alpha:
            self._say(f"{self._format} has no transparency: the pictures are put on white")
        number = len(self.files) + 1 if item.number is None else item.number
        picture, file = replace(item.picture, format=self._format), frame_file(self._result, number)
        write_picture(file, picture, quality=self._quality)
        self.files.append(file)
        self.size = picture.rgb.shape[1], picture.rgb.shape[0]

    def close(self) -> None:
        """Every frame is in its file already."""

    def clear(self) -> None:
        """Remove what is written."""
        for file in self.files:
            file.unlink(missing_ok=True)
