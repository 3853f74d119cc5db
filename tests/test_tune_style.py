"""``tune-style``: what a short training is judged by, the record, the folds, the choice."""

import dataclasses
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from impasto import ImpastoError
from impasto_train import pipeline, trainer
from impasto_train.options import TuneOptions
from impasto_train.photos import Photo, centre_crop, open_content
from impasto_train.tune import command, report, search
from impasto_train.tune.record import HELD_OUT, Point, Record, Trial
from impasto_train.tune.score import Score, detail_kept, fold_of
from impasto_train.tune.search import Search, points, training_options
from PIL import Image


@pytest.fixture
def options(pictures, monkeypatch, narrow_vgg_weights):
    monkeypatch.setattr(pipeline, "load_vgg_weights", lambda file, say: narrow_vgg_weights)
    monkeypatch.setattr(trainer, "STEPS", 3)  # of learning the colours first
    return TuneOptions(
        style=pictures / "style.png", content=str(pictures / "photos"), out=pictures / "tiny.tune", l1="0,2",
        steps=3, folds=2, finalists=1, size=32, style_size=48, device="cpu", from_="scratch", minutes=10,
    )  # fmt: skip


# what it is judged by


def test_detail_of_the_photo_itself_its_negative_and_a_flat_picture():
    photo = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    assert detail_kept(photo, photo) == pytest.approx((1, 1))
    assert detail_kept(photo, 255 - photo) == pytest.approx((-1, 1))
    assert detail_kept(photo, np.full_like(photo, 9)) == (0, 0)
    assert detail_kept(np.full_like(photo, 9), photo) == (0, 0)


