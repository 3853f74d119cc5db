"""Trainings that go wrong by themselves: no number, diverging, blank, slower than promised."""

import math
from dataclasses import replace

import pytest
import torch
from impasto import ImpastoError
from impasto_train.network.stylenet import StyleNet
from impasto_train.pipeline import start
from impasto_train.training.reports import Pace
from impasto_train.training.run_folder import RunFolder
from impasto_train.training.trainer import Record
from impasto_train.training.watch import Watch


@pytest.mark.usefixtures("quick_export")
@pytest.mark.parametrize(("checkpoint_every", "kept"), [(2, 2), (50, 0)])
def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_weights(
    options, quiet, monkeypatch, checkpoint_every, kept
):
    check = Watch.check

    def poisoned(watch, step, total, gradient_size, contrast):
        check(watch, step, math.nan if step == 4 else total, gradient_size, contrast)

    monkeypatch.setattr(Watch, "check", poisoned)
    options = replace(options, checkpoint_every=checkpoint_every)
    with pytest.raises(ImpastoError, match=r"step 4: the loss is no longer a number; .*--learning-rate"):
        start(options, quiet)
    assert not options.model.exists()
    assert RunFolder(options.run).load_state()["step"] == kept


def test_the_watch_stops_what_diverges_or_goes_blank(options):
    watch = Watch(options)
    for step in range(1, 101):
        watch.check(step, 3.0, 1.0, 0.2)
    with pytest.raises(ImpastoError, match=r"the loss grows .* lower --learning-rate"):
        watch.check(101, 200.0, 1.0, 0.2)
    watch = Watch(options)
    for step in range(1, 20):
        watch.check(step, 3.0, 1.0, 0.001)
    with pytest.raises(ImpastoError, match="gone blank; lower --l1"):
        watch.check(20, 3.0, 1.0, 0.001)
    with pytest.raises(ImpastoError, match="no longer a number"):
        Watch(options).check(1, 3.0, math.inf, 0.2)


def test_the_watch_is_resumed_and_nothing_doubtful_is_kept(options):
    watch = Watch(options)
    for step in range(1, 61):
        watch.check(step, 3.0, 1.0, 0.2)
    assert watch.worth_keeping
    watch.check(61, 70.0, 1.0, 0.2)
    assert not watch.worth_keeping
    resumed = Watch(options)
    resumed.load_state(watch.state())
    assert not resumed.worth_keeping
    with pytest.raises(ImpastoError, match="the loss grows"):
        resumed.check(62, 150.0, 1.0, 0.2)


@pytest.mark.usefixtures("quick_export")
def test_flat_colour_counts_as_blank(options, quiet, monkeypatch):
    def red(network, photo):
        colour = torch.tensor([0.9, 0.1, 0.1]).view(1, 3, 1, 1) + 0 * sum(p.sum() for p in network.parameters())
        return colour.expand_as(photo)

    monkeypatch.setattr(StyleNet, "forward", red)
    with pytest.raises(ImpastoError, match="gone blank"):
        start(replace(options, steps=30, preview_every=0), quiet)


@pytest.mark.parametrize(("seconds", "later", "lines"), [(1.0, 1.0, 0), (1.4, 1.4, 0), (2.0, 2.0, 1), (1.0, 3.0, 1)])
def test_a_training_slower_than_promised_is_said_once(seconds, later, lines):
    said = []
    pace = Pace(steps=600, minutes=10, say=said.append)
    for step in range(1, 301):
        pace(Record(step, 0, 0, 0, 0, 0, 0, seconds if step <= 60 else later))
    assert len(said) == lines
    assert all("minutes in all, not 10" in line for line in said)
