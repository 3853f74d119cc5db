"""``bulk-style``: what is missing is done, once; the manifest; a local Ray with two actors."""

import importlib.util
import io
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from impasto import ImpastoError, Stylizer
from impasto.engine import session
from impasto.painting.look import Look
from PIL import Image
from samples import noise

pa = pytest.importorskip("pyarrow", reason="bulk-style: pyarrow is not installed")
import pyarrow.parquet as pq  # noqa: E402
from impasto.bulk import command, pipeline  # noqa: E402
from impasto.bulk.manifest import FILE, PARTS, SCHEMA, Manifest  # noqa: E402
from impasto.bulk.stores import Place, check_disjoint, photos, result_name  # noqa: E402
from impasto.internal import pip_line  # noqa: E402


def row(source: str, error: str | None = None) -> dict:
    return {"source": source, "width": 2, "height": 1, "output": f"{source}.out", "seconds": 0.5, "error": error}


# places


@pytest.fixture(params=["folder", "memory"])
def place(request, tmp_path) -> Place:
    """A folder of this machine, and a store of fsspec's."""
    if request.param == "folder":
        return Place(str(tmp_path / "place"))
    import fsspec

    fsspec.filesystem("memory").store.clear()
    return Place("memory://place")


def test_files_are_written_found_and_read(place):
    assert list(place.names()) == []
    for name in ("b/c d.png", "a.JPG", "b/.hidden/e.png", ".f.png", "notes.txt"):
        place.write(name, name.encode())
    assert dict(place.names())["b/c d.png"] == 9
    assert place.read("b/c d.png") == b"b/c d.png"
    assert photos(place) == (["a.JPG", "b/c d.png"], 0)
    for made in ("b/c d-mine.png", "a-great_wave.png"):
        place.write(made, b"")
    assert photos(place, {"mine"}) == (["a.JPG", "b/c d.png"], 2)
    place.remove("b/c d-mine.png")
    place.remove("a-great_wave.png")
    place.remove("a.JPG")
    assert photos(place) == (["b/c d.png"], 0)
    with pytest.raises(ImpastoError, match=r"cannot read a\.JPG"):
        place.read("a.JPG")


def test_a_file_is_not_there_before_it_is_whole(place, monkeypatch):
    def cut_off(*names, **options):
        raise OSError("cut off")

    place.write("a/b.png", b"before")
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", cut_off)
        patch.setattr("fsspec.implementations.memory.MemoryFileSystem.mv", cut_off)
        with pytest.raises(ImpastoError, match=r"cannot write .*b\.png: .*cut off"):
            place.write("a/b.png", b"after")
    assert place.read("a/b.png") == b"before"


def test_what_a_killed_writer_left_is_swept(place):
    kept = {"a/b.png", ".hidden.png", "a/.b.part.png"}
    for name in kept | {"a/.b.0123abcd.part.png", ".c.0123abcd.part"}:
        place.write(name, b"")
    assert place.swept() == kept == {name for name, _ in place.names()}


def test_a_place_without_photos_and_one_that_is_a_file(tmp_path):
    with pytest.raises(ImpastoError, match="holds no photos"):
        photos(Place(str(tmp_path)))
    (tmp_path / "file").write_text("")
    with pytest.raises(ImpastoError, match="it is a file"):
        photos(Place(str(tmp_path / "file")))


def test_a_store_that_nobody_knows():
    with pytest.raises(ImpastoError, match="cannot open nowhere://bucket"):
        photos(Place("nowhere://bucket"))


@pytest.mark.parametrize(
    ("source", "dest", "apart"),
    [
        ("photos", "photos", False),
        ("photos", "photos/out", False),
        ("photos/in", "./photos", False),
        ("photos", "photos2", True),
        ("s3://bucket/a", "s3://bucket/a/b/", False),
        ("s3://bucket/a", "s3://bucket/b", True),
        ("/a b/photos", "file:///a%20b/photos/out", False),
        ("/a b/photos", "file:///a%20b/out", True),
        ("s3://bucket/a", "gs://bucket/a", True),
        ("s3://one/a", "s3://other/a", True),
    ],
)
def test_photos_and_results_are_kept_apart(source, dest, apart):
    if apart:
        check_disjoint(Place(source), Place(dest))
    else:
        with pytest.raises(ImpastoError, match="lie in each other"):
            check_disjoint(Place(source), Place(dest))


def test_two_photos_never_have_one_result():
    names = ["a.png", "a.jpg", "b/a.png", "a.b.png", "b.png"]
    assert result_name("b/a.png", "wave") == "b/a-wave.png"
    assert len({result_name(name, "wave") for name in names}) == len(names)


# the manifest


