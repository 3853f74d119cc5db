"""The measuring tools on pictures whose figures are known."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from films import make
from impasto import ImpastoError
from impasto.internal import run
from impasto_train.loss.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective
from impasto_train.loss.vgg import VGG16
from impasto_train.optimize.pixels import optimize_pixels
from impasto_train.photos.content import centre_crop, demo_photo
from impasto_train.photos.tensors import to_tensor
from impasto_train.tune.record import HELD_OUT, Point, Trial, TrialStore
from impasto_train.tune.score import Score
from PIL import Image

from benchmarks import artefacts, equals_n_steps, film, flicker, gpu, memory, quality, ranking, training

SIDE = artefacts.SIZE


def noise(side: int = SIDE) -> np.ndarray:
    return np.random.default_rng(0).integers(40, 216, (side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("period", [2, 4])
def test_a_grid_of_dots_is_seen(period):
    plain = noise()
    dotted = plain.copy()
    dotted[::period, ::period] += 30
    clean = artefacts.measure(plain)
    assert clean["grid"] < 6  # of so few frequencies even noise is uneven
    assert artefacts.measure(dotted)["grid"] > 10 * clean["grid"]


def test_a_border_clipping_and_noise_are_seen():
    plain = artefacts.measure(noise())
    assert plain["border"] == pytest.approx(1, abs=0.1)
    assert plain["clipped"] == 0
    framed = noise()
    framed[:4] = np.where(np.arange(SIDE) % 2, 255, 0)[None, :, None]
    found = artefacts.measure(framed)
    assert found["border"] > 1.2
    assert found["clipped"] == pytest.approx(4 / SIDE)
    flat = np.full((SIDE, SIDE, 3), 100, np.uint8)
    assert artefacts.measure(flat)["flat noise"] < 1e-6
    flat[::3] += 6
    assert artefacts.measure(flat)["flat noise"] > 1


def test_a_line_along_one_edge_of_all_pictures_is_seen():
    pictures = [np.random.default_rng(seed).integers(90, 166, (SIDE, SIDE, 3), dtype=np.uint8) for seed in range(5)]
    assert artefacts.line(pictures) == pytest.approx(1, abs=0.1)
    for turns in range(4):
        lined = [np.rot90(picture, turns).copy() for picture in pictures]
        for picture in lined:
            picture[:2] //= 2  # a dark rim of two rows
        assert artefacts.line([np.rot90(picture, -turns) for picture in lined]) > 1.5
    one = [pictures[0].copy(), *pictures[1:]]
    one[0][:2] //= 2  # a dark top of a single photo is no line of the style's
    assert artefacts.line(one) == pytest.approx(1, abs=0.1)


def test_a_pointwise_model_has_the_gain_of_its_slope_and_no_pan_difference():
    photos = [noise(SIDE + 5)[:SIDE, :SIDE], noise(SIDE)]
    assert flicker.noise_gain(lambda photo: 255 - photo, photos) == pytest.approx(1)
    assert flicker.noise_gain(lambda photo: photo // 2, photos) == pytest.approx(0.5, abs=0.05)
    assert flicker.contrast(lambda photo: photo // 2, photos) == pytest.approx(
        flicker.contrast(lambda photo: 255 - photo, photos) / 2, 0.05
    )
    assert flicker.contrast(lambda photo: photo * 0, photos) == 0.01
    assert flicker.pan_difference(lambda photo: 255 - photo, [noise(SIDE + 5)]) == 0


def test_a_model_that_depends_on_place_has_a_pan_difference():
    ramp = (np.arange(SIDE) // 4).astype(np.uint8)[None, :, None]
    found = flicker.pan_difference(lambda photo: np.broadcast_to(ramp, photo.shape), [noise(SIDE + 5)])
    # shifts of 1, 2, 3 and 5 px move a ramp of 1/4 a pixel by as much on average
    assert found == pytest.approx((1 + 2 + 3 + 5) / 4 / 4, abs=0.01)


def panned(shifts: list[int], grain: float = 0.0) -> list[np.ndarray]:
    """Views of one photo, each so far down and twice as far to the right, with noise of that deviation."""
    random = np.random.default_rng(0)
    photo = centre_crop(demo_photo("astronaut.png"), 512) * 0.75 + 30  # so that noise does not clip
    views = [photo[50 + d : 250 + d, 100 + 2 * d : 400 + 2 * d] for d in shifts]
    return [np.clip(view + random.normal(0, grain, view.shape), 0, 255).round().astype(np.uint8) for view in views]


def same(frame: np.ndarray) -> np.ndarray:
    return frame


def test_without_a_film_no_opencv_is_needed(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)  # as if it were not installed
    (tmp_path / "photos").mkdir()
    Image.fromarray(noise(SIDE + 5)).save(tmp_path / "photos/photo.png")
    flicker.flicker([str(model)], tmp_path / "photos", json_file=tmp_path / "found.json")
    assert [row["noise gain"] for row in json.loads((tmp_path / "found.json").read_text())] == [1, pytest.approx(1)]


def test_the_speed_of_films_is_measured(model, tmp_path):
    make(tmp_path / "clip.mp4", frames=4)
    film.rates([str(model), str(tmp_path / "clip.mp4")], rounds=1, json_file=tmp_path / "found.json")
    rows = json.loads((tmp_path / "found.json").read_text())
    assert [row["steadied"] for row in rows] == ["yes", "no"]
    assert all(row["frames a second"] > 0 for row in rows)
    assert [value for name, value in rows[1].items() if name.startswith("times")] == [1]
    with pytest.raises(ImpastoError, match="and last the film"):
        film.rates([str(tmp_path / "clip.mp4")])


@pytest.mark.slow
def test_what_a_gpu_does_is_tried_on_the_cpu(monkeypatch, model, tmp_path, narrow_vgg_weights, capsys):
    monkeypatch.setattr("impasto_train.training.setup.load_vgg_weights", lambda file, say: narrow_vgg_weights)
    monkeypatch.setattr(quality, "load_vgg_weights", lambda: narrow_vgg_weights)
    make(tmp_path / "clip.mp4", frames=4)
    (tmp_path / "photos").mkdir()
    for width, name in enumerate(("style.png", "photos/a.png", "photos/b.png"), start=94):
        Image.fromarray(noise(96)[:, :width]).save(tmp_path / name)
    gpu.gpu(
        str(model),
        tmp_path / "style.png",
        str(tmp_path / "photos"),
        tmp_path / "photos",
        tmp_path / "clip.mp4",
        device="cpu",
        minutes=0.01,
        sizes="64",
        out=tmp_path / "gpu.md",
    )
    written = (tmp_path / "gpu.md").read_text()
    assert written in capsys.readouterr().out
    heads = [line for line in written.splitlines() if set(line) <= set("| -")]
    assert len(heads) >= 3
    first = [cell.strip() for cell in written.splitlines()[2].split("|")]
    assert (first[1], first[2], first[-2]) == ("as exported", "64", "0")  # the CPU beside itself
    assert float(first[4]) > 0  # by IO binding
    assert "| cpu | 4 |" in written
    assert "| float32 |" in written


def test_what_a_gpu_did_is_not_lost_where_it_fails(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(gpu, "paintings", lambda *given: [{"file": "as exported", "side": 64}])
    out, path = tmp_path / "gpu.md", tmp_path / "none"
    with pytest.raises(Exception, match="No such file"):
        gpu.gpu("great_wave", path, "none", path, path, device="cpu", sizes="64", out=out)
    assert "| as exported | 64 |" in out.read_text()
    assert capsys.readouterr().out == out.read_text()


@pytest.mark.parametrize(
    ("place", "word", "said"),
    [
        (1, "none.png", "'none.png' does not exist"),
        (3, "no folder", "'no folder' does not exist"),
        (4, "none.mp4", "'none.mp4' does not exist"),
        (6, "tpu", "'tpu' is not one of 'auto', 'cpu', 'cuda'"),
        (8, "64,large", "--sizes 64,large: give sides in pixels, as in 512,1024"),
        (8, "0", "--sizes 0: give sides in pixels"),
        (10, "none/file/gpu.md", "none/file"),
    ],
)
def test_what_a_gpu_cannot_be_asked_is_said_before_it_works(monkeypatch, tmp_path, capsys, place, word, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gpu, "paintings", lambda *given: pytest.fail("it has begun"))
    make(tmp_path / "clip.mp4", frames=4)
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "file").touch()
    words = ["great_wave", "clip.mp4", ".", ".", "clip.mp4", "--device", "cpu", "--sizes", "64", "--out", "gpu.md"]
    words[place] = word
    monkeypatch.setattr(sys, "argv", ["gpu", *words])
    assert run(gpu.app, "benchmarks.gpu") == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert said in printed.err


@pytest.mark.parametrize(("status", "found"), [(0, [{"GPU": "A", "memory in use": "1 MiB", "of": "9 MiB"}]), (9, [])])
def test_the_memory_of_a_gpu_is_told_where_its_driver_is_there(monkeypatch, status, found):
    done = subprocess.CompletedProcess([], status, stdout="A, 1 MiB, 9 MiB\n" if status == 0 else "it has failed\n")
    monkeypatch.setattr(gpu.shutil, "which", lambda name: name)

    def run(words, *, check, **more):
        if check:
            done.check_returncode()
        return done

    monkeypatch.setattr(gpu.subprocess, "run", run)
    assert gpu.memory() == found


def test_the_motion_of_a_film_is_found_and_taken_out():
    frames = panned([0, 3, 4, 4, 9])
    shifts = flicker.motions(frames)
    np.testing.assert_allclose(shifts, [(-3, -6), (-1, -2), (0, 0), (-5, -10)], atol=0.11)
    still = [(0.0, 0.0)] * 4
    assert flicker.clip_difference(same, frames, still) > 10
    assert flicker.clip_difference(same, frames, shifts) < 0.05
    # frames brought to half their size move by half pixels
    halved = [np.asarray(Image.fromarray(frame).reduce(2)) for frame in frames[:2]]
    half = flicker.motions(halved)
    assert half[0] == pytest.approx((-1.5, -3), abs=0.11)
    left = flicker.clip_difference(same, halved, half)
    assert left < 0.2 * flicker.clip_difference(same, halved, [(0.0, 0.0)])


def test_noise_of_a_film_shows_up_as_its_size():
    frames = panned([0, 3, 4, 4, 9], grain=5)
    # the mean absolute difference of two draws from a normal distribution
    noise = 5 * 2 / np.pi**0.5
    assert flicker.clip_difference(same, frames, flicker.motions(frames)) == pytest.approx(noise, rel=0.05)
    assert flicker.clip_difference(lambda frame: frame // 2, frames, flicker.motions(frames)) < noise * 0.55


def test_cuts_of_a_film_are_left_out():
    frames = [*panned([0, 3]), *(255 - frame for frame in panned([3, 4]))]
    shifts = flicker.motions(frames)
    assert shifts == [pytest.approx((-3, -6), abs=0.11), None, pytest.approx((-1, -2), abs=0.11)]
    assert flicker.clip_difference(same, frames, shifts) < 0.05


def test_standing_on_the_curve():
    falling = np.array([9.0, 4.0, 2.0, 1.0])
    assert equals_n_steps.standing(2.5, falling) == "2"
    assert equals_n_steps.standing(2.0, falling) == "2"
    assert equals_n_steps.standing(0.5, falling) == "over 3"


def test_pixel_optimisation_lowers_j_and_the_curve_is_kept(narrow_vgg_weights, tmp_path):
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    style = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    objective = Objective(vgg, style, content_weight=1, style_weight=2, l1_weight=0)
    crops = [noise(32), noise(40)[:32, :32]]
    kept = tmp_path / "curve.json"
    rows = equals_n_steps.curve(objective, crops, 5, kept, b"a")
    for row in rows:
        assert len(row) == 6
        assert row == sorted(row, reverse=True)
        assert row[-1] < row[0]
    text = kept.read_text()
    assert equals_n_steps.curve(objective, crops, 3, kept, b"a") == [row[:4] for row in rows]
    assert kept.read_text() == text
    photo = to_tensor(crops[0][None])
    assert rows[0][0] == pytest.approx(objective(photo, photo, objective.content(photo)).total.item(), abs=1e-3)
    for others, style in ((crops[:1], b"a"), (crops, b"b")):  # of other pictures: made anew
        before = kept.read_text()
        equals_n_steps.curve(objective, others, 2, kept, style)
        assert kept.read_text() != before


def test_the_optimised_picture_stays_in_range(narrow_vgg_weights):
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    photo = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    objective = Objective(vgg, photo.flip(1), content_weight=1, style_weight=2, l1_weight=0)
    for x, loss in optimize_pixels(objective, photo, 3):
        assert x.shape == photo.shape
        assert x.min() >= 0
        assert x.max() <= 1
        assert np.isfinite(loss)


@pytest.mark.slow
def test_training_is_told_by_marks(monkeypatch, tmp_path, narrow_vgg_weights, capsys):
    monkeypatch.setattr("impasto_train.training.setup.load_vgg_weights", lambda file, say: narrow_vgg_weights)
    monkeypatch.setattr(quality, "load_vgg_weights", lambda: narrow_vgg_weights)
    monkeypatch.setattr(training, "MARKS", (2,))
    for width, name in enumerate(("style.png", "held/a.png", "photos/1.png", "photos/2.png"), start=50):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(noise(64)[:, :width]).save(tmp_path / name)
    figures = tmp_path / "figures.json"
    training.training(
        tmp_path / "style.png",
        str(tmp_path / "photos"),
        tmp_path / "held",
        steps="3",
        origins="scratch",
        json_file=figures,
        plot_file=tmp_path / "curve.png",
    )
    rows = json.loads(figures.read_text())
    assert [row["step"] for row in rows] == [2, 3]
    assert rows[0]["minutes"] < rows[1]["minutes"]
    assert rows[1]["J"] == pytest.approx(rows[1]["R"] + 2 * rows[1]["S"])
    assert rows[1]["VGG16"] > 0
    assert all(rows[1][key] > 0 for key in ("W", "L", "P", "contrast 8", "F", "spread 1", "structure"))
    assert (tmp_path / "curve.png").stat().st_size > 1000
    assert "photos/s" in capsys.readouterr().out


def test_the_ranking_of_short_and_long_trainings(tmp_path, capsys):
    totals = {"short": [1.0, 2.0, 3.0, 4.0], "long": [1.1, 2.2, 4.4, 3.3]}  # one pair the other way round
    for folder, found in totals.items():
        (tmp_path / folder).mkdir()
        record = TrialStore(tmp_path / folder / "record.db", {"--steps": folder})
        for l1, value in enumerate(found):
            record.add(
                Trial(
                    Point(l1, "gradient", 1.0, 2.0),
                    HELD_OUT,
                    HELD_OUT,
                    Score(value, value, value, 0.0, 0.0, -value, 1.0),
                )
            )
        record.add(
            Trial(Point(9.0, "gradient", 1.0, 2.0), 1, 3, Score(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0))
        )  # a fold: left out
    figures = tmp_path / "figures.json"
    ranking.ranking(tmp_path / "short", tmp_path / "long", json_file=figures, plot_file=tmp_path / "plot.svg")
    rows = json.loads(figures.read_text())
    assert [row["weights"] for row in rows[:-1]] == ["λ 0", "λ 1 on gradient", "λ 2 on gradient", "λ 3 on gradient"]
    assert rows[-1]["overall, long"] == pytest.approx(1 - 6 * 2 / (4 * 15))  # Spearman's 1 - 6 Σd² / n(n² - 1)
    assert rows[-1]["detail, long"] == pytest.approx(0.8)
    assert (tmp_path / "plot.svg").is_file()
    assert "rank correlation" in capsys.readouterr().out


def test_the_peak_is_that_of_the_command_alone(model, tmp_path):
    Image.fromarray(noise(32)).save(tmp_path / "photo.png")
    held = np.ones(300_000_000, np.uint8)  # what this process takes is not to be counted
    peak, seconds = memory.peak_of([str(model), str(tmp_path / "photo.png"), "-o", str(tmp_path / "result.png")])
    assert held.all()
    assert 20e6 < peak < 250e6
    assert seconds > 0
    assert (tmp_path / "result.png").exists()
    with pytest.raises(ImpastoError, match="failed"):
        memory.peak_of([str(model), str(tmp_path / "missing.png")])


def test_a_picture_keeps_to_its_memory(tmp_path):
    # of a size that onnxruntime's pieces of memory fit badly: painted whole, it takes 650 MB
    Image.effect_noise((2582, 1936), 50).convert("RGB").save(tmp_path / "photo.jpg")
    options = ["-o", str(tmp_path / "result.jpg"), "--stroke", "1", "--device", "cpu", "--memory", "500MB"]
    peak, _ = memory.peak_of(["great_wave", str(tmp_path / "photo.jpg"), *options])
    assert peak < 500e6
