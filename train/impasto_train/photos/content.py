"""The photos a style is trained on (``--content``) and the picture it is learned from (``--style``).

Every picture becomes uint8 ``[height, width, 3]``: upright, sRGB, with white where it is transparent.
"""

import hashlib
import os
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
from impasto import ImpastoError
from impasto.internal import Say, results_of
from impasto.pictures import read_picture
from PIL import Image

from .picture import SMALLEST_SIDE, UNREADABLE, Photo, archive_at, cut, on_white
from .picture import to_rgb as to_rgb

T = TypeVar("T")

LONGEST_STYLE = 8  # sides; a strip brought to the short side of training would fill the memory
# A training crop sees between the photo's whole short side and 1/MAX_ZOOM of it. Where it sees little more than a sky,
# the sky has to hold the whole painting; so strokes come into flat areas, too.
MAX_ZOOM = 2.5
# scikit-image's sample photos that its package holds itself (no download) and that are free of rights:
# astronaut (NASA, public domain), camera (CC0, Lav Varshney), chelsea (CC0, Stefan van der Walt),
# coffee (CC0, Rachel Michetti), rocket (SpaceX, public domain).
DEMO_PHOTOS = ("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "rocket.jpg")


@dataclass(frozen=True)
class ContentSet:
    """Photos to train on, photos never trained on, and how many files were no usable picture.

    ``name`` is for people; ``spec``, given to `open_content` from anywhere, opens the same photos again.
    """

    name: str
    spec: str
    train: tuple[Photo, ...]
    held_out: tuple[Photo, ...]
    skipped: int


def open_content(
    spec: str,
    *,
    count: int = 2000,
    seed: int = 0,
    styles: Sequence[str] = (),
    say: Say = print,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ContentSet:
    """Open what ``--content`` names: a folder, a zip file, ``coco`` or ``demo``.

    A folder is read recursively in the order of its names, a zip without unpacking it; hidden files are
    ignored, files that are no usable picture are skipped and counted, and of files with the same bytes
    one is used, so that no photo is both trained on and held out. What `results_of` names, in ``styles`` or shipped
    ones, is no photo. ``coco`` is ``count`` photos of COCO
    val2017 (see `fetch_coco` for ``cache`` and ``progress``); if they cannot be fetched, a line says so and
    the demo photos are used.

    One photo in twenty is held out, at least one and at most twenty, chosen by ``seed``.

    Raises:
        ImpastoError: there is no such folder or zip, or it has fewer than two usable photos.
    """
    if spec == "coco":
        from ..downloads.coco import fetch_coco

        try:
            files = fetch_coco(count, cache, say=say, progress=progress)
        except ImpastoError as error:
            say(f"{error}; training on the demo photos instead")
            return _split("demo (COCO could not be reached)", "demo", _demo(), seed, say)
        return _split("coco/val2017", spec, [(Photo(file.name, file), file.name) for file in files], seed, say)
    if spec == "demo":
        return _split("demo", spec, _demo(), seed, say)
    path = Path(spec).expanduser().resolve()
    if path.is_dir():
        return _split("/".join(path.parts[1:][-2:]) or spec, str(path), _photos(_folder(path), styles), seed, say)
    if not path.is_file():
        raise ImpastoError(f"--content {spec}: there is no such folder or zip file (nor is it coco or demo)")
    if not zipfile.is_zipfile(path):
        raise ImpastoError(f"--content {spec}: neither a folder nor a zip file")
    return _split(path.name, str(path), _photos(_zip(path), styles), seed, say)


# A source lists (photo, key): files with the same key hold the same bytes.
Listed = Sequence[tuple[Photo, object]]


def demo_photo(name: str) -> Photo:
    """One of `DEMO_PHOTOS`, out of the installed scikit-image."""
    import skimage

    return Photo(name, Path(skimage.__file__).parent / "data" / name)


def _demo() -> Listed:
    return [(demo_photo(name), name) for name in DEMO_PHOTOS]


def _photos(listed: Listed, styles: Sequence[str]) -> Listed:
    """Without results of ``apply-style``, in ``styles`` or shipped ones."""
    made = results_of((PurePosixPath(photo.name).stem for photo, _ in listed), styles)
    return [(photo, key) for photo, key in listed if PurePosixPath(photo.name).stem not in made]


def _folder(folder: Path) -> Listed:
    files = []

    def refuse(error: OSError) -> None:
        raise ImpastoError(f"--content: cannot read {error.filename}: {error.strerror}") from error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        # run folders hold pictures that are not photos and that change
        folders[:] = [name for name in folders if not name.startswith(".") and not name.endswith(".run")]
        files += [Path(parent, name) for name in names if not name.startswith(".")]
    try:
        named = sorted((file.relative_to(folder).as_posix(), file) for file in files if file.is_file())
        sized = [(name, file, file.stat().st_size) for name, file in named]
    except OSError as error:
        raise ImpastoError(f"--content: cannot read {error.filename}: {error.strerror}") from error
    sizes = Counter(size for _, _, size in sized)
    # A file whose size is unique is no duplicate: only the others have to be read and hashed.
    return [(Photo(name, file), _digest(file) if sizes[size] > 1 else size) for name, file, size in sized]


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:  # counted as unreadable when it is opened
        return str(file)


def _zip(path: Path) -> Listed:
    try:
        members = sorted(archive_at(path).infolist(), key=lambda member: member.filename)
    except UNREADABLE as error:
        raise ImpastoError(f"--content {path}: cannot read this zip file: {error}") from error
    return [
        (Photo(member.filename, path, member.filename), (member.file_size, member.CRC))
        for member in members
        if member.filename
        and not member.is_dir()  # zipfile's `is_dir` fails on an empty name
        and not any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(member.filename).parts)
    ]


def _split(name: str, spec: str, listed: Listed, seed: int, say: Say) -> ContentSet:
    usable: dict[object, Photo] = {}
    repeated = skipped = 0
    with warnings.catch_warnings():
        # Between one and two times its limit Pillow only warns of a decompression bomb.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for photo, key in listed:
            if key in usable:
                repeated += 1
                continue
            try:
                with photo.open():
                    pass
            except UNREADABLE:
                skipped += 1
            else:
                usable[key] = photo
    photos = list(usable.values())
    wanted = min(20, max(1, len(photos) // 20))
    held: set[Photo] = set()
    broken: set[Photo] = set()
    # Held-out photos are decoded whole now: previews and scores may count on them.
    for index in np.random.default_rng([seed, 20]).permutation(len(photos)):
        if len(held) == wanted:
            break
        try:
            centre_crop(photos[index], SMALLEST_SIDE)
        except ImpastoError:
            broken.add(photos[index])
        else:
            held.add(photos[index])
    train = tuple(photo for photo in photos if photo not in held and photo not in broken)
    skipped += len(broken)
    if not held or not train:
        raise ImpastoError(
            f"--content {spec}: at least two usable photos are needed, found {len(held) + len(train)} "
            f"(files skipped as no readable picture: {skipped})"
        )
    if repeated:
        say(f"{name}: {repeated} files repeat another one and are left out")
    held_out = tuple(photo for photo in photos if photo in held)
    # a folder's name need not be text; what ends in a model's metadata must
    return ContentSet(name.encode(errors="replace").decode(), spec, train, held_out, skipped)


def training_batch(
    photos: Sequence[Photo], *, step: int, batch_size: int, size: int, seed: int, rows: Sequence[int] | None = None
) -> np.ndarray:
    """Return the crops of training step ``step`` (from 0): uint8 ``[batch_size, size, size, 3]``.

    If ``rows`` are given, only those of the batch.

    A pure function of its arguments and the files, so a resumed run needs no generator state. All photos
    are seen once per epoch, in the order ``default_rng([seed, epoch]).permutation``. Each is resized so
    that its short side has a length drawn log-uniformly from ``size`` to `MAX_ZOOM` times it, cropped at
    random and mirrored every other time on average. A photo that cannot be decoded is
    replaced by the next of the epoch that can.

    Raises:
        ImpastoError: none of the photos can be decoded any more.
    """
    rows = range(batch_size) if rows is None else rows
    batch = np.empty((len(rows), size, size, 3), np.uint8)
    for place, row in enumerate(rows):
        epoch, position = divmod(step * batch_size + row, len(photos))
        order = _order(len(photos), seed, epoch)
        # The trailing 1 keeps these streams apart from those of the permutations.
        zoom, left, top, mirror = np.random.default_rng([seed, step * batch_size + row, 1]).random(4)
        for offset in range(len(photos)):
            photo = photos[order[(position + offset) % len(photos)]]
            try:
                crop = cut(photo, size, round(size * MAX_ZOOM**zoom), left, top)
            except UNREADABLE:
                continue
            batch[place] = crop[:, ::-1] if mirror < 0.5 else crop
            break
        else:
            raise ImpastoError("none of the content photos can be read any more; were they moved or removed?")
    return batch


@lru_cache(maxsize=4)
def _order(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(count)


def centre_crop(photo: Photo, size: int) -> np.ndarray:
    """Return uint8 ``[size, size, 3]``: the photo's short side brought to ``size``, its centre cut out.

    Raises:
        ImpastoError: the photo cannot be decoded.
    """
    try:
        return cut(photo, size, size, 0.5, 0.5)
    except UNREADABLE as error:
        raise ImpastoError(f"cannot read the photo {photo.name}: {error}") from error


def read_style(path: str | os.PathLike[str], size: int | None) -> np.ndarray:
    """Return the style picture as uint8 ``[H, W, 3]``, its short side brought to ``size`` (None: as it is).

    Raises:
        ImpastoError: it is missing, a folder, not a picture, damaged, far too large, smaller than 16 px or
            over `LONGEST_STYLE` times as long as wide.
    """
    try:
        image = on_white(read_picture(path))
    except ImpastoError as error:
        raise ImpastoError(f"--style: {error}") from error
    if min(image.size) < SMALLEST_SIDE:
        raise ImpastoError(f"--style: {path} has a side of {min(image.size)} px; at least {SMALLEST_SIDE} are needed")
    if max(image.size) > LONGEST_STYLE * min(image.size):
        raise ImpastoError(
            f"--style: {path} is over {LONGEST_STYLE} times as long as wide; crop it to what is to be learned"
        )
    if size is not None:
        scale = size / min(image.size)
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    return np.array(image)


def photos_digest(content: ContentSet) -> str:
    """SHA-256 over the names of the photos to train on, in their order."""
    return hashlib.sha256(b"\n".join(os.fsencode(photo.name) for photo in content.train)).hexdigest()