def test_rows_are_kept_and_the_later_counts(place):
    manifest = Manifest(place)
    manifest.add([row("a"), row("b", "broken"), row("c", "broken")])
    manifest.flush()
    manifest.add([row("b")])
    manifest.close()
    assert {name for name, _ in place.names()} == {FILE}
    table = pq.read_table(io.BytesIO(place.read(FILE)))
    assert table.schema.equals(SCHEMA)
    assert table.to_pylist() == [row("a"), row("b"), row("c", "broken")]
    assert Manifest(place).done() == {"a.out", "b.out"}


def test_results_of_two_styles_have_rows_of_their_own(place):
    manifest = Manifest(place)
    manifest.add([row("a"), row("a") | {"output": "a.other"}])
    manifest.close()
    assert Manifest(place).done() == {"a.out", "a.other"}


def test_a_folder_is_the_same_one_in_a_process_that_works_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Place("photos").write("a.txt", b"here")
    sent = pickle.dumps([Place("photos"), Place("memory://photos")])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    folder, store = pickle.loads(sent)
    assert folder.read("a.txt") == b"here"
    assert store == Place("memory://photos")


def test_rows_of_a_run_that_was_killed_are_found_by_the_next(place):
    first = Manifest(place)
    first.add([row("a", "broken")])
    first.flush()  # and then nothing more
    second = Manifest(place)
    assert second.table.to_pylist() == [row("a", "broken")]
    second.add([row("a")])
    second.flush()
    assert Manifest(place).done() == {"a.out"}


def test_a_kill_between_joining_and_clearing_doubles_nothing(place, monkeypatch):
    manifest = Manifest(place)
    manifest.add([row("a"), row("b")])

    def killed(place, name):
        raise KeyboardInterrupt

    monkeypatch.setattr(Place, "remove", killed)
    with pytest.raises(KeyboardInterrupt):
        manifest.close()
    monkeypatch.undo()
    assert any(name.startswith(PARTS) for name, _ in place.names())
    assert Manifest(place).table["source"].to_pylist() == ["a", "b"]


def test_a_damaged_manifest_is_told(place):
    place.write(FILE, b"nothing of the kind")
    with pytest.raises(ImpastoError, match=r"manifest\.parquet is damaged"):
        Manifest(place)


# the command


