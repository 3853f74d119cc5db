"""A search of two points, small enough for tests."""

import pytest
from impasto_train.commandline.options import TuneOptions


@pytest.fixture
def options(pictures, monkeypatch, narrow_vgg_weights):
    monkeypatch.setattr("impasto_train.training.setup.load_vgg_weights", lambda file, say: narrow_vgg_weights)
    monkeypatch.setattr("impasto_train.judge.eye.SIDES", (384,))  # one look at the painting takes less time than three
    return TuneOptions(
        style=pictures / "style.png",
        content=str(pictures / "photos"),
        out=pictures / "tiny.tune",
        l1="0,2",
        steps=3,
        folds=2,
        finalists=1,
        size=64,
        surround=0,
        style_size=48,
        device="cpu",
        from_="scratch",
        minutes=10,
    )
