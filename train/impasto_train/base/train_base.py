"""How a base is made.

    python -m impasto_train.base.train_base STYLES... --content PHOTOS [--from RUN] [--steps 4000] [--out FILE]

The styles take turns, a step each: the pictures given, our own painting, and collages of squares of the pictures given
with their channels in each other order, some of them paler or turned; so the kernels see more colours side by side than
a painting has.
"""

import sys
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from impasto import ImpastoError
from impasto.internal import run, whole_file
from PIL import Image
from safetensors.torch import save
from tqdm import tqdm

from ..commandline.options import Options
from ..network.stylenet import StyleNet, is_kernel
from ..photos.content import open_content, read_style
from ..photos.painting import paint
from ..training.setup import build_objective, load_vgg, pick_device
from ..training.trainer import Trainer
from ..training.turns import Turns
from .starts import SCRATCH, starts
from .weights import FILE, KERNELS

ORDERS = list(permutations(range(3)))[1:]  # of a picture's channels, but for its own
PALE = 0.55  # of a paler picture's darkness is left
OWN_SIZE = 512  # px, side of our own painting; a collage has as many pieces as cover it and one more
PIECES = (96, 64, 128)  # px, side of the squares that a collage is put together from; one collage each

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def varied(picture: np.ndarray, order: tuple[int, ...], *, pale: bool, turns: int) -> np.ndarray:
    """Another painting out of ``picture``, uint8 ``[H, W, 3]``: its channels in ``order``, turned by quarters."""
    pixels = picture[..., list(order)]
    if pale:
        pixels = (255 - (255 - pixels.astype(float)) * PALE).astype(np.uint8)
    return np.rot90(pixels, turns)


def collage(pictures: list[np.ndarray], piece: int, random: np.random.Generator) -> np.ndarray:
    """Squares of ``piece`` px out of ``pictures``, uint8 ``[H, W, 3]`` each, made smaller, side by side in rows."""
    across = OWN_SIZE // piece + 1
    made = np.empty((across * piece, across * piece, 3), np.uint8)
    for y in range(0, len(made), piece):
        for x in range(0, len(made), piece):
            picture = Image.fromarray(pictures[random.integers(len(pictures))])
            scale = random.uniform(0.4, 0.8) * OWN_SIZE / min(picture.size)
            small = picture.resize((int(picture.width * scale) + 1, int(picture.height * scale) + 1))
            left, top = (int(random.integers(side - piece)) for side in small.size)
            made[y : y + piece, x : x + piece] = np.asarray(small)[top : top + piece, left : left + piece]
    return made


def others(styles: list[Path], folder: Path) -> Iterator[Path]:
    """Write the pictures that are learned beside ``styles`` into ``folder``."""

    def written(name: str, pixels: np.ndarray) -> Path:
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / f"{name}.png")
        return folder / f"{name}.png"

    yield written("own", paint(OWN_SIZE))
    made = [
        np.ascontiguousarray(varied(read_style(style, None), order, pale=row % 3 == 0, turns=row % 4))
        for row, style in enumerate(styles)
        for order in ORDERS
    ]
    random = np.random.default_rng(0)
    for number, piece in enumerate(PIECES):
        yield written(f"collage_{number}", collage(made, piece, random))


def save_base(networks: dict[str, StyleNet], path: Path) -> None:
    """Write networks that share their kernels, by the names of their styles, in half precision."""
    tensors = {}
    for style, network in networks.items():
        for name, parameter in network.named_parameters():
            part = KERNELS if is_kernel(name, parameter) else style
            tensors[f"{part}/{name}"] = parameter.detach().cpu().half().contiguous()
    with whole_file(path) as part_file:
        part_file.write_bytes(save(tensors))


@app.command()
def train_base(
    styles: Annotated[list[Path], typer.Argument(help="The style pictures.")],
    content: Annotated[str, typer.Option(help="Photos to train on: what train-style's --content takes.")],
    from_: Annotated[str, typer.Option("--from", help="What to start from, as train-style's --from.")] = SCRATCH,
    steps: Annotated[int, typer.Option(help="Steps of all styles together.", min=1)] = 4000,
    out: Annotated[Path, typer.Option(help="The file to write.")] = FILE,
) -> None:
    """Train the base."""
    if len({style.stem for style in styles}) < len(styles):
        raise ImpastoError("two of the style pictures have the same name; their names are what tells the heads apart")
    device = pick_device("auto")
    vgg = load_vgg(None, device, typer.echo)
    photos = open_content(content).train
    first, _ = starts(from_)
    trainers: list[Trainer] = []
    with TemporaryDirectory() as folder:
        learned = [*styles, *others(styles, Path(folder))]
        each = steps // len(learned)
        if not each:
            raise ImpastoError(f"--steps {steps} is too few: there are {len(learned)} styles to learn")
        for seed, style in enumerate(learned):
            options = Options(style=style, content=content, steps=each, seed=seed)
            picture = read_style(style, options.style_size)
            objective = build_objective(options, picture, device, lambda line: None, vgg=vgg)
            trainers.append(Trainer(objective, photos, options, each))
            # the heads of the others part from the first one's
            trainers[seed].begin(picture, first or [trainer.network.state_dict() for trainer in trainers[:1] if seed])
    turns = Turns(trainers)
    progress = tqdm(turns.run(), total=turns.steps, unit="step")
    for record in progress:
        progress.set_postfix_str(f"{record.of} R {record.content:.2f} S {record.style:.2f}")
    heads = zip(learned, trainers, strict=True)
    save_base({style.stem: trainer.finished() for style, trainer in heads}, out)


if __name__ == "__main__":
    sys.exit(run(app, "impasto_train.base.train_base"))
