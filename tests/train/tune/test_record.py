"""The record of a search, from which it goes on."""

import optuna
import pytest
import torch
from impasto import ImpastoError
from impasto_train.tune import search
from impasto_train.tune.record import TrialStore, stored
from impasto_train.tune.score import Score
from impasto_train.tune.search import Search
from trials import trial


def test_the_record_gives_back_what_was_added(tmp_path):
    wanted = [
        trial(),
        trial(0.0, 2, 3, Score(0.7, 0.6, 0.5, 0.1, 0.2, -0.3, 4.0)),
        trial(3.0, score=None, error="gone blank"),
    ]
    record = TrialStore(tmp_path / "record.db", {"--steps": "3"})
    for one in wanted:
        record.add(one)
    assert TrialStore(tmp_path / "record.db", {"--steps": "3"}).trials() == wanted


def test_a_record_of_another_search_is_refused(tmp_path):
    TrialStore(tmp_path / "record.db", {"--style": "a", "--steps": "3"})
    with pytest.raises(ImpastoError, match="another --steps: give another --out"):
        TrialStore(tmp_path / "record.db", {"--style": "a", "--steps": "4"})


def test_a_record_of_scores_by_another_yardstick_is_refused(options, quiet, monkeypatch):
    search.Search(options, quiet)
    path = options.folder / "record.db"
    recipe = TrialStore(path, {}).study.user_attrs["recipe"]
    path.unlink()
    # R, S and detail, as they judged before
    old = optuna.create_study(
        storage=f"sqlite:///{path}", study_name="tune-style", directions=["minimize", "minimize", "maximize"]
    )
    old.set_user_attr("recipe", {name: value for name, value in recipe.items() if name != "yardstick"})
    with pytest.raises(ImpastoError, match=r"record\.db is of a search with another yardstick: give another --out"):
        Search(options, quiet)
    with pytest.raises(ImpastoError, match=r"cannot read .*: its trainings were not judged by W, L, structure"):
        stored(path)


def test_a_record_of_trainings_from_elsewhere_is_refused(options, quiet, monkeypatch):
    weights = [{"kernel": torch.zeros(2)}, {"kernel": torch.ones(2)}]
    monkeypatch.setattr(search, "starts", lambda name, say: (weights[:1], 0))
    Search(options, quiet)
    Search(options, quiet)
    monkeypatch.setattr(search, "starts", lambda name, say: (weights[1:], 0))  # the base of another version, say
    with pytest.raises(ImpastoError, match="another --from"):
        Search(options, quiet)


def test_a_record_that_is_none_is_refused(tmp_path):
    (tmp_path / "record.db").write_bytes(b"this is no database at all, whatever its name may say" * 20)
    with pytest.raises(ImpastoError, match=r"cannot use the record .*record\.db: file is not a database"):
        TrialStore(tmp_path / "record.db", {})