def bulk(*words: object, folder: Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    program = "from impasto.bulk.command import main; main()"
    line = [sys.executable, "-c", program, *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd=folder, timeout=timeout)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["great_wave", "photos", "photos/out"], "lie in each other"),
        (["great_wave", "nowhere", "out"], "cannot read nowhere: no such folder"),
        (["great_wave", "empty", "out"], "empty holds no photos"),
        (["great_wave", "photos", "file/out"], "file is not a folder"),
        (["missing.onnx", "photos", "out"], "no such file"),
        (["great_wave", "photos", "out", "--strength", "nan"], "nan is not in 0..1"),
        (["great_wave", "photos", "out", "--style", "sea"], "great_wave has no style 'sea': it has great_wave"),
    ],
)
def test_bad_calls(words, said, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    noise(1).save(tmp_path / "photos" / "1.png")
    done = bulk(*words, folder=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "name"), [([], "sea"), (["--style", "moss"], "moss"), (["--style", "sea,sun"], "atlas")]
)
def test_one_of_several_styles(words, name, atlas, tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    noise(1).save(tmp_path / "photos" / "1.png")

    def painted_here(job, model, pairs, say):
        items = [{"source": source, "output": output} for source, output in pairs]
        painted = map(pipeline._Paint(job, model, "cpu"), map(pipeline._Read(job), items))
        yield [pipeline._Write(job)(item) for item in painted]

    monkeypatch.setattr(pipeline, "restyle", painted_here)
    monkeypatch.setattr(sys, "argv", ["bulk-style", str(atlas), f"{tmp_path}/photos", f"{tmp_path}/out", *words])
    with pytest.raises(SystemExit, match="0"):
        command.main()
    style = None if not words else {"sea": 1, "sun": 1} if "," in words[1] else words[1]
    with Image.open(tmp_path / "out" / f"1-{name}.png") as painted:
        np.testing.assert_array_equal(painted, np.asarray(Stylizer(atlas, device="cpu")(noise(1), style=style)))


@pytest.mark.parametrize("package", command.NEEDED)
def test_a_package_that_is_missing_is_said_at_once(package, tmp_path, monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == package else find(name, *rest))
    monkeypatch.setattr(sys, "argv", ["bulk-style", "great_wave", str(tmp_path), str(tmp_path / "out")])
    with pytest.raises(SystemExit, match="2"):
        command.main()
    said = f"more packages are needed ({package} is not installed): {pip_line('ray')}"
    assert capsys.readouterr().err == f"bulk-style: {said}\n"


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"layout": "nchw"}, "is a variant for other programs"), ({"dial": "required"}, "its contract promises")],
)
def test_a_model_that_is_refused_is_so_before_ray_starts(changes, said, make_model, tmp_path):
    pytest.importorskip("ray", reason="bulk-style: ray is not installed")
    (tmp_path / "photos").mkdir()
    noise(1).save(tmp_path / "photos" / "1.png")
    done = bulk(make_model(**changes), "photos", "out", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1  # no count of the photos: nothing has begun
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_cluster_that_nobody_runs(scheme, tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="bulk-style: ray is not installed")
    noise(1).save(tmp_path / "1.png")
    with socket.socket() as taken:  # but not listening
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("RAY_ADDRESS", f"{scheme}127.0.0.1:{taken.getsockname()[1]}")
        done = bulk("great_wave", ".", "../out", folder=tmp_path)
    assert done.returncode == 2
    assert "connecting to Ray at" in done.stderr
    assert "no Ray cluster answers at RAY_ADDRESS" in done.stderr
    assert not (tmp_path.parent / "out").exists()


@pytest.mark.slow
def test_a_collection_on_a_local_ray(model, tmp_path):
    pytest.importorskip("ray", reason="bulk-style: ray is not installed")
    source, dest = tmp_path / "photos", tmp_path / "out"
    for index in range(20):
        path = source / ("" if index % 3 else "deep/er") / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise(index).save(path)
    (source / "bad.jpg").write_text("no picture")
    # more actors than cores: reading and writing find room beside them
    actors = 2 * (os.cpu_count() or 1)
    done = bulk(model, source, dest, "--actors", actors, "--strength", 0.5, folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert done.stderr.count("\n") == 4, done.stderr
    first, starting, waiting, last = done.stderr.splitlines()
    assert first == "21 photos, 21 to do"
    assert starting.startswith("starting Ray here")  # what takes long, for whoever looks at a silent terminal
    assert f"waiting for its workers to open {actors} copies of the model" in waiting
    assert last == f"20 painted, 1 failed: see the errors in {dest}/manifest.parquet"
    rows = pq.read_table(dest / FILE).to_pylist()
    assert [one["source"] for one in rows] == photos(Place(str(source)))[0]
    stylizer = Stylizer(model, device="cpu")
    for one in rows:
        if one["source"] == "bad.jpg":
            assert "not a picture" in one["error"]
            assert not (dest / one["output"]).exists()
            continue
        with Image.open(source / one["source"]) as photo, Image.open(dest / one["output"]) as painted:
            assert (one["width"], one["height"]) == painted.size == photo.size
            np.testing.assert_array_equal(painted, np.asarray(stylizer(photo, 0.5)))
        assert one["seconds"] > 0

    # what is missing, and what failed, is done by the next call, and nothing else
    noise(99).save(source / "bad.jpg", "JPEG")
    (dest / rows[0]["output"]).unlink()
    kept = {path: path.stat().st_mtime_ns for path in dest.rglob("*.png")}
    done = bulk(model, source, dest, "--actors", 2, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("21 photos, 2 to do\nstarting Ray here")
    assert done.stderr.count("\n") == 4
    assert done.stderr.endswith("\n2 painted, 0 failed\n")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    rows = pq.read_table(dest / FILE).to_pylist()
    assert [one["error"] for one in rows] == [None] * 21
    assert bulk(model, source, dest, folder=tmp_path).stderr == "21 photos, 0 to do\n"


def test_a_gpu_that_cannot_be_used_is_not_left_idle_unseen(model, monkeypatch):
    monkeypatch.setattr(session, "AUTO", ())
    job = pipeline.Job(Place("source"), Place("dest"), Look())
    with pytest.raises(ImpastoError, match="a GPU that it has cannot be used: none was found"):
        pipeline._Paint(job, model.read_bytes(), "auto")


A_MODEL_THAT_IS_NONE = """
import sys
from impasto import ImpastoError
from impasto.bulk import pipeline
from impasto.bulk.stores import Place
from impasto.painting.look import Look

if __name__ == "__main__":
    job = pipeline.Job(Place(sys.argv[1]), Place(sys.argv[2]), Look(), actors=1)
    with pipeline.own_words():
        try:
            list(pipeline.restyle(job, b"none", [("0.png", "0-none.png")], lambda line: None))
        except ImpastoError as error:
            print(error, file=sys.stderr)
"""


@pytest.mark.slow
def test_what_an_actor_says_as_it_ends_is_one_line(tmp_path):
    pytest.importorskip("ray", reason="bulk-style: ray is not installed")
    noise(1).save(tmp_path / "0.png")
    (tmp_path / "model.onnx").write_bytes(b"none")
    with pytest.raises(ImpastoError) as refused:
        Stylizer(tmp_path / "model.onnx")
    said = str(refused.value).replace(str(tmp_path), "")
    words = [sys.executable, "-c", A_MODEL_THAT_IS_NONE, str(tmp_path), str(tmp_path / "out")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.stderr.startswith("Ray: ")
    assert done.stderr.endswith(f"{said}\n")
    assert done.stderr.count("\n") == 1
