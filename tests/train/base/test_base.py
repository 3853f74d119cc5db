"""The base: kernels shared by styles, kept in one small file, from which a new style starts."""

import shutil

import numpy as np
import pytest
import torch
from impasto import ImpastoError
from impasto_train.base import train_base
from impasto_train.base.starts import SCRATCH, starts
from impasto_train.base.train_base import save_base
from impasto_train.base.weights import FILE, load_base
from impasto_train.commandline.options import Options
from impasto_train.loss.evaluate import evaluate
from impasto_train.loss.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective
from impasto_train.loss.vgg import VGG16
from impasto_train.network.stylenet import StyleNet, is_kernel
from impasto_train.photos.content import open_content
from impasto_train.photos.tensors import to_tensor
from impasto_train.training.run_folder import RunFolder
from impasto_train.training.trainer import QUICKER, Trainer
from impasto_train.training.turns import Turns
from PIL import Image
from safetensors.torch import load_file


@pytest.fixture
def trainers(tmp_path, narrow_vgg_weights):
    random = np.random.default_rng(0)
    for name in range(3):
        Image.fromarray(random.integers(0, 256, (48, 48, 3), dtype=np.uint8)).save(tmp_path / f"{name}.png")
    photos = open_content(str(tmp_path)).train
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    made = []
    for seed in range(2):
        style = to_tensor(random.integers(0, 256, (1, 40, 40, 3), dtype=np.uint8))
        objective = Objective(vgg, style, content_weight=1, style_weight=2, l1_weight=0)
        options = Options(style=tmp_path / "style.png", size=32, surround=0, seed=seed)
        made.append(Trainer(objective, photos, options, steps=3))
    return made


def test_joined_trainers_teach_the_same_kernels_and_heads_of_their_own(trainers):
    Turns(trainers)
    before = [{name: p.clone() for name, p in trainer.network.named_parameters()} for trainer in trainers]
    next(trainers[0].run())
    for name, parameter in trainers[1].network.named_parameters():
        shared = is_kernel(name, parameter)
        assert torch.equal(parameter, before[1][name]) != shared, name
        assert (parameter is trainers[0].network.get_parameter(name)) == shared, name
    next(trainers[1].run())
    heads = [trainer.network.from_half.weight for trainer in trainers]
    assert not torch.equal(heads[0], heads[1])
    for name, parameter in trainers[0].average.named_parameters():
        assert (parameter is trainers[1].average.get_parameter(name)) == is_kernel(name, parameter)


@pytest.mark.parametrize("quicker", [1.0, QUICKER])
def test_all_heads_are_as_quick_as_the_first(trainers, quicker):
    trainers[0].quicker, trainers[1].quicker = quicker, QUICKER  # the second began from the first
    Turns(trainers)
    assert [trainer.optimizers[-1].param_groups[0]["quicker"] for trainer in trainers] == [quicker] * len(trainers)


def test_a_base_is_read_as_it_was_written(trainers, tmp_path):
    Turns(trainers)
    networks = {name: trainer.network for name, trainer in zip(("one", "two"), trainers, strict=True)}
    save_base(networks, tmp_path / "base.safetensors")
    found = load_base(tmp_path / "base.safetensors")
    assert len(found) == 2
    for weights, network in zip(found, networks.values(), strict=True):
        wanted = network.state_dict()
        assert weights.keys() == wanted.keys()
        assert all(torch.allclose(weights[name], wanted[name], atol=1e-3) for name in wanted)
        assert all(weight.dtype == torch.float32 for weight in weights.values())


def test_the_start_is_the_candidate_with_the_least_style_loss(trainers, monkeypatch):
    trainer = trainers[0]
    torch.manual_seed(1)
    first = trainer.network.state_dict()
    candidates = [
        {name: weight + spread * torch.randn(weight.shape) for name, weight in first.items()}
        for spread in (0.1, 0, 0.3, 1)
    ]
    random = np.random.default_rng(1)
    style, photos = (random.integers(0, 256, shape, dtype=np.uint8) for shape in ((40, 40, 3), (3, 32, 32, 3)))
    monkeypatch.setattr("impasto_train.training.trainer.training_batch", lambda *_, **__: photos)
    losses = []
    for one in candidates:
        trainer.begin(style, [one])
        losses.append(evaluate(trainer.network, trainer.objective, photos).style.item())
    trainer.begin(style, candidates)
    best = candidates[losses.index(min(losses))]
    kernel = "body.0.layers.0.conv.weight"
    assert len(set(losses)) == 4
    assert torch.equal(trainer.network.state_dict()[kernel], best[kernel])
    assert torch.equal(trainer.average.state_dict()[kernel], best[kernel])


