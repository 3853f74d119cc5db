"""Content sets of every kind and damage: folders, zips, the demo photos and COCO."""

import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from impasto.common.errors import ImpastoError
from impasto_train.downloads import coco
from impasto_train.photos import content as photos
from impasto_train.photos.content import DEMO_PHOTOS, centre_crop, open_content, training_batch
from impasto_train.photos.picture import Photo
from samples import USELESS, encoded, noise


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
        archive.writestr("__MACOSX/._00.png", b"resource fork")
    return path


def names(some: tuple[Photo, ...]) -> set[str]:
    return {photo.name for photo in some}


def test_a_folder_is_read_recursively_and_what_is_no_photo_is_counted(photo_folder: Path) -> None:
    content = open_content(str(photo_folder))
    assert content.name == "sets/mine"
    assert content.skipped == len(USELESS)
    assert len(content.held_out) == 2  # one in twenty
    assert len(content.train) == 40
    expected = {("deep/er/" if index % 3 else "") + f"{index:02d}.png" for index in range(42)}
    assert names(content.train) | names(content.held_out) == expected
    assert list(content.train) == sorted(content.train, key=lambda photo: photo.name)
    assert open_content(str(photo_folder)) == content
    assert open_content(str(photo_folder), seed=1).held_out != content.held_out
    assert pickle.loads(pickle.dumps(content)) == content


def test_a_zip_is_read_in_memory_and_like_the_folder(photo_folder: Path, tmp_path: Path) -> None:
    path = zipped(photo_folder, tmp_path / "mine.zip")
    before = set(tmp_path.rglob("*"))
    content, unzipped = open_content(str(path)), open_content(str(photo_folder))
    assert (content.name, content.skipped) == ("mine.zip", len(USELESS))
    assert names(content.held_out) == names(unzipped.held_out)
    for photo, same in zip(content.held_out, unzipped.held_out, strict=True):
        np.testing.assert_array_equal(centre_crop(photo, 24), centre_crop(same, 24))
    assert training_batch(content.train, step=0, batch_size=2, size=16, seed=0).shape == (2, 16, 16, 3)
    assert set(tmp_path.rglob("*")) == before  # nothing was unpacked


def test_results_of_apply_style_are_no_photos(photo_folder: Path, tmp_path: Path) -> None:
    content = open_content(str(photo_folder), styles=["starry"])
    (photo_folder / "out").mkdir()
    for name in ("out/01-starry.png", "out/02-great_wave.jpg", "00-starry.png"):
        (photo_folder / name).write_bytes(encoded(noise(200)))
    assert open_content(str(photo_folder), styles=["starry"]) == content
    packed = open_content(str(zipped(photo_folder, tmp_path / "mine.zip")), styles=["starry"])
    assert names(packed.train) == names(content.train)
    (photo_folder / "a-starry.png").write_bytes(encoded(noise(300)))  # there is no photo named a.png
    assert len(open_content(str(photo_folder), styles=["starry"]).train) == len(content.train) + 1


def test_a_damaged_or_encrypted_zip_member_is_skipped(photo_folder: Path, tmp_path: Path) -> None:
    path = zipped(photo_folder, tmp_path / "mine.zip")
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


def test_a_zip_member_of_no_name_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for index, name in enumerate(("x", "1.png", "2.png")):
            archive.writestr(name, encoded(noise(index)))
    data = path.read_bytes()
    entry = data.index(b"PK\x01\x02")  # in the list at the end: its name's length to 0, and the name into its comment
    (length,) = struct.unpack_from("<H", data, entry + 28)
    path.write_bytes(data[: entry + 28] + struct.pack("<HHH", 0, 0, length) + data[entry + 34 :])
    found = open_content(str(path), say=print)
    assert sorted(photo.name for photo in (*found.train, *found.held_out)) == ["1.png", "2.png"]


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
