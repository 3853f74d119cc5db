"""The network of Johnson, Alahi and Fei-Fei (2016) as most rivals ship it, to measure against.

    python -m benchmarks.johnson STYLE PHOTOS --steps 400 --out johnson.onnx

trains it on a style with this project's objective and optimizer, from random weights and without steadiness, as those
rivals are trained: PHOTOS is what ``train-style --content`` takes. The file keeps the contract, so that every other
benchmark takes it for a model. For speed, `johnson_onnx` has the bare network with random weights.
"""

import sys
from pathlib import Path
from typing import Annotated

import onnx
import torch
import typer
from impasto import StyleInfo, __version__
from impasto.contract import CONTRACT_VERSION, IMAGE, STRENGTH, STYLIZED, seal
from impasto.internal import run, whole_file
from impasto_train.commandline.options import Options
from impasto_train.export.to_onnx import with_metadata
from impasto_train.loss.evaluate import evaluate
from impasto_train.loss.objective import Objective
from impasto_train.network.muon import optimizers, set_rate
from impasto_train.network.stylenet import RANGE
from impasto_train.photos.content import centre_crop, open_content, read_style, training_batch
from impasto_train.photos.picture import Photo
from impasto_train.photos.prefetch import prefetch
from impasto_train.photos.tensors import to_tensor
from impasto_train.training.setup import build_objective
from impasto_train.training.trainer import learning_rate
from torch import Tensor, nn
from tqdm import tqdm

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def _conv(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.ReflectionPad2d(kernel // 2), nn.Conv2d(channels_in, channels_out, kernel, stride))


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        norms = [nn.InstanceNorm2d(channels, affine=True) for _ in range(2)]
        self.layers = nn.Sequential(
            _conv(channels, channels, 3), norms[0], nn.ReLU(), _conv(channels, channels, 3), norms[1]
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class JohnsonNet(nn.Module):
    """9x9 convolution, two of stride 2, five residual blocks, two nearest upsamplings, 9x9 convolution.

    Args:
        width: channels at full resolution: 32 in the paper, with 64 and 128 below it.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        down = [(3, width, 9, 1), (width, 2 * width, 3, 2), (2 * width, 4 * width, 3, 2)]
        layers: list[nn.Module] = []
        for channels, out, kernel, stride in down:
            layers += [_conv(channels, out, kernel, stride), nn.InstanceNorm2d(out, affine=True), nn.ReLU()]
        layers += [_Residual(4 * width) for _ in range(5)]
        for channels, out in ((4 * width, 2 * width), (2 * width, width)):
            layers += [nn.Upsample(scale_factor=2), _conv(channels, out, 3), nn.InstanceNorm2d(out, affine=True)]
            layers.append(nn.ReLU())
        self.layers = nn.Sequential(*layers, _conv(width, 3, 9))

    def forward(self, photo: Tensor) -> Tensor:
        """Float ``[N, 3, H, W]``, H and W multiples of 4, to the same; weights are random."""
        return self.layers(photo)


def johnson_onnx(width: int) -> bytes:
    """`JohnsonNet` of ``width`` as an ONNX file with an input ``x``, float32 ``[1, 3, H, W]``."""
    program = torch.onnx.export(
        JohnsonNet(width).eval(),
        (torch.zeros(1, 3, 64, 96),),
        dynamo=True,
        verbose=False,
        input_names=["x"],
        dynamic_shapes=({2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC},),
    )
    assert program is not None
    return program.model_proto.SerializeToString()


def _extended(length: int) -> Tensor:
    """Indices that extend a side by its edge to a multiple of 4 that all paddings by reflection allow."""
    full = torch.sym_max(8, (length + 3) // 4 * 4)
    return torch.minimum(torch.arange(full), torch.scalar_tensor(length - 1, dtype=torch.int64))


class Painter(nn.Module):
    """A `JohnsonNet` with what Impasto's models do around theirs: scaling, padding, rounding and the dial."""

    def __init__(self, network: JohnsonNet) -> None:
        super().__init__()
        self.network = network

    def paint(self, photo: Tensor) -> Tensor:
        """Float ``[N, 3, H, W]``, RGB in 0..1, H and W multiples of 4, to the same."""
        return 0.5 + RANGE * torch.tanh(self.network(photo - 0.5))

    def forward(self, image: Tensor, strength: Tensor) -> Tensor:
        """uint8 ``[N, H, W, 3]`` and a float32 scalar in 0..1 to uint8 of the same shape."""
        height, width = image.shape[1:3]
        y, x = (_extended(side) for side in (height, width))
        photo = image.index_select(1, y).index_select(2, x).permute(0, 3, 1, 2).float()
        mixed = photo + strength * (255 * self.paint(photo / 255) - photo)
        return mixed.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)[:, :height, :width]


def model_of(painter: Painter) -> onnx.ModelProto:
    """``painter`` as a model, of any sides and any number of pictures."""
    sides = {axis: torch.export.Dim(name, min=1) for axis, name in enumerate(("batch", "height", "width"))}
    program = torch.onnx.export(
        painter,
        (),
        kwargs={"image": torch.zeros(2, 61, 83, 3, dtype=torch.uint8), "strength": torch.tensor(1.0)},
        dynamo=True,
        verbose=False,
        input_names=[IMAGE, STRENGTH],
        output_names=[STYLIZED],
        dynamic_shapes={"image": sides, "strength": {}},
    )
    assert program is not None
    model = program.model_proto
    image, stylized = (value.type.tensor_type.shape for value in (model.graph.input[0], model.graph.output[0]))
    stylized.CopyFrom(image)  # in place of a formula
    del model.graph.value_info[:]
    del model.graph.metadata_props[:]
    for node in model.graph.node:  # stack traces of the machine that exported it
        node.doc_string = ""
        del node.metadata_props[:]
    return model


def train(objective: Objective, photos: tuple[Photo, ...], options: Options, steps: int, width: int) -> Painter:
    """Teach a `JohnsonNet` of ``width`` to minimise ``objective`` over ``photos``, from random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        painter = Painter(JohnsonNet(width).to(memory_format=torch.channels_last))
    chosen = optimizers(painter.parameters())

    def batch(step: int) -> Tensor:
        return to_tensor(
            training_batch(photos, step=step, batch_size=options.batch_size, size=options.size, seed=options.seed)
        )

    with tqdm(total=steps, unit="step") as progress:
        for step, photo in enumerate(prefetch(batch, range(steps))):
            terms = objective(painter.paint(photo), photo, objective.content(photo))
            painter.zero_grad()
            terms.total.mean().backward()
            for optimizer in chosen:
                set_rate(optimizer, learning_rate(step, steps, options.learning_rate))
                optimizer.step()
            progress.set_postfix_str(f"R {terms.content.mean().item():.2f} S {terms.style.mean().item():.2f}")
            progress.update()
    return painter.eval()


@app.command()
def johnson(
    style: Annotated[Path, typer.Argument(help="The style picture.")],
    photos: Annotated[str, typer.Argument(help="Photos to train on: what train-style's --content takes.")],
    steps: Annotated[int, typer.Option(help="Steps of training.", min=1)] = 400,
    width: Annotated[int, typer.Option(help="Channels at full resolution.", min=4)] = 32,
    style_weight: Annotated[float, typer.Option(help="Weight β of the style term S.", min=0)] = 2.0,
    size: Annotated[int, typer.Option(help="Side of the square training crops, in pixels.", min=32)] = 256,
    out: Annotated[Path, typer.Option(help="The model to write.")] = Path("johnson.onnx"),
) -> None:
    """Train Johnson's network on a style and write it as a model."""
    options = Options(style=style, content=photos, steps=steps, style_weight=style_weight, size=size, steady=0)
    content = open_content(photos)
    objective = build_objective(options, read_style(style, options.style_size), torch.device("cpu"), typer.echo)
    painter = train(objective, content.train, options, steps, width)
    scores = evaluate(painter.paint, objective, [centre_crop(photo, size) for photo in content.held_out])
    info = StyleInfo(
        contract=CONTRACT_VERSION,
        name=out.stem,
        title=f"Johnson, width {width}: {style.stem}",
        credit="",
        style_license="",
        license="",
        content_weight=options.content_weight,
        style_weight=style_weight,
        l1_weight=options.l1,
        l1_on=options.l1_on,
        normalize=options.normalize,
        vgg=objective.vgg.fingerprint,
        content=content.name,
        content_count=len(content.train),
        steps=steps,
        batch_size=options.batch_size,
        size=size,
        style_size=options.style_size,
        impasto_version=__version__,
        content_loss=float(scores.content),
        style_loss=float(scores.style),
        preview=b"",
        learning_rate=options.learning_rate,
        start="scratch",
    )
    with whole_file(out) as path:
        path.write_bytes(seal(with_metadata(model_of(painter), info).SerializeToString()))
    print(f"{out}: held-out photos: R {info.content_loss:.3f}, S {info.style_loss:.3f}")


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.johnson"))
