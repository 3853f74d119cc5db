"""Content sets of every kind and damage, the batches drawn from them, and the style picture."""

import io
import pickle
import threading
import time
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from impasto._errors import ImpastoError
from impasto_train import coco, photos
from impasto_train.photos import (
    DEMO_PHOTOS,
    ContentSet,
    Photo,
    centre_crop,
    open_content,
    prefetch,
    read_style,
    training_batch,
)
from PIL import Image


def noise(seed: int, width: int = 40, height: int = 32) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def ramp(width: int, height: int) -> Image.Image:
    """Red grows from left to right, green from top to bottom."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width).round()
    pixels[..., 1] = np.linspace(0, 255, height).round()[:, None]
    return Image.fromarray(pixels)


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def bomb() -> bytes:
    """A PNG of a few bytes whose header promises 100 megapixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    header = (10_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


USELESS = {
    "notes.txt": b"not a picture",
    "empty.jpg": b"",
    "cut.png": encoded(noise(1))[:20],
    "bomb.png": bomb(),
    "icon.png": encoded(noise(2, 8, 8)),
    "script.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 50 50\n%%EndComments\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """42 photos in nested folders, and files that are none."""
    root = tmp_path / "sets" / "mine"
    for index in range(42):
        path = root / ("deep/er" if index % 3 else "") / f"{index:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise(index).save(path)
    for name, content in USELESS.items():
        (root / name).write_bytes(content)
    for hidden in (".hidden.png", ".thumbnails/a.png"):
        (root / hidden).parent.mkdir(exist_ok=True)
        noise(99).save(root / hidden)
    return root


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
        archive.writestr("__MACOSX/._00.png", b"resource fork")
    return path


def names(some: tuple[Photo, ...]) -> set[str]:
    return {photo.name for photo in some}


def test_a_folder_is_read_recursively_and_what_is_no_photo_is_counted(folder: Path) -> None:
    content = open_content(str(folder))
    assert content.name == "sets/mine"
    assert content.skipped == len(USELESS)
    assert len(content.held_out) == 2  # one in twenty
    assert len(content.train) == 40
    expected = {("deep/er/" if index % 3 else "") + f"{index:02d}.png" for index in range(42)}
    assert names(content.train) | names(content.held_out) == expected
    assert list(content.train) == sorted(content.train, key=lambda photo: photo.name)
    assert open_content(str(folder)) == content
    assert open_content(str(folder), seed=1).held_out != content.held_out
    assert pickle.loads(pickle.dumps(content)) == content


def test_a_zip_is_read_in_memory_and_like_the_folder(folder: Path, tmp_path: Path) -> None:
    path = zipped(folder, tmp_path / "mine.zip")
    before = set(tmp_path.rglob("*"))
    content, unzipped = open_content(str(path)), open_content(str(folder))
    assert (content.name, content.skipped) == ("mine.zip", len(USELESS))
    assert names(content.held_out) == names(unzipped.held_out)
    for photo, same in zip(content.held_out, unzipped.held_out, strict=True):
        np.testing.assert_array_equal(centre_crop(photo, 24), centre_crop(same, 24))
    assert training_batch(content.train, step=0, batch_size=2, size=16, seed=0).shape == (2, 16, 16, 3)
    assert set(tmp_path.rglob("*")) == before  # nothing was unpacked


def test_a_damaged_or_encrypted_zip_member_is_skipped(folder: Path, tmp_path: Path) -> None:
    path = zipped(folder, tmp_path / "mine.zip")
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("00.png").header_offset + 200
        flags = archive.getinfo("03.png").header_offset + 6
    content = bytearray(path.read_bytes())
    content[start] ^= 255  # its checksum fails
    content[flags] |= 1  # in the member's own header: said to be encrypted
    directory = content.index(b"PK\x01\x02")
    at = content.index(b"03.png", directory) - 46 + 8
    content[at] |= 1
    path.write_bytes(content)
    opened = open_content(str(path))
    assert opened.skipped == len(USELESS) + 2
    assert not {"00.png", "03.png"} & (names(opened.train) | names(opened.held_out))


def test_the_number_held_out(tmp_path: Path) -> None:
    def held_out(count: int) -> int:
        listed = [(Photo(str(index), tmp_path / "one.png"), index) for index in range(count)]
        content = photos._split("many", "many", listed, 0, print)
        assert not set(content.train) & set(content.held_out)
        assert len(content.train) + len(content.held_out) == count
        return len(content.held_out)

    noise(0).save(tmp_path / "one.png")
    assert [held_out(count) for count in (2, 20, 39, 40, 400, 900)] == [1, 1, 1, 2, 20, 20]


def test_the_same_bytes_are_never_both_trained_on_and_held_out(tmp_path: Path) -> None:
    said: list[str] = []
    for index in range(30):
        content = encoded(noise(index % 10))
        (tmp_path / f"{index:02d}.png").write_bytes(content)
    content_set = open_content(str(tmp_path), say=said.append)
    assert len(content_set.train) + len(content_set.held_out) == 10
    assert [line.partition(": ")[2] for line in said] == ["20 files repeat another one and are left out"]
    archive = zipped(tmp_path, tmp_path.parent / "repeats.zip")
    content_set = open_content(str(archive), say=said.append)
    assert len(content_set.train) + len(content_set.held_out) == 10


def test_a_photo_that_breaks_off_is_never_held_out(tmp_path: Path) -> None:
    for index in range(6):
        content = encoded(noise(index))
        (tmp_path / f"{index}.png").write_bytes(content if index == 4 else content[: len(content) // 2])
    noise(9).save(tmp_path / "good.png")
    for seed in range(5):  # whichever is chosen first
        (held,) = open_content(str(tmp_path), seed=seed).held_out
        assert held.name in ("4.png", "good.png")


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_photos_are_refused(tmp_path: Path, count: int) -> None:
    (tmp_path / "a.txt").write_text("no photo")
    if count:
        noise(0).save(tmp_path / "b.png")
    with pytest.raises(
        ImpastoError, match=rf"at least two usable photos are needed, found {count} \(files skipped .*: 1\)"
    ):
        open_content(str(tmp_path))


def test_wrong_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImpastoError, match=r"--content .*nowhere: there is no such folder or zip file"):
        open_content(str(tmp_path / "nowhere"))
    (tmp_path / "a.zip").write_bytes(b"PK no zip")
    with pytest.raises(ImpastoError, match="neither a folder nor a zip"):
        open_content(str(tmp_path / "a.zip"))


def test_demo_photos_are_those_of_the_installed_package() -> None:
    content = open_content("demo", say=pytest.fail)
    assert content.name == "demo"
    assert content.skipped == 0
    assert len(content.held_out) == 1
    assert names(content.train) | names(content.held_out) == set(DEMO_PHOTOS)


def test_coco(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fetch(count: int, cache: Path | None, **_: object) -> tuple[Path, ...]:
        asked.append((count, cache))
        files = tuple(tmp_path / f"{index:012d}.jpg" for index in range(count))
        for index, file in enumerate(files):
            noise(index).save(file)
        return files

    monkeypatch.setattr(coco, "fetch_coco", fetch)
    content = open_content("coco", count=7, cache=tmp_path)
    assert asked == [(7, tmp_path)]
    assert (content.name, len(content.train), len(content.held_out)) == ("coco/val2017", 6, 1)


def test_coco_out_of_reach_gives_the_demo_photos_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*_: object, **__: object) -> None:
        raise ImpastoError("cannot fetch http://x: no network")

    said: list[str] = []
    monkeypatch.setattr(coco, "fetch_coco", fetch)
    content = open_content("coco", say=said.append)
    assert said == ["cannot fetch http://x: no network; training on the demo photos instead"]
    assert content.name == "demo (COCO could not be reached)"
    assert content.train == open_content("demo").train


@pytest.fixture
def content(folder: Path) -> ContentSet:
    return open_content(str(folder))


def test_batches_depend_on_their_arguments_alone(content: ContentSet) -> None:
    def batch(**changed: int) -> np.ndarray:
        return training_batch(
            content.train, **({"step": 3, "batch_size": 4, "size": 24, "seed": 5} | changed)
        )

    first = batch()
    assert first.shape == (4, 24, 24, 3)
    assert first.dtype == np.uint8
    photos._order.cache_clear()
    np.testing.assert_array_equal(batch(), first)
    for changed in ({"step": 4}, {"seed": 6}):
        assert not np.array_equal(batch(**changed), first)
    # Steps are a cutting of one stream of samples.
    np.testing.assert_array_equal(batch(step=6, batch_size=2), first[:2])


def test_an_epoch_shows_every_photo_once(
    tmp_path: Path, content: ContentSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def cut(photo: Photo, size: int, *_: object) -> np.ndarray:
        seen.append(photo.name)
        return np.zeros((size, size, 3), np.uint8)

    monkeypatch.setattr(photos, "cut", cut)
    for step in range(30):  # three epochs of 40
        training_batch(content.train, step=step, batch_size=4, size=16, seed=0)
    epochs = [seen[:40], seen[40:80], seen[80:]]
    assert all(Counter(epoch) == Counter(names(content.train)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_crops_zoom_wander_and_mirror_without_distortion(tmp_path: Path) -> None:
    """On a ramp a crop's ends tell where it was cut: zoom, place and mirroring are read off them."""
    ramp(300, 200).save(tmp_path / "a.png")
    photo = (Photo("a", tmp_path / "a.png"),)
    crops = training_batch(photo, step=0, batch_size=200, size=64, seed=0).astype(float)
    left, right = crops[:, :, 0, 0].mean(1), crops[:, :, -1, 0].mean(1)
    top, bottom = crops[:, 0, :, 1].mean(1), crops[:, -1, :, 1].mean(1)
    across, down = (right - left) / 255 * 299 * 64 / 63, (bottom - top) / 255 * 199 * 64 / 63  # source px
    assert down == pytest.approx(np.abs(across), abs=4)  # square stays square
    zoom = 200 / down
    assert zoom.min() == pytest.approx(1, abs=0.03)
    assert zoom.max() == pytest.approx(1.5, abs=0.03)
    assert np.log(zoom).mean() == pytest.approx(np.log(1.5) / 2, abs=0.03)  # log-uniform
    assert 0.4 < (across < 0).mean() < 0.6  # mirrored one time in two, never upside down
    room = (299 - np.abs(across)) / 299 * 255
    place = np.minimum(left, right)[room > 60] / room[room > 60]
    assert place.min() < 0.1
    assert place.max() > 0.9


def test_a_photo_that_fails_is_replaced_by_the_next(content: ContentSet, folder: Path) -> None:
    order = np.random.default_rng([0, 0]).permutation(len(content.train))
    victim, following = content.train[order[0]], content.train[order[1]]
    intact = victim.path.read_bytes()
    clean = training_batch(content.train, step=0, batch_size=2, size=16, seed=0)
    victim.path.write_bytes(intact[: len(intact) // 2])
    batch = training_batch(content.train, step=0, batch_size=2, size=16, seed=0)
    victim.path.write_bytes(following.path.read_bytes())
    np.testing.assert_array_equal(batch, training_batch(content.train, step=0, batch_size=2, size=16, seed=0))
    np.testing.assert_array_equal(batch[1], clean[1])
    assert not np.array_equal(batch[0], clean[0])
    for photo in content.train:
        photo.path.write_bytes(b"")
    with pytest.raises(ImpastoError, match="none of the content photos can be read any more"):
        training_batch(content.train, step=0, batch_size=2, size=16, seed=0)


@pytest.mark.parametrize("shape", [(300, 200), (200, 300), (17, 500), (64, 64), (20, 20)])
def test_centre_crop(tmp_path: Path, shape: tuple[int, int]) -> None:
    ramp(*shape).save(tmp_path / "a.png")
    crop = centre_crop(Photo("a", tmp_path / "a.png"), 64)
    assert crop.shape == (64, 64, 3)
    assert crop[..., :2].mean((0, 1)) == pytest.approx((127.5, 127.5), abs=1)  # the centre of the ramp
    extent = min(shape) / np.array(shape) * 255 * 63 / 64
    assert crop[:, -1, 0].mean() - crop[:, 0, 0].mean() == pytest.approx(extent[0], abs=5)
    assert crop[-1, :, 1].mean() - crop[0, :, 1].mean() == pytest.approx(extent[1], abs=5)


def test_jpegs_decoded_small_look_like_jpegs_decoded_whole(tmp_path: Path) -> None:
    smooth = noise(0, 24, 16).resize((1200, 800), Image.Resampling.BICUBIC)
    smooth.save(tmp_path / "a.jpg", quality=95)
    smooth.save(tmp_path / "a.png")
    small, whole = (centre_crop(Photo("a", tmp_path / name), 128).astype(int) for name in ("a.jpg", "a.png"))
    assert np.abs(small - whole).mean() < 2


def test_a_held_out_photo_that_went_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImpastoError, match="cannot read the photo gone"):
        centre_crop(Photo("gone", tmp_path / "gone.png"), 64)


def kinds() -> dict[str, tuple[Image.Image, str, dict[str, object]]]:
    """The same picture, red on the left and blue on the right half, in all kinds of files."""
    rgb = Image.new("RGB", (48, 32), (200, 40, 40))
    rgb.paste((40, 40, 200), (24, 0, 48, 32))
    grey = rgb.convert("L")
    clear = rgb.convert("RGBA")
    clear.putalpha(Image.new("L", rgb.size, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying; to be turned by 90 degrees clockwise
    wide = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    return {
        "rgb": (rgb, "PNG", {}),
        "cmyk": (rgb.convert("CMYK"), "JPEG", {"quality": 100}),
        "palette": (rgb.quantize(4), "PNG", {}),
        "turned": (rgb.transpose(Image.Transpose.ROTATE_90), "JPEG", {"exif": exif, "quality": 100}),
        "opaque": (rgb.convert("RGBA"), "PNG", {}),
        "clear": (clear, "PNG", {}),
        "grey": (grey, "JPEG", {"quality": 100}),
        "16 bits": (wide, "PNG", {}),
        "bits": (Image.new("1", (48, 32), 1), "PNG", {}),
    }


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_of_picture_becomes_rgb(tmp_path: Path, kind: str) -> None:
    image, format, options = kinds()[kind]
    path = tmp_path / "picture"
    path.write_bytes(encoded(image, format, **options))
    colours = {
        "grey": [(88, 88, 88), (58, 58, 58)],
        "16 bits": [(88, 88, 88), (58, 58, 58)],
        "clear": [(255, 255, 255)] * 2,  # what is transparent shows white
        "bits": [(255, 255, 255)] * 2,
    }.get(kind, [(200, 40, 40), (40, 40, 200)])
    pixels = read_style(path, None)
    assert pixels.shape == (32, 48, 3)
    assert pixels.dtype == np.uint8
    assert pixels[16, 8] == pytest.approx(colours[0], abs=3)
    assert pixels[16, 40] == pytest.approx(colours[1], abs=3)
    crop = centre_crop(Photo("picture", path), 32)
    assert crop[16, 4] == pytest.approx(colours[0], abs=3)
    assert crop[16, 28] == pytest.approx(colours[1], abs=3)


def test_half_transparency_is_laid_over_white(tmp_path: Path) -> None:
    Image.new("RGBA", (20, 20), (0, 100, 200, 102)).save(tmp_path / "a.png")
    assert read_style(tmp_path / "a.png", None)[10, 10] == pytest.approx((153, 193, 233), abs=1)


def test_the_style_is_brought_to_its_size(tmp_path: Path) -> None:
    ramp(300, 200).save(tmp_path / "a.png")
    assert read_style(tmp_path / "a.png", None).shape == (200, 300, 3)
    assert read_style(tmp_path / "a.png", 64).shape == (64, 96, 3)
    assert read_style(str(tmp_path / "a.png"), 400).shape == (400, 600, 3)
    small = read_style(tmp_path / "a.png", 64).astype(float)
    assert small.mean((0, 1)) == pytest.approx((127.5, 127.5, 0), abs=1)


def test_bad_style_pictures_are_refused_in_one_line(tmp_path: Path) -> None:
    whole = encoded(noise(0, 200, 200), "JPEG")
    bad = {
        "cut.jpg": (whole[: len(whole) // 2], "truncated"),
        "words.jpg": (b"not a picture", "not a picture"),
        "tiny.png": (encoded(noise(0, 200, 15)), "has a side of 15 px; at least 16"),
        "empty.png": (b"", "not a picture"),
    }
    for name, (content, message) in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImpastoError, match=rf"^--style: .*{message}") as caught:
            read_style(tmp_path / name, 64)
        assert "\n" not in str(caught.value)
    with pytest.raises(ImpastoError, match="folder"):
        read_style(tmp_path, 64)
    with pytest.raises(ImpastoError, match="no such file"):
        read_style(tmp_path / "missing.png", 64)


@pytest.mark.parametrize("workers", [1, 3])
def test_prefetch_keeps_the_order_and_runs_ahead_so_far(workers: int) -> None:
    made: list[int] = []

    def make(step: int) -> int:
        time.sleep(0.002 * (step % 3))
        made.append(step)
        return step * step

    ahead = prefetch(make, range(20), depth=3, workers=workers)
    assert next(ahead) == 0
    assert max(made) <= 3
    assert list(ahead) == [step * step for step in range(1, 20)]
    assert sorted(made) == list(range(20))


def test_prefetch_raises_in_its_place_and_leaves_no_thread() -> None:
    before = threading.active_count()
    ahead = prefetch(lambda step: 1 // (2 - step), range(9))
    assert [next(ahead), next(ahead)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(ahead)
    assert threading.active_count() == before
    left = prefetch(lambda step: step, range(10**9))
    assert next(left) == 0
    left.close()
    assert threading.active_count() == before


def test_a_strip_is_no_style(tmp_path):
    Image.new("RGB", (2000, 20)).save(tmp_path / "strip.png")
    with pytest.raises(ImpastoError, match="times as long as wide; crop it"):
        read_style(tmp_path / "strip.png", 384)
