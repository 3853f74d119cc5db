"""The command ``optimize-image``; its options are the fields of `ImageOptions`."""

import math
import sys
from dataclasses import replace
from typing import Any

from impasto import ImpastoError

from .command import NEEDED, derived, explain, finish, need, say
from .options import ImageOptions


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


class Work:
    """Told by Ctrl-C to end."""

    stop = False


def work(options: ImageOptions) -> None:
    """Restyle the photo and write the picture, and now and then what there is of it.

    Raises:
        ImpastoError: anything that the user can mend.
    """
    import torch
    from impasto._files import check_writable
    from impasto._formats import format_of, shrunk
    from impasto._pictures import read_picture
    from impasto._writing import write_picture
    from tqdm import tqdm

    from .balance import suitable_weight
    from .interrupt import finish_on_interrupt
    from .optimize import optimize
    from .photos import read_style
    from .pipeline import build_objective, pick_device
    from .trainer import to_pixels, to_tensor

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
    if options.style_weight is None:
        objective.style_weight = suitable_weight(objective, style)
        say(f"style weight {objective.style_weight:g}, what suits this picture (choose with --style-weight)")
    start = None
    if options.init == "noise":
        random = torch.Generator().manual_seed(options.seed)
        start = torch.rand(photo.shape, generator=random).to(device)
    told = Work()

    def write(pixels: torch.Tensor) -> None:
        format = format_of(result) or "PNG"
        write_picture(result, replace(picture, rgb=to_pixels(pixels)[0], format=format, later=()))

    steps = optimize(objective, photo, options.steps, optimizer=options.optimizer, start=start)
    with (
        finish_on_interrupt(told, "the picture so far will be written"),
        tqdm(total=options.steps, unit="step", dynamic_ncols=True) as progress,
    ):
        for step, (pixels, total) in enumerate(steps, 1):
            if not math.isfinite(total):
                raise ImpastoError(f"step {step}: J is no longer a number; lower the weights, --l1 above all")
            progress.set_postfix_str(f"J {total:.4g}", refresh=False)
            progress.update()
            if told.stop or step == options.steps or (options.preview_every and step % options.preview_every == 0):
                write(pixels)
            if told.stop:
                progress.write(f"stopped after step {step} of {options.steps}", file=sys.stderr)
                return


app = derived("optimize-image", ImageOptions, optimize_image, short={"out": "-o"})


if __name__ == "__main__":
    main()
