"""A training so small that a drill can go through hundreds: a few steps on noise, under a narrow VGG16's eyes."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from impasto_train import cli
from impasto_train.commandline.options import Options
from impasto_train.downloads.vgg_weights import LAYERS, VGGWeights
from impasto_train.loss.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective
from impasto_train.loss.vgg import VGG16
from impasto_train.photos.picture import Photo
from impasto_train.photos.tensors import to_tensor
from impasto_train.training import launch, setup
from impasto_train.training.trainer import Trainer
from PIL import Image

STEPS = 24
ROOT = Path(__file__).parents[2]
PROGRAM = (
    sys.executable,
    "-c",
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.drills import tiny; tiny.train_style()",
)
"""`train_style` as a program of its own."""
# a checkpoint and a preview at nearly every step: what is drilled is how they are written
RUN = (
    "--content photos --out tiny.onnx --from scratch --size 32 --surround 0 --style-size 48 --device cpu "
    f"--checkpoint-every 2 --preview-every 3 --overwrite --steps {STEPS}"
).split()


def narrow_vgg() -> VGGWeights:
    """Random weights for a network like VGG16 with a sixteenth of its channels: fast, and good enough to train on."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for index, (_, _, channels, width) in LAYERS.items():
        channels, width = max(3, channels // 16), width // 16
        # He's initialisation keeps the size of the activations from layer to layer
        kernel = torch.randn(width, channels, 3, 3, generator=generator) * (2 / (9 * channels)) ** 0.5
        tensors[f"features.{index}.weight"] = kernel
        tensors[f"features.{index}.bias"] = torch.zeros(width)
    return VGGWeights(tensors, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), "cd" * 32)


def picture(seed: int, height: int, width: int) -> Image.Image:
    """Coarse noise."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def lay_out(folder: Path, photos: int = 6) -> None:
    """Put a style picture and photos into ``folder``."""
    (folder / "photos").mkdir(parents=True)
    picture(0, 64, 96).save(folder / "style.png")
    for index in range(1, photos + 1):
        picture(index, 64, 72).save(folder / "photos" / f"{index}.png")


def trainer_of(photos: tuple[Photo, ...] = ()) -> Trainer:
    """A trainer as that of the tiny training, before its first step."""
    vgg = VGG16(narrow_vgg(), {*CONTENT_LAYERS, *STYLE_LAYERS})
    style = to_tensor(np.asarray(picture(0, 64, 96))[None])
    objective = Objective(vgg, style, content_weight=1, style_weight=2, l1_weight=0)
    return Trainer(objective, photos, Options(style=Path("style.png"), size=32, surround=0), STEPS)


def narrow() -> None:
    """Let trainings in this process have the narrow network."""
    setup.load_vgg_weights = lambda file, say: narrow_vgg()


def narrowed(main: Callable[[], None]) -> Callable[[], None]:
    """A command that trains, but with the narrow network."""

    def command() -> None:
        narrow()
        launch.PROGRAM = PROGRAM  # what --devices begins has to be narrowed too
        main()

    return command


train_style = narrowed(cli.main)