def test_weights_of_another_network_are_refused(trainers):
    style = np.zeros((40, 40, 3), np.uint8)
    with pytest.raises(ImpastoError, match="another version"):
        trainers[0].begin(style, [StyleNet((8, 8, 8), (1, 1)).state_dict()])


def test_weights_that_paint_nothing_are_refused(trainers):
    lost = {name: torch.full_like(weight, torch.nan) for name, weight in trainers[0].network.state_dict().items()}
    with pytest.raises(ImpastoError, match="not a number"):
        trainers[0].begin(np.zeros((40, 40, 3), np.uint8), [lost])


def test_a_damaged_base_is_refused(tmp_path):
    (tmp_path / "base.safetensors").write_bytes(b"no base")
    with pytest.raises(ImpastoError, match="cannot read"):
        load_base(tmp_path / "base.safetensors")


def test_the_base_that_ships_is_small_and_fits_the_network():
    assert FILE.stat().st_size < 2_000_000
    network = StyleNet()
    for weights in load_base():
        network.load_state_dict(weights)


def test_a_run_to_start_from_is_read_once(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    for step in (5, 6):
        folder.save_state({"average": {"kernel": torch.ones(step)}, "step": step, "earlier": 100})
    reads, load = [], torch.load
    monkeypatch.setattr(torch, "load", lambda *words, **more: reads.append(1) or load(*words, **more))
    (weights,), steps = starts(str(tmp_path))
    assert (len(weights["kernel"]), steps, len(reads)) == (6, 106, 1)
    folder.save_state({"average": {}, "step": 7})  # not yet after another
    assert starts(str(tmp_path)) == ([{}], 7)
    assert starts(SCRATCH) == ([], 0)


@pytest.mark.slow
def test_a_base_is_trained_on_pictures_and_on_collages_of_them(pictures, narrow_vgg_weights, monkeypatch):
    monkeypatch.setattr("impasto_train.training.setup.load_vgg_weights", lambda file, say: narrow_vgg_weights)
    monkeypatch.setattr(Options, "style_size", 48)
    shutil.copy(pictures / "style.png", pictures / "other.png")
    monkeypatch.setattr(train_base, "OWN_SIZE", 64)
    monkeypatch.setattr(train_base, "PIECES", (16,))
    monkeypatch.setattr(train_base, "paint", lambda size: np.zeros((size, size, 3), np.uint8))
    out = pictures / "base.safetensors"
    styles = [pictures / "style.png", pictures / "other.png"]
    with pytest.raises(ImpastoError, match="4 styles"):
        train_base.train_base(styles, str(pictures / "photos"), "scratch", 3, out)
    with pytest.raises(ImpastoError, match="same name"):
        train_base.train_base(styles[:1] * 2, str(pictures / "photos"), "scratch", 4, out)
    train_base.train_base(styles, str(pictures / "photos"), "scratch", 4, out)
    assert len(load_base(out)) == 4
    heads = {"style", "other", "own", "collage_0"}
    assert {name.split("/")[0] for name in load_file(out)} == {"kernels"} | heads


def test_a_varied_picture_has_other_colours_and_a_pale_one_no_black():
    red = np.zeros((20, 40, 3), np.uint8)
    red[:, :10] = 200, 0, 0
    turned = train_base.varied(red, (2, 0, 1), pale=False, turns=1)
    assert (turned.shape, turned[-1, 0].tolist()) == ((40, 20, 3), [0, 200, 0])
    pale = train_base.varied(red, (0, 1, 2), pale=True, turns=0)
    assert (pale[0, 0].tolist(), pale[0, -1].tolist()) == ([224, 114, 114], [114, 114, 114])


def test_a_collage_has_pieces_of_every_picture(monkeypatch):
    monkeypatch.setattr(train_base, "OWN_SIZE", 64)
    pictures = [np.full((90, 120, 3), level, np.uint8) for level in (10, 200)]
    made = train_base.collage(pictures, 16, np.random.default_rng(0))
    assert made.shape == (80, 80, 3)
    pieces = made.reshape(5, 16, 5, 16, 3).swapaxes(1, 2).reshape(25, -1)
    assert {tuple(set(piece)) for piece in pieces.tolist()} == {(10,), (200,)}
