"""What every training begins with: a device, and the objective on it."""

from collections.abc import Iterable

import numpy as np
import torch
from impasto import ImpastoError
from impasto.internal import Say

from ..commandline.options import ObjectiveOptions
from ..downloads.vgg_weights import load_vgg_weights
from ..loss.balance import suitable_weight
from ..loss.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective
from ..loss.vgg import VGG16
from ..photos.tensors import to_tensor
from .group import ALONE, Group


def pick_device(wanted: str) -> torch.device:
    """The device to train on; ``auto`` takes the fastest kind there is.

    Raises:
        ImpastoError: a device that was asked for by name is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(kind for kind, present in there.items() if present))
    if not there[wanted]:
        raise ImpastoError(f"--device {wanted}: this torch ({torch.__version__}) finds no such device here")
    return torch.device(wanted)


def load_vgg(weights: str | None, device: torch.device, say: Say, more: Iterable[str] = ()) -> VGG16:
    """The frozen VGG16 on ``device``, of the ``weights`` that ``--vgg-weights`` names (`load_vgg_weights`).

    It hands out what the objective looks at, and the layers ``more`` besides.
    """
    return VGG16(load_vgg_weights(weights, say=say), {*CONTENT_LAYERS, *STYLE_LAYERS, *more}).to(device)


def build_objective(
    options: ObjectiveOptions,
    style: np.ndarray,
    device: torch.device,
    say: Say,
    *,
    group: Group = ALONE,
    vgg: VGG16 | None = None,
) -> Objective:
    """The objective of ``options`` for ``style``, uint8 ``[H, W, 3]``, on ``device``.

    If the options leave β open, it is what suits the picture (`suitable_weight`), and a line says so.

    Args:
        group: all its processes must call this; they get the first one's β.
        vgg: on ``device``; loaded if not given.
    """
    if vgg is None:
        with group.first_goes_first():
            vgg = load_vgg(options.vgg_weights, device, say)
    given = options.style_weight
    objective = Objective(
        vgg,
        to_tensor(style[None], device),
        content_weight=options.content_weight,
        style_weight=1.0 if given is None else given,
        l1_weight=options.l1,
        l1_on=options.l1_on,
        normalize=options.normalize,
        distance=options.distance,
        style_loss=options.style_loss,
        content_on=options.content_on,
    )
    if given is None:
        objective.style_weight = group.share(suitable_weight(objective, style))
        say(f"style weight {objective.style_weight:g}, what suits this picture (choose with --style-weight)")
    return objective
