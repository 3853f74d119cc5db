"""What a training exports, shows and is judged by is in the painting's colours, whenever it ends."""

import numpy as np
import pytest
import torch
from impasto_train.commandline.options import Options
from impasto_train.loss.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective
from impasto_train.loss.vgg import VGG16
from impasto_train.network.recolor import match_colors
from impasto_train.photos.content import centre_crop, open_content
from impasto_train.photos.tensors import painted
from impasto_train.training import trainer as module
from impasto_train.training.reports import Preview
from impasto_train.training.turns import Turns
from PIL import Image


@pytest.fixture
def trainer(pictures, narrow_vgg_weights):
    """Of 8 steps, for a style picture of noise."""
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    objective = Objective(vgg, torch.rand(1, 3, 40, 40), content_weight=1, style_weight=2, l1_weight=0)
    options = Options(style=pictures / "style.png", size=32, surround=0)
    return module.Trainer(objective, open_content(str(pictures / "photos")).train, options, steps=8)


@pytest.mark.parametrize("steps", [1, 3, 8])
def test_colours_are_brought_to_the_paintings(steps, trainer, monkeypatch):
    calls, kernels = [], []

    def match(network, painting, photos, harshest):
        calls.append((trainer.step, painting is trainer.objective.painting, len(photos), harshest))
        match_colors(network, painting, photos, harshest)
        kernels.append(network.from_half.weight.clone())

    monkeypatch.setattr(module, "match_colors", match)
    for record in trainer.run():
        trainer.stop = record.step >= steps
    step = trainer.step
    before = trainer.average.from_half.weight.clone()
    assert torch.equal(trainer.finished().from_half.weight, kernels[0])
    assert torch.equal(trainer.average.from_half.weight, before)  # a run that goes on is not disturbed
    assert not torch.equal(kernels[0], before)
    trainer.finished()  # nothing has changed
    assert calls == [(step, True, module.MATCHED, module.HARSHEST)]


def test_the_preview_shows_what_would_be_exported(trainer, tmp_path):
    photo = centre_crop(trainer.photos[0], 32)
    Preview(tmp_path / "preview.png", Turns([trainer]), [photo], every=1).write()
    shown = np.asarray(Image.open(tmp_path / "preview.png").convert("RGB"))
    wanted = painted(trainer.finished(), photo, trainer.device)
    places = np.lib.stride_tricks.sliding_window_view(shown, wanted.shape)
    assert (places == wanted).all(axis=(-3, -2, -1)).any()
