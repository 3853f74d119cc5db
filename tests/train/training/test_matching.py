"""With the last step, what is painted is brought to the painting's colours."""

import torch
from impasto_train.commandline.options import Options
from impasto_train.loss.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective
from impasto_train.loss.vgg import VGG16
from impasto_train.network.recolor import match_colors
from impasto_train.photos.content import open_content
from impasto_train.training import trainer as module


def test_colours_are_brought_to_the_paintings_with_the_last_step(pictures, narrow_vgg_weights, monkeypatch):
    style = torch.rand(1, 3, 40, 40)
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    objective = Objective(vgg, style, content_weight=1, style_weight=2, l1_weight=0)
    options = Options(style=pictures / "style.png", size=32, surround=0)
    trainer = module.Trainer(objective, open_content(str(pictures / "photos")).train, options, steps=8)
    calls, kernels = [], []

    def match(network, painting, photos, harshest):
        calls.append((trainer.step, painting is style, len(photos), harshest))
        match_colors(network, painting, photos, harshest)
        kernels.append(network.from_half.weight.clone())

    monkeypatch.setattr(module, "match_colors", match)
    for _ in trainer.run():
        pass
    assert calls == [(8, True, module.MATCHED, module.HARSHEST)]
    assert torch.equal(trainer.average.from_half.weight, kernels[0])


def test_a_training_that_stops_before_is_exported_in_the_paintings_colours_too(pictures, narrow_vgg_weights):
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    objective = Objective(vgg, torch.rand(1, 3, 40, 40), content_weight=1, style_weight=2, l1_weight=0)
    options = Options(style=pictures / "style.png", size=32, surround=0)
    trainer = module.Trainer(objective, open_content(str(pictures / "photos")).train, options, steps=8)
    early = trainer.finished().from_half.weight
    assert not torch.equal(early, trainer.average.from_half.weight)
    for _ in trainer.run():
        pass
    assert torch.equal(trainer.finished().from_half.weight, trainer.average.from_half.weight)
