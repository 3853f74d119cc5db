"""Pictures and files that several test files make."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]


def noise(seed: int, width: int = 40, height: int = 32) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def ramp(width: int, height: int) -> Image.Image:
    """Red grows from left to right, green from top to bottom."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width).round()
    pixels[..., 1] = np.linspace(0, 255, height).round()[:, None]
    return Image.fromarray(pixels)


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def free_crops(size: int) -> list[np.ndarray]:
    """Squares of photos that are free of rights: scikit-image's and those of ``docs/photos``."""
    from impasto_train.photos.content import DEMO_PHOTOS, centre_crop, demo_photo
    from impasto_train.photos.picture import Photo

    kept = [Photo(file.name, file) for file in sorted((ROOT / "docs/photos").glob("*.jpg"))]
    return [centre_crop(photo, size) for photo in (*map(demo_photo, DEMO_PHOTOS), *kept)]


def smooth(height: int = 24, width: int = 36) -> np.ndarray:
    """A picture that lossy formats keep: slow ramps in each channel."""
    y, x = np.mgrid[:height, :width]
    return np.stack([60 + 3 * y, 200 - 2 * x, 80 + x + y], axis=-1).astype(np.uint8)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that promises this many pixels."""
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    struct.pack_into(">II", data, 16, width, height)
    struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    return bytes(data)


def film(path, count=3, **options):
    """Write frames that differ, the first opaque red, each of its own duration; gives their colours and durations."""
    colours, durations = [(200, 20 + 60 * i, 40 * i) for i in range(count)], [100 + 50 * i for i in range(count)]
    frames = [Image.new("RGB", (24, 16), colour) for colour in colours]
    if path.suffix != ".tif":
        options |= {"duration": durations, "loop": 2}
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    return colours, durations


def files() -> dict[str, bytes]:
    """Everything in the working folder."""
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


USELESS = {
    "notes.txt": b"not a picture",
    "empty.jpg": b"",
    "cut.png": encoded(noise(1))[:20],
    "bomb.png": bomb(10_000, 10_000),
    "icon.png": encoded(noise(2, 8, 8)),
    "script.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 50 50\n%%EndComments\n",
}
