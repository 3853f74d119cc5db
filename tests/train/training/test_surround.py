"""--surround: what is painted around the crops and not judged."""

import numpy as np
import torch
from impasto_train.commandline.options import Options
from impasto_train.loss.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective
from impasto_train.loss.vgg import VGG16
from impasto_train.network.stylenet import StyleNet
from impasto_train.photos.content import open_content
from impasto_train.photos.tensors import to_tensor
from impasto_train.training.trainer import Trainer, judged


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


def test_what_is_judged_are_the_same_pixels_of_photo_and_painting(pictures, narrow_vgg_weights, monkeypatch):
    style = to_tensor(np.random.default_rng(0).integers(0, 256, (1, 40, 40, 3), dtype=np.uint8))
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    objective = Objective(vgg, style, content_weight=1, style_weight=2, l1_weight=0)
    options = Options(style=pictures / "style.png", size=32, surround=16, batch_size=2)
    trainer = Trainer(objective, open_content(str(pictures / "photos")).train, options, steps=3)
    painted, seen = [], []

    def keep(network, photo, real=StyleNet.forward):
        painted.append(photo.shape)
        return photo + 0 * real(network, photo)

    def look(objective, x, photo, *rest, real=Objective.forward):
        seen.append((x.detach(), photo))
        return real(objective, x, photo, *rest)

    monkeypatch.setattr(StyleNet, "forward", keep)
    monkeypatch.setattr(Objective, "forward", look)
    assert len(list(trainer.run())) == 3
    # each crop, and what steadiness has painted once more: less by the farthest shift
    assert painted == [(1, 3, 48, 48), (1, 3, 40, 40)] * 6
    for x, photo in seen:
        assert x.shape == (1, 3, 32, 32)
        assert torch.equal(x, photo)


def test_what_is_learned_with_surroundings_differs(pictures, narrow_vgg_weights):
    style = to_tensor(np.random.default_rng(0).integers(0, 256, (1, 40, 40, 3), dtype=np.uint8))
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    learned = []
    for surround in (0, 16, 16):
        objective = Objective(vgg, style, content_weight=1, style_weight=2, l1_weight=0)
        options = Options(style=pictures / "style.png", size=32, surround=surround)
        trainer = Trainer(objective, open_content(str(pictures / "photos")).train, options, steps=2)
        list(trainer.run())
        learned.append(trainer.network.body[0].layers[0].conv.weight)
    assert torch.equal(learned[1], learned[2])
    assert not torch.equal(learned[0], learned[1])
