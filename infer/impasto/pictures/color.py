"""Colours as sRGB: conversion from an embedded ICC profile, and the profile that outputs carry."""

import functools
import io
import itertools
import struct
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

from .pixels import strips


def to_srgb(image: Image.Image, profile: bytes | None) -> np.ndarray:
    """A picture's colours in sRGB.

    Args:
        image: of mode L, RGB, CMYK or LAB.
        profile: the ICC profile of its numbers. One that is missing, broken or of another kind of colour than
            the picture's is ignored: the picture is then taken as sRGB (or plain grey, or plain CMYK).

    Returns:
        uint8 ``[H, W, 3]``.
    """
    converted = _conversion(image.mode, profile)
    result = np.empty((image.height, image.width, 3), np.uint8)
    for rows in strips(image.height):  # else Pillow would hold a large picture three times over
        part = image.crop((0, rows.start, image.width, min(rows.stop, image.height)))
        result[rows] = np.asarray(converted(part))
    return result


def _conversion(mode: str, profile: bytes | None) -> Callable[[Image.Image], Image.Image]:
    """What converts images of ``mode`` to sRGB, of mode RGB."""
    if profile is None and mode == "LAB":
        return functools.partial(_apply, transform=_transform(ImageCms.createProfile("LAB"), "LAB"))
    if profile:
        try:
            transform = _transform(ImageCms.ImageCmsProfile(io.BytesIO(profile)), mode)
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
        else:
            if mode == "L":  # Little CMS rounds grey badly where the curve is steep, but not one by one
                ramp = np.asarray(_apply(Image.frombytes("L", (256, 1), bytes(range(256))), transform))[0]
                return lambda image: Image.fromarray(ramp[np.asarray(image)])
            # Most photos are sRGB already, under one of a dozen profiles; converting them would only round.
            if mode != "RGB" or not _is_identity(transform):
                return functools.partial(_apply, transform=transform)
    return lambda image: image.convert("RGB")


def wide_to_srgb(numbers: np.ndarray, profile: bytes | None) -> np.ndarray | None:
    """`to_srgb` of 16 bits a channel, which Pillow's Little CMS does not take.

    Args:
        numbers: uint16 ``[H, W]``, grey, or ``[H, W, 3]``.

    Returns:
        uint16 ``[H, W, 3]``; None where the profile holds tables in place of curves and a matrix.
    """
    mode = "L" if numbers.ndim == 2 else "RGB"
    three = numbers if mode == "RGB" else np.repeat(numbers[..., None], 3, axis=-1)
    if profile is None:
        return three
    try:
        transform = _transform(ImageCms.ImageCmsProfile(io.BytesIO(profile)), mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return three
    if mode == "RGB" and _is_identity(transform):
        return three
    try:
        curves, matrix = _shaper(profile, mode)
    except (KeyError, IndexError, ValueError, struct.error):
        return None
    result = np.empty_like(three)
    for rows in strips(len(three)):
        linear = np.stack([curve[three[rows, :, channel]] for channel, curve in enumerate(curves)], axis=-1)
        linear = (linear @ matrix.T).clip(0, 1)
        encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        result[rows] = encoded * 65535 + 0.5
    return result


def _shaper(profile: bytes, mode: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Of a profile, for each channel what light its 65,536 levels stand for, and the matrix from that to sRGB's."""
    tags = _tags(profile)
    if any(name.startswith(b"A2B") for name in tags):
        raise ValueError("tables")
    if mode == "L":
        return [_curve(tags[b"kTRC"])] * 3, np.eye(3)
    to_xyz, ours = _columns(tags), _columns(_tags(srgb_profile()))
    return [_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")], np.linalg.inv(ours) @ to_xyz


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * index) for index in range(count))
    return {name: profile[at : at + length] for name, at, length in entries}


def _columns(tags: dict[bytes, bytes]) -> np.ndarray:
    return np.array([struct.unpack_from(">3i", tags[name], 8) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]).T / 65536


def _curve(tag: bytes) -> np.ndarray:
    """The light, 0 to 1, of levels 0 to 65,535 (ICC.1:2022, 10.6 and 10.18)."""
    level = np.linspace(0, 1, 65536)
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        table = np.array(struct.unpack_from(f">{count}H", tag, 12))
        if count < 2:
            return level ** (table[0] / 256 if count else 1)
        return np.interp(level, np.linspace(0, 1, count), table / 65535)
    if tag[:4] != b"para":
        raise ValueError("no curve")
    (kind,) = struct.unpack_from(">H", tag, 8)
    numbers = [number / 65536 for number in struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12)]
    g, a, b, c, d, e, f = numbers + [1.0, 0.0, 0.0, 0.0, 0.0, 0.0][len(numbers) - 1 :]
    if kind == 2:
        c, e, f = 0, c, c
    if kind in (1, 2):
        d = -b / a if a else 0
    return np.where(level >= d, (a * level + b).clip(0) ** g + e, c * level + f)


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
