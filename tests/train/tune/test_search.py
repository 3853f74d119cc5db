"""A search: what it trains, what ends it, and the files that it makes."""

import shutil
from dataclasses import replace

import pytest
from impasto import ImpastoError
from impasto_train.training.watch import GoneWrong
from impasto_train.tune import report
from impasto_train.tune.record import HELD_OUT, Point
from impasto_train.tune.search import Search, training_options
from PIL import Image


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_search_makes_these_files_and_goes_on_where_it_was(options, monkeypatch, quiet):
    Search(options, quiet).run()
    search = Search(options, quiet)
    record = search.record
    best = report.write(record.trials(), options.folds, options.folder, search.pictures)
    assert [(one.point.l1, one.fold) for one in record.trials()][:2] == [(0, HELD_OUT), (2, HELD_OUT)]
    finalist = record.trials()[2].point
    assert [(one.point, one.fold) for one in record.trials()][2:] == [(finalist, 1), (finalist, 2)]
    assert best.point == finalist
    assert "overall distance over 2 folds" in best.sentence
    found = files(options.folder)
    pictures = [name for name in found if name.startswith("pictures")]
    assert sorted(set(found) - set(pictures)) == ["plot.png", "record.db", "sheet.png", "table.md"]
    assert len(pictures) == 3  # the photos and two rows
    assert best.sentence in (options.folder / "table.md").read_text()
    with Image.open(options.folder / "sheet.png") as sheet:
        assert sheet.height == 3 * (64 + report.GAP) + report.GAP

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
        report.write(search.record.trials(), 2, options.folder, search.pictures)
        with Image.open(options.folder / "sheet.png") as sheet:
            # the photos, and the one row that was painted of them
            assert sheet.size == (report.LABEL + len(names) * (64 + report.GAP), report.GAP + 2 * (64 + report.GAP))


def test_a_training_that_goes_wrong_is_a_result(options, monkeypatch, quiet):
    def fail(self, point, photos, progress):
        if point.l1:
            raise GoneWrong("step 9: the pictures have gone blank")
        return real(self, point, photos, progress)

    real = Search._trained
    monkeypatch.setattr(Search, "_trained", fail)
    search = Search(options, quiet)
    search.run()
    trials = search.record.trials()
    assert [one.error for one in trials[:2]] == ["", "step 9: the pictures have gone blank"]
    assert report.write(trials, 2, options.folder, search.pictures).point.l1 == 0
    assert "gone blank" in (options.folder / "table.md").read_text()


def test_train_is_told_the_weights_found_and_the_recipe(options):
    told = training_options(replace(options, learning_rate=0.02), Point(0.3, "image", 2.0, 5.0))
    assert (told.l1, told.l1_on, told.content_weight, told.style_weight) == (0.3, "image", 2.0, 5.0)
    assert (told.style, told.size, told.learning_rate, told.from_) == (options.style, 64, 0.02, "scratch")
    assert told.steps is None  # in full
