"""``optimize-image``: the pixels move to lower J, and the command writes what there is."""

import os
import signal

import numpy as np
import pytest
import torch
from impasto import ImpastoError
from impasto_train.commandline.options import ImageOptions
from impasto_train.loss.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective
from impasto_train.loss.vgg import VGG16
from impasto_train.optimize import command as optimize_image
from impasto_train.optimize.pixels import optimize_pixels
from PIL import Image


@pytest.fixture
def pictures(tmp_path):
    random = np.random.default_rng(0)
    for name, size in (("photo.png", (40, 56)), ("style.png", (48, 64))):
        coarse = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        coarse.resize(size[::-1], Image.Resampling.BICUBIC).save(tmp_path / name)
    return tmp_path


@pytest.fixture
def options(pictures, monkeypatch, narrow_vgg_weights):
    monkeypatch.setattr("impasto_train.training.setup.load_vgg_weights", lambda file, say: narrow_vgg_weights)
    return {
        "content": pictures / "photo.png",
        "style": pictures / "style.png",
        "out": pictures / "out.png",
        "style_size": 32,
        "device": "cpu",
        "style_weight": 2.0,
        "steps": 4,
    }


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("init", ["content", "noise"])
def test_the_optimiser_lowers_j(narrow_vgg_weights, optimizer, init):
    generator = torch.Generator().manual_seed(0)
    photo, style, noise = (torch.rand(1, 3, 32, 40, generator=generator) for _ in range(3))
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    objective = Objective(vgg, style, content_weight=1, style_weight=2, l1_weight=0.5)
    start = noise if init == "noise" else None
    found = list(optimize_pixels(objective, photo, 12, optimizer=optimizer, start=start))
    first = objective(noise if init == "noise" else photo, photo, objective.content(photo)).total.item()
    assert found[0][1] == pytest.approx(first, rel=1e-5)  # each tells the J it began from
    assert found[-1][1] < 0.8 * first
    picture = found[-1][0]
    assert objective(picture, photo, objective.content(photo)).total.item() < 0.8 * first


def test_it_writes_the_picture_at_the_working_size(options):
    optimize_image.work(ImageOptions(**options, size=28))
    with Image.open(options["out"]) as image:
        assert image.size == (28, 20)
        assert np.asarray(image).std() > 1


def test_previews_are_the_picture_so_far(options, monkeypatch):
    seen = []
    monkeypatch.setattr("impasto.pictures.write_picture", lambda path, picture: seen.append(picture.rgb))
    optimize_image.work(ImageOptions(**options, preview_every=2))
    assert len(seen) == 2
    assert (seen[0] != seen[1]).any()


def test_another_start_and_distance_give_another_picture(options):
    found = []
    for more in ({}, {"init": "noise"}, {"distance": "cosine"}, {"l1": 50.0}, {"l1": 50.0, "l1_on": "image"}):
        optimize_image.work(ImageOptions(**options, **more, overwrite=True))
        with Image.open(options["out"]) as image:
            found.append(np.array(image))
    assert all((a != b).any() for index, a in enumerate(found) for b in found[:index])


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_ctrl_c_writes_the_picture_so_far(options, capsys, monkeypatch):
    def press(*arguments, **more):
        for found in optimize_pixels(*arguments, **more):
            os.kill(os.getpid(), signal.SIGINT)
            yield found

    monkeypatch.setattr("impasto_train.optimize.pixels.optimize_pixels", press)
    optimize_image.work(ImageOptions(**options))
    assert "stopped after step 1 of 4" in capsys.readouterr().err
    with Image.open(options["out"]) as image:
        assert image.size == (56, 40)


def test_nothing_is_overwritten_unasked(options):
    options["out"].write_bytes(b"mine")
    with pytest.raises(ImpastoError, match="exists: give --overwrite"):
        optimize_image.work(ImageOptions(**options))
    assert options["out"].read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--content photo.jpg"),
        (["--content", "photo.png"], "--style starry.jpg"),
        (["--content", "photo.png", "--style", "no.png"], "no.png"),
        (["--content", "photo.png", "--style", "text.png"], "text.png"),
        (["--content", "no.png", "--style", "style.png"], "no.png"),
        (["--content", "photo.png", "--style", "style.png", "--l1", "-1"], "--l1 -1.0"),
        (["--content", "photo.png", "--style", "style.png", "--l1", "nan"], "--l1 nan"),
        (["--content", "photo.png", "--style", "style.png", "--out", "x.txt"], "x.txt"),
        (["--content", "photo.png", "--style", "style.png", "--out", "photo.png/x.png"], "photo.png"),
        (["--content", "photo.png", "--style", "style.png", "--optimizer", "sgd"], "sgd"),
        (["--content", "tiny.png", "--style", "style.png"], "needs at least 16 a side"),
    ],
)
def test_a_wrong_call_gets_one_line_and_2(called, pictures, arguments, message):
    (pictures / "text.png").write_text("no picture")
    Image.new("RGB", (8, 8)).save(pictures / "tiny.png")
    before = sorted(pictures.iterdir())
    status, _, err = called(optimize_image.main, pictures, *arguments)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1
    assert sorted(pictures.iterdir()) == before
