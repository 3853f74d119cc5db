"""Which files a call of ``apply-style`` reads and writes: decided and checked before the work starts."""

import os
import string
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..common.errors import ImpastoError
from ..common.files import check_writable
from ..contract.styles import known_names, results_of
from .sequence import frame_files, is_sequence, writes_over

STDIN = STDOUT = Path("-")
HERE = Path()
FILMS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts")
PART = ".part"  # ends the stem of a film that is not whole
FIELDS = ("folder", "stem", "style", "suffix")
Place = Callable[[Path, Path, str], Path]
"""Where a result goes, from its photo, the photo's folder relative to the argument that named it, and a style."""


@dataclass(frozen=True)
class Job:
    """A photo (or `STDIN`) and the file (or `STDOUT`) for each style."""

    photo: Path
    styles: tuple[str, ...]
    """Their names."""
    results: tuple[Path | None, ...]
    """None where a result exists and is kept."""
    masks: Mapping[str, Path] = field(default_factory=dict)
    """Those of this photo alone, by the style that goes there, as in `Choice`."""

    @property
    def said(self) -> str:
        """What messages call the photo."""
        return "stdin" if self.photo == STDIN else os.fspath(self.photo)

    @property
    def is_film(self) -> bool:
        """By the suffix; of stdin, by that of what is made of it."""
        named = self.results if self.photo == STDIN else (self.photo,)
        return any(is_film(path) for path in named if path)


def is_film(path: Path) -> bool:
    """By its suffix, or because it names numbered pictures."""
    return path.suffix.lower() in FILMS or is_sequence(path)


def part_of(film: Path) -> Path:
    """Where what is done of a film lies if the work on it was stopped."""
    return film.with_stem(film.stem + PART)


def whole_of(part: Path) -> Path:
    """The name of the film that `part_of` gives ``part`` for; of a numbered picture the same."""
    return part.with_stem(part.stem.removesuffix(PART))


def plan(
    photos: list[Path],
    output: str | None,
    styles: list[str],
    *,
    known: Collection[str] = (),
    format: str | None = None,
    recursive: bool = False,
    overwrite: bool = False,
    skip_existing: bool = False,
) -> list[Job]:
    """Pair each photo with the files to write.

    Args:
        photos: one or more files, or folders if ``recursive``, or `STDIN`.
        output: a file, ``-`` for stdout, a folder, a pattern with the `FIELDS` in braces, or None for the folder of
            each photo.
        styles: names, part of each result that ``output`` does not name itself.
        known: further names that results of earlier calls may have.
        format: the suffix, without its dot, of pictures whose result ``output`` does not name itself; None for their
            own.
        overwrite: whether results may replace files.
        skip_existing: leave out results that exist; the list may be empty.

    Raises:
        ImpastoError: two results would be written to one file, or one over a photo or, without ``overwrite``, over
            anything; or ``output`` does not fit or cannot be written; or a folder holds no photos.
    """
    known = {*styles, *known}
    sources = expanded(photos, known, recursive=recursive)
    if any(photo == STDIN for photo, _ in sources) and output is None:
        output = str(STDOUT)
    place = _place(output, sources, styles, format)
    if output and "{" in output:  # other results have names that `expanded` knows
        sources = _unmade(sources, set(photos), known, place)
    jobs = [
        Job(photo, tuple(styles), tuple(place(photo, inner, style) for style in styles)) for photo, inner in sources
    ]
    if skip_existing:
        kept = [
            replace(job, results=tuple(None if _exists(result) else result for result in job.results)) for job in jobs
        ]
        jobs = [job for job in kept if any(job.results)]
    _check_places(jobs, overwrite=overwrite)
    return jobs


def _place(output: str | None, sources: list[tuple[Path, Path]], styles: list[str], format: str | None) -> Place:
    """Where ``output`` puts the result of a photo.

    Raises:
        ImpastoError: as `plan`.
    """
    if output is None:
        return lambda photo, inner, style: _beside(photo, inner, style, format)
    if "{" in output:
        _check_pattern(output, {_makes_film(photo, output) for photo, _ in sources}, format)
        return lambda photo, inner, style: _filled(output, photo, style, inner, format)
    if _is_folder(output, sources, styles):
        if any(photo == STDIN for photo, _ in sources):
            raise ImpastoError("- has no name to take into a folder: give a file, as in -o result.jpg")
        return lambda photo, inner, style: Path(output) / inner / _name(photo, style, format)
    _check_file(output, sources, styles)
    if output != str(STDOUT):
        check_format("-o", output, format)
    return lambda photo, inner, style: Path(output)


def _makes_film(photo: Path, output: str) -> bool:
    """Whether ``output`` is of a film: of stdin, its name tells."""
    return is_film(Path(output) if photo == STDIN else photo)