def test_energy_is_that_of_the_gradients():
    ramp = np.repeat(np.arange(0, 60, 2, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(20, axis=0)
    correlation, energy = detail_kept(ramp, ramp // 2)  # half the slope
    assert correlation == pytest.approx(1)
    assert energy == pytest.approx(1 / 4)


# the grid and the folds


def test_the_grid_has_every_point_once(options):
    found = points(replace(options, l1="0,1", l1_on="image,gradient", content_weight="1,2"), 3.0)
    assert found == [
        Point(0, "gradient", 1, 3), Point(0, "gradient", 2, 3), Point(1, "image", 1, 3), Point(1, "image", 2, 3),
        Point(1, "gradient", 1, 3), Point(1, "gradient", 2, 3),
    ]  # fmt: skip


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_folds_never_judge_by_what_they_trained_on(folds, tmp_path):
    photos = [Photo(str(index), tmp_path) for index in range(7)]
    judged = []
    for fold in range(1, folds + 1):
        trained, left = fold_of(photos, fold, folds)
        assert not set(trained) & set(left)
        assert {*trained, *left} == set(photos)
        judged += left
    assert sorted(photo.name for photo in judged) == sorted(photo.name for photo in photos)  # each once


def test_no_fold_is_judged_by_what_it_was_trained_on(options, monkeypatch, quiet):
    from impasto_train.tune import search as module

    trainings = []  # each: the photos trained on, and the pictures judged by
    real_trainer, real_judge = module.Trainer, module.judge

    def trained(objective, photos, *rest):
        trainings.append([photos, None])
        return real_trainer(objective, photos, *rest)

    def judged(network, objective, pictures):
        trainings[-1][1] = pictures
        return real_judge(network, objective, pictures)

    monkeypatch.setattr(module, "Trainer", trained)
    monkeypatch.setattr(module, "judge", judged)
    search = Search(options, quiet)
    search.run()
    held_out = open_content(options.content).held_out
    assert len(trainings) == 4  # two points, and two folds of one
    seen = [
        ({crop(photo).tobytes() for photo in photos}, {one.tobytes() for one in pictures})
        for photos, pictures in trainings
    ]
    for photos, pictures in seen:
        assert pictures
        assert not photos & pictures
    assert all(pictures == {crop(photo).tobytes() for photo in held_out} for _, pictures in seen[:2])
    assert seen[2][1] | seen[3][1] == {crop(photo).tobytes() for photo in search.photos}  # each fold its own


def crop(photo):
    return centre_crop(photo, 32)


def test_each_point_is_trained_with_its_own_weights(options, monkeypatch, quiet):
    from impasto_train.tune import search as module

    told = []
    real = module.Trainer

    def trained(objective, *rest):
        told.append((objective.l1_weight, objective.l1_on, objective.content_weight, objective.style_weight))
        return real(objective, *rest)

    monkeypatch.setattr(module, "Trainer", trained)
    search = Search(replace(options, l1="1,2", l1_on="image", content_weight="3", style_weight="4,5"), quiet)
    search.run()
    points = [(l1, "image", 3, beta) for l1 in (1, 2) for beta in (4, 5)]
    assert told[:4] == points
    assert told[4] == told[5]
    assert told[4] in points


# the record


def trial(l1=1.0, fold=HELD_OUT, folds=HELD_OUT, score=Score(0.5, 1.5, 0.4, 0.9), error=""):  # noqa: B008  # frozen
    return Trial(Point(l1, "gradient", 1.0, 2.0), fold, folds, score, error)


def test_the_record_gives_back_what_was_added(tmp_path):
    wanted = [trial(), trial(0.0, 2, 3, Score(0.1, 0.2, -0.3, 4.0)), trial(3.0, score=None, error="gone blank")]
    record = Record(tmp_path / "record.db", {"--steps": "3"})
    for one in wanted:
        record.add(one)
    assert Record(tmp_path / "record.db", {"--steps": "3"}).trials() == wanted


def test_a_record_of_another_search_is_refused(tmp_path):
    Record(tmp_path / "record.db", {"--style": "a", "--steps": "3"})
    with pytest.raises(ImpastoError, match="another --steps: give another --out"):
        Record(tmp_path / "record.db", {"--style": "a", "--steps": "4"})


def test_a_record_of_trainings_from_elsewhere_is_refused(options, quiet, monkeypatch):
    weights = [{"kernel": torch.zeros(2)}, {"kernel": torch.ones(2)}]
    monkeypatch.setattr(search, "starts", lambda name, say: weights[:1])
    Search(options, quiet)
    Search(options, quiet)
    monkeypatch.setattr(search, "starts", lambda name, say: weights[1:])  # the base of another version, say
    with pytest.raises(ImpastoError, match="another --from"):
        Search(options, quiet)


def test_a_record_that_is_none_is_refused(tmp_path):
    (tmp_path / "record.db").write_bytes(b"this is no database at all, whatever its name may say" * 20)
    with pytest.raises(ImpastoError, match=r"cannot use the record .*record\.db: file is not a database"):
        Record(tmp_path / "record.db", {})


# the search


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_search_makes_these_files_and_goes_on_where_it_was(options, monkeypatch, quiet):
    Search(options, quiet).run()
    search = Search(options, quiet)
    record = search.record
    best = report.write(record.trials(), 2.0, options.folds, options.folder, search.pictures)
    assert [(one.point.l1, one.fold) for one in record.trials()][:2] == [(0, HELD_OUT), (2, HELD_OUT)]
    finalist = record.trials()[2].point
    assert [(one.point, one.fold) for one in record.trials()][2:] == [(finalist, 1), (finalist, 2)]
    assert best.point == finalist
    assert "J over 2 folds" in best.sentence
    found = files(options.folder)
    pictures = [name for name in found if name.startswith("pictures")]
    assert sorted(set(found) - set(pictures)) == ["plot.png", "record.db", "sheet.png", "table.md"]
    assert len(pictures) == 3  # the photos and two rows
    assert best.sentence in (options.folder / "table.md").read_text()
    with Image.open(options.folder / "sheet.png") as sheet:
        assert sheet.height == 3 * (32 + report.GAP) + report.GAP

    done = record.trials()
    started = []
    real = Search.train
    monkeypatch.setattr(Search, "train", lambda self, *a: started.append(a[:2]) or real(self, *a))
    Search(options, quiet).run()
    assert started == []  # nothing is left to do
    wider = replace(options, l1="0,2,5")
    Search(wider, quiet).run()
    assert (Point(5.0, "residual", 1.0, started[0][0].style_weight), HELD_OUT) == started[0]
    assert Search(wider, quiet).record.trials()[: len(done)] == done


def test_what_a_kill_interrupts_is_lost_and_no_more(options, monkeypatch, quiet):
    real = Search.train

    def train(self, point, fold, progress):
        if len(self.record.trials()) == 1:
            raise KeyboardInterrupt  # whatever ends the process
        return real(self, point, fold, progress)

    monkeypatch.setattr(Search, "train", train)
    with pytest.raises(KeyboardInterrupt):
        Search(options, quiet).run()
    monkeypatch.setattr(Search, "train", real)
    search = Search(options, quiet)
    assert len(search.record.trials()) == 1
    search.run()
    assert len(search.record.trials()) == 4


def test_ctrl_c_keeps_what_is_finished(options, monkeypatch, quiet, capsys):
    search = Search(options, quiet)
    real = Search._trained

    def stop_in_the_second(self, point, photos, progress):
        self.stop = bool(self.record.trials())
        return real(self, point, photos, progress)

    monkeypatch.setattr(Search, "_trained", stop_in_the_second)
    search.run()
    assert "stopped; the same call goes on" in capsys.readouterr().err
    assert len(search.record.trials()) == 1


def test_the_time_ends_a_search_between_trainings(options, quiet, capsys):
    search = Search(replace(options, minutes=1e-6), quiet)
    search.run()
    assert "minutes are over with 3 trainings left" in capsys.readouterr().err
    assert len(search.record.trials()) == 1  # one a call, or it would never end
    Search(replace(options, minutes=1e-6), quiet).run()
    assert len(search.record.trials()) == 2


def test_other_faults_are_no_result(options, monkeypatch, quiet):
    def fail(self, point, photos, progress):
        raise ImpastoError("none of the content photos can be read any more")

    monkeypatch.setattr(Search, "_trained", fail)
    search = Search(options, quiet)
    with pytest.raises(ImpastoError, match="can be read any more"):
        search.run()
    assert search.record.trials() == []


def test_the_sheet_shows_the_photos_asked_for(options, quiet):
    for names in (["0.png", "1.png"], ["2.png", "3.png", "4.png"]):
        shown = options.folder.parent / "".join(names)
        shown.mkdir()
        (shown / ".DS_Store").write_text("no photo")
        for name in names:
            shutil.copy(f"{options.content}/{name}", shown / name)
        search = Search(replace(options, show=shown, l1="0" if len(names) == 2 else "2", finalists=1), quiet)
        search.run()
        report.write(search.record.trials(), 2.0, 2, options.folder, search.pictures)
        with Image.open(options.folder / "sheet.png") as sheet:
            # the photos, and the one row that was painted of them
            assert sheet.size == (report.LABEL + len(names) * (32 + report.GAP), report.GAP + 2 * (32 + report.GAP))


def test_a_training_that_goes_wrong_is_a_result(options, monkeypatch, quiet):
    def fail(self, point, photos, progress):
        if point.l1:
            raise trainer.GoneWrong("step 9: the pictures have gone blank")
        return real(self, point, photos, progress)

    real = Search._trained
    monkeypatch.setattr(Search, "_trained", fail)
    search = Search(options, quiet)
    search.run()
    trials = search.record.trials()
    assert [one.error for one in trials[:2]] == ["", "step 9: the pictures have gone blank"]
    assert report.write(trials, 2.0, 2, options.folder, search.pictures).point.l1 == 0
    assert "gone blank" in (options.folder / "table.md").read_text()


def test_train_is_told_the_weights_found_and_the_recipe(options):
    told = training_options(replace(options, learning_rate=0.02), Point(0.3, "image", 2.0, 5.0))
    assert (told.l1, told.l1_on, told.content_weight, told.style_weight) == (0.3, "image", 2.0, 5.0)
    assert (told.style, told.size, told.learning_rate, told.from_) == (options.style, 32, 0.02, "scratch")
    assert told.steps is None  # in full


# the choice


def folds_of(l1, *scores):
    return [trial(l1, fold, len(scores), Score(r, 0.0, detail, 1.0)) for fold, (r, detail) in enumerate(scores, 1)]


def test_the_rule_of_one_standard_error_goes_by_the_differences_of_each_fold():
    held = [trial(l1, score=Score(r, 0.0, 0.0, 1.0)) for l1, r in ((0.0, 1.0), (1.0, 1.1), (3.0, 1.2))]
    # the folds are unlike each other, which is the same for all points
    least = folds_of(0.0, (1.0, 0.1), (5.0, 0.1), (9.0, 0.1))
    near = folds_of(1.0, (1.0, 0.5), (5.2, 0.5), (9.1, 0.5))  # more by 0, 0.2, 0.1: mean 0.1, standard error 0.058
    nearer = folds_of(1.0, (0.9, 0.5), (5.2, 0.5), (9.0, 0.5))  # by -0.1, 0.2, 0: mean 0.033, standard error 0.088
    far = folds_of(3.0, (1.5, 0.9), (5.5, 0.9), (9.5, 0.9))
    rows = report.ranked([*held, *least, *near, *far], 2.0)
    assert [row.point.l1 for row in rows] == [0, 1, 3]
    assert report.behind(rows[1], rows[0], 2.0) == pytest.approx((0.1, 0.1 / 3**0.5))
    assert report.recommend(rows, 2.0, 3).point.l1 == 0
    found = report.recommend(report.ranked([*held, *least, *nearer, *far], 2.0), 2.0, 3)
    assert found.point.l1 == 1
    assert "within a standard error of the least J (+0.033 ± 0.088 to λ 0)" in found.sentence
    # with less detail than the least it would not be taken; without all folds it is not considered
    poor = folds_of(1.0, (0.9, 0.05), (5.2, 0.05), (9.0, 0.05))
    assert report.recommend(report.ranked([*held, *least, *poor, *far], 2.0), 2.0, 3).point.l1 == 0
    assert "no point has all its folds" in report.recommend(report.ranked([*held, *near[:2]], 2.0), 2.0, 3).sentence


def test_the_error_over_folds_is_that_of_the_mean():
    (row,) = report.ranked([trial(score=Score(2.0, 0.0, 0.0, 1.0)), *folds_of(1.0, (1.0, 0), (2.0, 0), (6.0, 0))], 2.0)
    assert row.total(2.0) == 3
    assert row.error(2.0) == pytest.approx(7**0.5 / 3**0.5)


def test_points_are_told_apart():
    a, b = Point(1, "image", 1, 2), Point(1, "image", 1, 3)
    assert report.named([a]) == {a: "λ 1 on image"}
    assert report.named([a, b]) == {a: "λ 1 on image, α 1, β 2", b: "λ 1 on image, α 1, β 3"}


def test_train_goes_on_with_what_was_found_and_into_the_same_folder(options, monkeypatch, quiet, capsys):
    started = []
    monkeypatch.setattr(pipeline, "start", lambda told, say: started.append(told) or told.model)
    given = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    command.tune_style(**given | {"train": True})
    assert started[0].l1 in (0, 2)
    assert started[0].model == options.folder / "style.onnx"
    assert capsys.readouterr().out.endswith("style.onnx\n")
    (options.folder / "style.onnx").write_bytes(b"mine")
    with pytest.raises(ImpastoError, match="is there already"):
        command.tune_style(**given | {"train": True})


# bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--l1", "0,x"], "--l1 0,x: give numbers"),
        (["--l1", "0,-1"], "--l1 0,-1: give numbers"),
        (["--l1", "nan"], "--l1 nan: give numbers"),
        (["--l1", ""], "--l1 : give numbers"),
        (["--l1-on", "gradient,sideways"], "--l1-on sideways: choose among image, residual, gradient"),
        (["--style-weight", "inf"], "--style-weight inf"),
        (["--l1", "1e13"], "--l1 1e13: give numbers"),
        (["--style-weight", "0", "--content-weight", "0"], "cannot both be 0"),
        (["--folds", "1"], "--folds"),
        (["--folds", "8"], "there are only 5 photos"),
        (["--minutes", "0"], "--minutes"),
        (["--style", "no.png"], "no.png"),
        (["--style", "text.png"], "text.png"),
        (["--out", "text.png"], "text.png"),
        (["--out", "broken"], "cannot use the record"),
        (["--show", "no"], "--show no: no folder with photos"),
        (["--content", "no"], "no"),
        (["--from", "nowhere"], "nowhere"),
    ],
)
def test_a_wrong_call_gets_one_line_and_2(pictures, arguments, message, tmp_path):
    (pictures / "text.png").write_text("no picture")
    (pictures / "broken").mkdir()
    (pictures / "broken" / "record.db").write_bytes(b"no database, no database, no database" * 20)
    shutil.copytree(pictures, tmp_path / "work", ignore=shutil.ignore_patterns("work"))
    given = ["--style", "style.png", "--content", "photos", "--device", "cpu", *arguments]
    done = subprocess.run(
        [sys.executable, "-m", "impasto_train.tune.command", *given],
        cwd=tmp_path / "work", capture_output=True, text=True,
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if line.startswith("tune-style: ")]
    assert done.returncode == 2, done.stderr
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "work" / "style.tune" / "record.db").exists()
