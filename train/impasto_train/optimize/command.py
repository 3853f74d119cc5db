"""The command ``optimize-image``; its options are the fields of `ImageOptions`."""

import math
import sys
from dataclasses import replace
from typing import Any

from impasto import ImpastoError
from impasto.internal import need

from ..commandline.derive import NEEDED, derived, explain, finish, say
from ..commandline.options import ImageOptions


def main() -> None:
    """Run ``optimize-image`` and exit with its status."""
    finish(app, "optimize-image")


def optimize_image(**given: Any) -> None:
    """Restyle one photo by moving its pixels: the slow reference that needs no training."""
    options = ImageOptions(**given)
    need("train", NEEDED, "optimizing")
    try:
        work(options)
    except (MemoryError, RuntimeError) as error:
        raise explain(error, "lower --size or --style-size") or error from error
    print(options.picture)


class Interruption:
    """Whether Ctrl-C has been pressed."""

    stop = False


def work(options: ImageOptions) -> None:
    """Restyle the photo and write the picture, and now and then what there is of it.

    Raises:
        ImpastoError: anything that the user can correct.
    """
    import torch
    from impasto.internal import check_writable
    from impasto.pictures import format_of, read_picture, shrunk, write_picture
    from tqdm import tqdm

    from ..photos.content import read_style
    from ..photos.tensors import to_pixels, to_tensor
    from ..training.interrupt import finish_on_interrupt
    from ..training.setup import build_objective, pick_device
    from .pixels import optimize_pixels

    result = options.picture
    if result.exists() and not options.overwrite:
        raise ImpastoError(f"{result} exists: give --overwrite to replace it, or another --out")
    check_writable(result)
    picture = shrunk(read_picture(options.content), options.size)
    height, width = picture.rgb.shape[:2]
    if min(height, width) < 16:
        small = f"{options.content} has {width}x{height} pixels once it is within --size {options.size}"
        raise ImpastoError(f"{small}: the objective needs at least 16 a side")
    style = read_style(options.style, options.style_size)
    device = pick_device(options.device)
    objective = build_objective(options, style, device, say)
    photo = to_tensor(picture.rgb[None], device)
    start = None
    if options.init == "noise":
        random = torch.Generator().manual_seed(options.seed)
        start = torch.rand(photo.shape, generator=random).to(device)
    interruption = Interruption()

    def write(pixels: torch.Tensor) -> None:
        format = format_of(result) or "PNG"
        write_picture(result, replace(picture, rgb=to_pixels(pixels)[0], format=format, later=()))

    steps = optimize_pixels(objective, photo, options.steps, optimizer=options.optimizer, start=start)
    with (
        finish_on_interrupt(interruption, "the picture so far will be written"),
        tqdm(total=options.steps, unit="step", dynamic_ncols=True) as progress,
    ):
        for step, (pixels, total) in enumerate(steps, 1):
            if not math.isfinite(total):
                raise ImpastoError(f"step {step}: J is no longer a number; lower the weights, --l1 above all")
            progress.set_postfix_str(f"J {total:.4g}", refresh=False)
            progress.update()
            preview = options.preview_every and step % options.preview_every == 0
            if preview or interruption.stop or step == options.steps:
                write(pixels)
            if interruption.stop:
                progress.write(f"stopped after step {step} of {options.steps}", file=sys.stderr)
                return


app = derived("optimize-image", ImageOptions, optimize_image, short={"out": "-o"})


if __name__ == "__main__":
    main()