def _exists(result: Path | None) -> bool:
    # results are written whole or not at all: what exists is done
    return result is not None and result != STDOUT and (os.path.lexists(result) or _has_frames(result))


def _has_frames(result: Path) -> bool:
    return is_sequence(result) and bool(frame_files(result))


def _is_folder(output: str, sources: list[tuple[Path, Path]], styles: list[str]) -> bool:
    """Whether ``output`` is meant as a folder: it is one, or is written as one, or has to be one."""
    if output == str(STDOUT):
        return False
    if output.endswith(("/", os.sep)) or os.path.isdir(output):
        return True
    return len(sources) * len(styles) > 1 and not (os.path.exists(output) or Path(output).suffix)


def _check_file(output: str, sources: list[tuple[Path, Path]], styles: list[str]) -> None:
    if len(sources) * len(styles) > 1:
        count = f"{len(sources)} photos" if len(sources) > 1 else f"{len(styles)} styles"
        raise ImpastoError(f"-o {output} is one file for {count}; give a folder, as in -o out/")
    photo, _ = sources[0]
    if output != str(STDOUT):
        check_suffix(output, film=_makes_film(photo, output))
    elif is_film(photo):
        raise ImpastoError("a film cannot go to stdout: give a file with -o")


def expanded(photos: list[Path], styles: Collection[str], *, recursive: bool) -> list[tuple[Path, Path]]:
    """The files that ``photos`` stand for, each with its folder relative to that argument.

    Of a folder, files that are named as results of others, in ``styles`` or shipped ones, are left out wherever they
    lie.

    Raises:
        ImpastoError: as `plan`.
    """
    files = [file for photo in photos for file in _files(photo, recursive=recursive)]
    named = set(photos)
    if named.issuperset(file for file, _ in files):
        return files
    stems = {kind: [file.stem for file, _ in files if is_film(file) is kind] for kind in (True, False)}
    made = {kind: results_of(stems[kind], styles) for kind in stems}
    return [(file, inner) for file, inner in files if file in named or file.stem not in made[is_film(file)]]


def _unmade(
    sources: list[tuple[Path, Path]], named: set[Path], styles: Collection[str], place: Place
) -> list[tuple[Path, Path]]:
    """``sources`` without what an earlier call made of others, in these or shipped styles and in any ``--format``, but
    with all that are ``named``."""
    if named.issuperset(photo for photo, _ in sources):
        return sources
    every = known_names(styles)
    made, kept = set(), set()
    for photo, inner in sources:
        mine, places = _any_format(photo), {_any_format(place(photo, inner, style)) for style in every}
        made |= places - {mine}
        if places == {mine}:  # {stem}.png: nothing in the name tells a result from a photo
            kept.add(mine)
    return [(photo, inner) for photo, inner in sources if photo in named or _any_format(photo) not in made - kept]


def _any_format(path: Path) -> tuple[str, bool]:
    return os.path.splitext(os.path.abspath(path))[0], is_film(path)


def _files(photo: Path, *, recursive: bool) -> list[tuple[Path, Path]]:
    if not os.path.isdir(photo):
        return [(photo, Path())]
    if not recursive:
        raise ImpastoError(f"cannot read {photo}: it is a folder; -r restyles all in it")
    from ..pictures.formats import format_of

    files = sorted(path for path in photo.rglob("*") if (format_of(path) or is_film(path)) and path.is_file())
    whole = [path for path in files if not (is_film(path) and path.stem.endswith(PART))]
    visible = [path for path in whole if not any(part.startswith(".") for part in path.relative_to(photo).parts)]
    if not visible:
        raise ImpastoError(f"{photo} holds no photos or films")
    return [(path, path.relative_to(photo).parent) for path in visible]


def _beside(photo: Path, inner: Path, style: str, format: str | None = None) -> Path:
    return photo.parent / _name(photo, style, format)


def _name(photo: Path, style: str, format: str | None) -> str:
    return f"{photo.stem}-{style}{_suffix(photo, format)}"


def _suffix(photo: Path, format: str | None) -> str:
    return photo.suffix if is_film(photo) or format is None else f".{format}"


def _check_pattern(output: str, films: set[bool], format: str | None) -> None:
    """Raise `ImpastoError` if it is none, or does not end like what ``films`` says that results are: films or not."""
    _check_fields("-o", output, FIELDS)
    if not output.endswith("{suffix}"):
        if len(films) > 1:
            raise ImpastoError(f"-o {output} is for photos and films: end it with {{suffix}}")
        check_format("-o", output, format, ", or end with {suffix}")
        check_suffix(output, film=True in films)


