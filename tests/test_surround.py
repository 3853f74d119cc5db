"""--surround: what is painted around the crops and not judged."""

import numpy as np
import torch
from impasto_train.network import StyleNet
from impasto_train.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective
from impasto_train.options import Options
from impasto_train.photos import open_content
from impasto_train.trainer import Trainer, judged, to_tensor
from impasto_train.vgg import VGG16


def test_photo_and_painting_are_judged_at_the_same_place_anywhere():
    places = torch.arange(2 * 40 * 40).view(2, 1, 40, 40)
    found = [
        judged(places, 32, [np.random.default_rng([seed, row]) for row in range(2)]) for seed in (0, 0, *range(60))
    ]
    assert torch.equal(found[0], found[1])
    corners = torch.stack([one[:, 0, 0, 0] - torch.tensor([0, 1600]) for one in found])
    for along in (corners // 40, corners % 40):
        assert set(along.flatten().tolist()) == set(range(9))  # from end to end
    assert all((one[:, 0, -1, -1] - one[:, 0, 0, 0] == 31 * 41).all() for one in found)


def test_nothing_is_cut_off_where_there_are_no_surroundings():
    pictures = torch.rand(1, 3, 32, 32)
    assert judged(pictures, 32, [np.random.default_rng(0)]) is pictures


def test_the_network_sees_the_surroundings_and_the_objective_does_not(pictures, narrow_vgg_weights, monkeypatch):
    style = to_tensor(np.random.default_rng(0).integers(0, 256, (1, 40, 40, 3), dtype=np.uint8))
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    objective = Objective(vgg, style, content_weight=1, style_weight=2, l1_weight=0)
    options = Options(style=pictures / "style.png", size=32, surround=16, steady=0)
    trainer = Trainer(objective, open_content(str(pictures / "photos")).train, options, steps=1)
    painted, seen = [], []
    monkeypatch.setattr(StyleNet, "forward", lambda net, photo, strength, real=StyleNet.forward: (
        painted.append(photo.shape), real(net, photo, strength))[1])  # fmt: skip
    monkeypatch.setattr(Objective, "forward", lambda one, x, photo, *rest, real=Objective.forward: (
        seen.append((x.shape, photo.shape)), real(one, x, photo, *rest))[1])  # fmt: skip
    before = trainer.network.body[0].layers[0].conv.weight.clone()
    (record,) = trainer.run()
    assert painted == [(1, 3, 48, 48)]
    assert seen == [((1, 3, 32, 32), (1, 3, 32, 32))]
    assert record.content > 0
    assert not torch.equal(trainer.network.body[0].layers[0].conv.weight, before)
