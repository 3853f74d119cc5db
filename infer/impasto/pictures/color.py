"""Colours as sRGB: conversion from an embedded ICC profile, and the profile that outputs carry."""

import functools
import io
import itertools

import numpy as np
from PIL import Image, ImageCms


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert a picture to sRGB.

    Args:
        image: of mode L, RGB, CMYK or LAB.
        profile: the ICC profile of its numbers. One that is missing, broken or of another kind of colour than
            the picture's is ignored: the picture is then taken as sRGB (or plain grey, or plain CMYK).

    Returns:
        An image of mode RGB and the same size.
    """
    if profile is None and image.mode == "LAB":
        return _apply(image, _transform(ImageCms.createProfile("LAB"), "LAB"))
    if profile:
        try:
            transform = _transform(ImageCms.ImageCmsProfile(io.BytesIO(profile)), image.mode)
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
        else:
            # Most photos are sRGB already, under one of a dozen profiles; converting them would only round.
            if image.mode == "RGB" and _is_identity(transform):
                return image
            if image.mode == "L":  # Little CMS rounds grey badly where the curve is steep, but not one by one
                ramp = _apply(Image.frombytes("L", (256, 1), bytes(range(256))), transform)
                return Image.fromarray(np.asarray(ramp)[0, np.asarray(image)])
            return _apply(image, transform)
    return image.convert("RGB")


def _transform(source: ImageCms.ImageCmsProfile | ImageCms.core.CmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    """What photo editors do by default: relative colorimetric, with black point compensation."""
    precision = ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.HIGHRESPRECALC
    return ImageCms.buildTransform(
        source,
        io.BytesIO(srgb_profile()),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION | precision,
    )


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether a transform moves no colour of a 16x16x16 grid by more than one level."""
    levels = range(0, 256, 17)
    grid = bytes(itertools.chain.from_iterable(itertools.product(levels, repeat=3)))
    moved = _apply(Image.frombytes("RGB", (16, 256), grid), transform).tobytes()
    return all(abs(before - after) <= 1 for before, after in zip(grid, moved, strict=True))


def _apply(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # it is only for conversion in place
    return converted


@functools.cache
def srgb_profile() -> bytes:
    """The ICC profile of sRGB, the same bytes every time."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # Little CMS writes the current time into it, which would make every output differ.
    profile[24:36] = bytes.fromhex("07d0 0001 0001 0000 0000 0000")  # 1 January 2000
    return bytes(profile)