def _check_fields(option: str, pattern: str, known: tuple[str, ...]) -> None:
    said = " ".join(f"{{{field}}}" for field in known)
    try:
        fields = [field for _, field, spec, conversion in string.Formatter().parse(pattern) if field is not None]
        plain = all(not spec and not conversion for _, _, spec, conversion in string.Formatter().parse(pattern))
    except ValueError as error:
        raise ImpastoError(f"{option} {pattern} is no pattern ({error}); it may hold {said}") from error
    if not plain or not set(fields) <= set(known):
        raise ImpastoError(f"{option} {pattern} is no pattern; it may hold {said}")


def _filled(pattern: str, photo: Path, style: str = "", inner: Path = HERE, format: str | None = None) -> Path:
    named = Path("stdin.png") if photo == STDIN else photo
    return Path(pattern.format(folder=inner, stem=named.stem, style=style, suffix=_suffix(named, format)))


def with_masks(jobs: list[Job], patterns: Mapping[str, str]) -> list[Job]:
    """``jobs``, each with the masks that ``patterns``, as ``masks/{stem}.png``, name for its photo.

    Args:
        patterns: by style, as `Job.masks`.

    Raises:
        ImpastoError: one is no pattern, or a photo has no such mask.
    """
    for pattern in patterns.values():
        _check_fields("--mask", pattern, ("stem",))
    masked = []
    for job in jobs:
        masks = {name: _filled(pattern, job.photo) for name, pattern in patterns.items()}
        if missing := [str(mask) for mask in masks.values() if not os.path.isfile(mask)]:
            raise ImpastoError(f"{job.photo} has no mask {missing[0]}")
        masked.append(replace(job, masks=masks))
    return masked


def check_format(option: str, output: str, format: str | None, remedy: str = "") -> None:
    """Raise `ImpastoError` if ``output``, that ``option`` gave, is named for another format than ``--format``."""
    from ..pictures.formats import format_of

    if format and format_of(output) != format_of(f"x.{format}"):
        raise ImpastoError(f"{option} {output} names the format: leave --format {format} out{remedy}")


def check_suffix(output: str, option: str = "-o", *, film: bool = False) -> None:
    """Raise `ImpastoError` if ``output`` does not end like a picture, or a film, that can be written."""
    from ..pictures.formats import FORMATS, format_of

    if is_sequence(Path(output)) and not film:
        raise ImpastoError(f"{option} {output} is for the frames of a film: give pictures another name")
    known = FILMS if film else tuple(format.suffixes[0] for format in FORMATS.values())
    if not (is_film(Path(output)) if film else format_of(output)):
        folder = "neither with a slash, for a folder, nor with one" if option == "-o" else "with none"
        raise ImpastoError(f"{option} {output} ends {folder} of {' '.join(known)}")


def _check_places(jobs: list[Job], *, overwrite: bool) -> None:
    """Raise `ImpastoError` where a result would replace a photo, another result, or what it may not."""
    read = {os.path.realpath(job.photo) for job in jobs if job.photo != STDIN}
    written: dict[str, Path] = {}
    for photo, result in ((job.photo, result) for job in jobs for result in job.results):
        if result is None or result == STDOUT:
            continue
        place = os.path.realpath(result)
        frames = is_film(result) and (os.path.realpath(part_of(result)) in read or writes_over(photo, result))
        if place in read or frames:
            raise ImpastoError(f"{result} would be written over a photo; choose another place with -o")
        if place in written:
            if os.path.realpath(written[place]) == os.path.realpath(photo):
                raise ImpastoError(f"{photo} is given twice, or two styles have one name")
            both = f"{written[place]} and {photo} would both be written to {result}"
            raise ImpastoError(f"{both}: tell them apart with -o")
        check_result(result, overwrite=overwrite)
        written[place] = photo


def check_sheet(sheet: Path, photos: list[Path], *, overwrite: bool) -> None:
    """Raise `ImpastoError` if ``sheet`` cannot be written, may not be, or is one of ``photos``."""
    check_suffix(str(sheet), "--sheet")
    film = next((photo for photo in photos if is_film(photo)), None)
    if film:
        raise ImpastoError(f"--sheet is for pictures, and {film} is a film")
    if os.path.realpath(sheet) in map(os.path.realpath, photos):
        raise ImpastoError(f"{sheet} would be written over a photo; choose another place for --sheet")
    check_result(sheet, overwrite=overwrite)


def check_result(result: Path, *, overwrite: bool) -> None:
    """Raise `ImpastoError` if ``result`` cannot be written, or may not be."""
    check_writable(result)
    if not overwrite and _exists(result):
        raise ImpastoError(f"{result} exists: --overwrite replaces it, --skip-existing keeps it")
