"""What an exported model says of itself: its weights, its origin, its figures and a preview."""

import io
from collections.abc import Sequence

import numpy as np
import torch
from impasto import ImpastoError, StyleInfo, __version__
from impasto.contract import CONTRACT_VERSION
from PIL import Image

from ..base.starts import BASE, SCRATCH
from ..loss.evaluate import evaluate
from ..network.stylenet import StyleNet
from ..photos.content import ContentSet, centre_crop, demo_photo
from ..photos.tensors import painted
from ..training.trainer import Trainer

THUMBNAIL = 192  # px, side of the preview inside the model


def info_of(
    trainer: Trainer,
    network: StyleNet,
    content: ContentSet,
    held_out: Sequence[np.ndarray],
    name: str,
    title: str | None,
) -> StyleInfo:
    """The metadata of the model that ``trainer`` has trained, all but its digest.

    Args:
        network: what is exported.
        held_out: the photos that R and S are measured on, uint8 ``[H, W, 3]`` each, at least one.
        name, title: of the style; a title of None is that of the name.
    """
    options = trainer.options
    scores = evaluate(network, trainer.objective, held_out)
    return StyleInfo(
        contract=CONTRACT_VERSION,
        name=name,
        title=title or title_of(name),
        credit=options.credit,
        style_license=options.license,
        license=options.model_license,
        content_weight=options.content_weight,
        style_weight=trainer.objective.style_weight,
        l1_weight=options.l1,
        l1_on=options.l1_on,
        normalize=options.normalize,
        vgg=trainer.objective.vgg.fingerprint,
        content=content.name,
        content_count=len(content.train),
        steps=trainer.earlier + trainer.step,
        batch_size=trainer.joined_batch,
        size=options.size,
        style_size=options.style_size,
        impasto_version=__version__,
        content_loss=float(scores.content),
        style_loss=float(scores.style),
        preview=_thumbnail(network, trainer.device),
        digest="",
        steady=options.steady,
        tones=options.tones,
        grid=options.grid,
        distance=options.distance,
        style_statistic=options.style_loss,
        content_on=options.content_on,
        learning_rate=options.learning_rate,
        start=options.from_ if options.to is None and options.from_ in (SCRATCH, BASE) else "run",
    )


def title_of(name: str) -> str:
    """The title of what is called ``name``, where nobody gave one."""
    return name.replace("_", " ").capitalize()


def _thumbnail(network: StyleNet, device: torch.device) -> bytes:
    try:
        # always the same free photo, so that styles can be compared and a model may be published
        photo = centre_crop(demo_photo("astronaut.png"), THUMBNAIL)
    except ImpastoError:  # a scikit-image without it: no reason to lose a training
        return b""
    file = io.BytesIO()
    Image.fromarray(painted(network, photo, device)).save(file, "JPEG", quality=85)
    return file.getvalue()
