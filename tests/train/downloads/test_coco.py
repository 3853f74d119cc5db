"""Range reads: a small zip of COCO's shape on a local server that counts the bytes it serves."""

import random
import threading
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from impasto.common.errors import ImpastoError
from impasto_train.downloads import coco
from impasto_train.downloads.coco import fetch_coco

PHOTOS = {f"{139 + 7 * i:012d}.jpg": random.Random(i).randbytes(9_000 + 100 * i) for i in range(30)}


class Server(ThreadingHTTPServer):
    """Serves ``content`` at every path, by ranges if it ``has_ranges``, and counts what it sends."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.has_ranges = True
        self.ranges: list[tuple[int, int]] = []
        self.cut: set[int] = set()  # numbers of the requests whose answer breaks off half way
        self.status: list[int] = []  # error statuses to answer with, in turn, before anything else
        self.url = f"http://127.0.0.1:{self.server_port}/zips/val2017.zip"

    @property
    def served(self) -> int:
        return sum(stop - start for start, stop in self.ranges)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        if server.status:
            self.send_error(server.status.pop(0))
            return
        start, stop = 0, len(server.content)
        if server.has_ranges:
            first, last = self.headers["Range"].removeprefix("bytes=").split("-")
            start, stop = int(first), min(int(last) + 1, stop)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(server.content)}")
        else:
            self.send_response(200)
        server.ranges.append((start, stop))
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        if len(server.ranges) in server.cut:
            stop = (start + stop) // 2
        with suppress(OSError):  # the client leaves when there are no ranges, as it should
            self.wfile.write(server.content[start:stop])

    def log_message(self, *_: object) -> None:
        pass


def make_zip(folder: Path, members: dict[str, bytes]) -> bytes:
    path = folder / "made.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path.read_bytes()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    # A large stranger at the end, so that the first read of the zip's tail covers none of the photos.
    members = {"val2017/": b""} | {f"val2017/{name}": content for name, content in PHOTOS.items()}
    content = make_zip(tmp_path, members | {"val2017/annotations.bin": bytes(400_000)})
    monkeypatch.setattr(coco, "PAUSES", (0.0, 0.0))
    monkeypatch.setenv("no_proxy", "*")
    with Server(content) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def fetch(server: Server, cache: Path, count: int, said: list[str] | None = None, **more) -> dict[str, bytes]:
    files = fetch_coco(count, cache, url=server.url, say=(said if said is not None else []).append, **more)
    return {file.name: file.read_bytes() for file in files}


def first(count: int) -> dict[str, bytes]:
    return dict(list(PHOTOS.items())[:count])


def test_only_the_photos_asked_for_are_read(server: Server, tmp_path: Path) -> None:
    said: list[str] = []
    ticks: list[tuple[int, int]] = []
    assert fetch(server, tmp_path, 5, said, progress=lambda *tick: ticks.append(tick)) == first(5)
    assert ticks == [(done, 5) for done in range(1, 6)]
    assert said == [f"fetching 5 photos of COCO val2017 (0 MB) into {tmp_path / 'coco' / 'val2017'}"]
    # The size, the tail and the five photos side by side: three requests, and little beside the photos.
    assert len(server.ranges) == 3
    wanted = sum(map(len, first(5).values()))
    assert wanted < server.served < wanted + coco.TAIL + 1000
    assert server.served < len(server.content) / 4
    names = sorted(file.name for file in (tmp_path / "coco" / "val2017").iterdir())
    assert names == [*first(5), "index.json"]


def test_photos_in_the_cache_are_not_fetched_again(server: Server, tmp_path: Path) -> None:
    fetch(server, tmp_path, 5)
    server.ranges.clear()
    assert fetch(server, tmp_path, 5) == first(5)
    assert fetch(server, tmp_path, 3) == first(3)
    assert server.ranges == []  # a complete set needs no network at all
    assert fetch(server, tmp_path, 7) == first(7)
    new = sum(len(PHOTOS[name]) for name in list(PHOTOS)[5:7])
    assert new < server.served < new + coco.TAIL + 1000


def test_a_damaged_photo_or_index_in_the_cache_is_replaced(server: Server, tmp_path: Path) -> None:
    fetch(server, tmp_path, 4)
    folder = tmp_path / "coco" / "val2017"
    second, third = list(PHOTOS)[1:3]
    (folder / second).write_bytes(bytes(len(PHOTOS[second])))  # the same size, other bytes
    (folder / third).unlink()
    assert fetch(server, tmp_path, 4) == first(4)
    for text in ("{", "[]", '{"url": "", "photos": {"../a.jpg": [1, 1]}}'):
        (folder / "index.json").write_text(text)
        assert fetch(server, tmp_path, 4) == first(4)


def test_an_interrupted_call_is_taken_up(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coco, "LONGEST_READ", 20_000)  # two photos a request

    def stop(done: int, _: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(server, tmp_path, 10, progress=stop)
    folder = tmp_path / "coco" / "val2017"
    assert sorted(file.name for file in folder.iterdir()) == [*first(5), "index.json"]
    server.ranges.clear()
    assert fetch(server, tmp_path, 10) == first(10)
    last_before = server.content.index(PHOTOS[list(PHOTOS)[4]])
    assert all(start > last_before for start, _ in server.ranges[1:])  # [0] asks for the size


def test_distant_photos_are_read_apart_and_neighbours_together(server: Server, tmp_path: Path) -> None:
    fetch(server, tmp_path, 30)
    server.ranges.clear()
    names = list(PHOTOS)
    for name in (names[0], names[1], names[20]):
        (tmp_path / "coco" / "val2017" / name).unlink()
    assert fetch(server, tmp_path, 30) == PHOTOS
    (_, _), (_, _), (start, stop), (start2, stop2) = server.ranges
    assert len(PHOTOS[names[0]]) + len(PHOTOS[names[1]]) < stop - start < 20_000
    assert len(PHOTOS[names[20]]) < stop2 - start2 < len(PHOTOS[names[20]]) + 200
    assert start2 > stop


def test_broken_answers_are_asked_for_again(server: Server, tmp_path: Path) -> None:
    server.cut = {1, 3, 5}
    server.status = [503]
    assert fetch(server, tmp_path, 5) == first(5)


def test_a_corrupt_member_is_left_out(server: Server, tmp_path: Path) -> None:
    victim = list(PHOTOS)[1]
    at = server.content.index(PHOTOS[victim]) + 100
    server.content = server.content[:at] + b"\0damage\0" + server.content[at + 8 :]
    said: list[str] = []
    expected = {name: content for name, content in first(4).items() if name != victim}
    assert fetch(server, tmp_path, 4, said) == expected
    assert said[-1] == "1 photos of COCO val2017 could not be fetched and are left out"
    assert not (tmp_path / "coco" / "val2017" / victim).exists()
    # It was asked for twice, because it might have been damaged on the way.
    assert sum(start <= at < stop for start, stop in server.ranges) == 2


def test_fewer_photos_than_asked_for(server: Server, tmp_path: Path) -> None:
    assert fetch(server, tmp_path, 1000) == PHOTOS


def test_a_server_without_ranges_is_refused(server: Server, tmp_path: Path) -> None:
    server.has_ranges = False
    with pytest.raises(ImpastoError, match=r"val2017\.zip: this server does not serve parts of a file"):
        fetch(server, tmp_path, 5)
    assert len(server.ranges) == 1  # and no second attempt
    assert not (tmp_path / "coco").exists()


@pytest.mark.parametrize(
    "name",
    ["../../000000000001.jpg", "/000000000001.jpg", "..\\000000000001.jpg", "val2017/../../000000000001.jpg"],
)
def test_names_cannot_leave_the_cache(server: Server, tmp_path: Path, name: str) -> None:
    photo, strangers = (
        b"photo" * 50,
        ("../evil.jpg", "val2017/.jpg", "val2017/a.txt", "1.jpg.exe", "C:\\2.jpg"),
    )
    server.content = make_zip(tmp_path, {name: photo} | dict.fromkeys(strangers, b"x"))
    before = set(tmp_path.rglob("*"))
    try:
        found = fetch(server, tmp_path / "cache", 9)
    except ImpastoError:  # a name with backslashes has no last part that is COCO's
        found = {}
    assert found in ({}, {"000000000001.jpg": photo})
    assert ("\\" in name) == (found == {})
    assert all((tmp_path / "cache") in (path, *path.parents) for path in set(tmp_path.rglob("*")) - before)


def test_not_a_zip_and_not_found(server: Server, tmp_path: Path) -> None:
    zipped, server.content = server.content, random.Random(1).randbytes(100_000)
    with pytest.raises(ImpastoError, match="cannot be read as a zip file: File is not a zip file"):
        fetch(server, tmp_path, 5)
    server.content = zipped[:50] + zipped[5_000:]  # the end record points to what is not there
    with pytest.raises(ImpastoError, match="zip"):
        fetch(server, tmp_path, 5)
    server.status = [404] * 9
    with pytest.raises(ImpastoError, match=r"cannot fetch .*404"):
        fetch(server, tmp_path, 5)
    assert len(server.status) == 8  # a 404 is final


def test_server_down(tmp_path: Path, server: Server) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(ImpastoError, match=r"cannot fetch .*[Rr]efused") as caught:
        fetch(server, tmp_path, 5)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.glob("coco/*")) == []


def test_zip64(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)  # makes the writer use zip64 end records
    server.content = make_zip(tmp_path, {f"val2017/{name}": content for name, content in PHOTOS.items()})
    assert b"PK\x06\x06" in server.content
    assert fetch(server, tmp_path, 5) == first(5)
