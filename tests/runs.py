"""Runs of ``train-style``: ended early, and compared."""

import signal
from pathlib import Path

import torch
from impasto_train.training.run_folder import RunFolder
from impasto_train.training.trainer import Trainer


def weights(path: Path) -> dict[str, torch.Tensor]:
    state = RunFolder(path).load_state()
    return {f"{part}.{name}": t for part in ("network", "average") for name, t in state[part].items()}


def assert_same(found: Path, wanted: Path) -> None:
    a, b = weights(found), weights(wanted)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def interrupt_after(step, monkeypatch, signum=signal.SIGINT):
    run = Trainer.run

    def interrupted(trainer):
        for record in run(trainer):
            if record.step == step:
                signal.raise_signal(signum)
            yield record

    monkeypatch.setattr(Trainer, "run", interrupted)
    return run
