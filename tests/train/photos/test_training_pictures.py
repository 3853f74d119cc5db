"""One picture as a training sees it: a photo cut to its size, and the style."""

from pathlib import Path

import numpy as np
import pytest
from impasto.common.errors import ImpastoError
from impasto_train.photos.content import centre_crop, read_style
from impasto_train.photos.picture import Photo
from PIL import Image
from samples import encoded, noise, ramp


@pytest.mark.parametrize("shape", [(300, 200), (200, 300), (17, 500), (64, 64), (20, 20)])
def test_centre_crop(tmp_path: Path, shape: tuple[int, int]) -> None:
    ramp(*shape).save(tmp_path / "a.png")
    crop = centre_crop(Photo("a", tmp_path / "a.png"), 64)
    assert crop.shape == (64, 64, 3)
    assert crop[..., :2].mean((0, 1)) == pytest.approx((127.5, 127.5), abs=1)  # the centre of the ramp
    extent = min(shape) / np.array(shape) * 255 * 63 / 64
    assert crop[:, -1, 0].mean() - crop[:, 0, 0].mean() == pytest.approx(extent[0], abs=5)
    assert crop[-1, :, 1].mean() - crop[0, :, 1].mean() == pytest.approx(extent[1], abs=5)


def test_jpegs_decoded_small_look_like_jpegs_decoded_whole(tmp_path: Path) -> None:
    smooth = noise(0, 24, 16).resize((1200, 800), Image.Resampling.BICUBIC)
    smooth.save(tmp_path / "a.jpg", quality=95)
    smooth.save(tmp_path / "a.png")
    small, whole = (centre_crop(Photo("a", tmp_path / name), 128).astype(int) for name in ("a.jpg", "a.png"))
    assert np.abs(small - whole).mean() < 2


def test_a_held_out_photo_that_went_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImpastoError, match="cannot read the photo gone"):
        centre_crop(Photo("gone", tmp_path / "gone.png"), 64)


def kinds() -> dict[str, tuple[Image.Image, str, dict[str, object]]]:
    """The same picture, red on the left and blue on the right half, in all kinds of files."""
    rgb = Image.new("RGB", (48, 32), (200, 40, 40))
    rgb.paste((40, 40, 200), (24, 0, 48, 32))
    grey = rgb.convert("L")
    clear = rgb.convert("RGBA")
    clear.putalpha(Image.new("L", rgb.size, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying; to be turned by 90 degrees clockwise
    wide = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    return {
        "rgb": (rgb, "PNG", {}),
        "cmyk": (rgb.convert("CMYK"), "JPEG", {"quality": 100}),
        "palette": (rgb.quantize(4), "PNG", {}),
        "turned": (rgb.transpose(Image.Transpose.ROTATE_90), "JPEG", {"exif": exif, "quality": 100}),
        "opaque": (rgb.convert("RGBA"), "PNG", {}),
        "clear": (clear, "PNG", {}),
        "grey": (grey, "JPEG", {"quality": 100}),
        "16 bits": (wide, "PNG", {}),
        "bits": (Image.new("1", (48, 32), 1), "PNG", {}),
    }


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_of_picture_becomes_rgb(tmp_path: Path, kind: str) -> None:
    image, format, options = kinds()[kind]
    path = tmp_path / "picture"
    path.write_bytes(encoded(image, format, **options))
    colours = {
        "grey": [(88, 88, 88), (58, 58, 58)],
        "16 bits": [(88, 88, 88), (58, 58, 58)],
        "clear": [(255, 255, 255)] * 2,  # what is transparent shows white
        "bits": [(255, 255, 255)] * 2,
    }.get(kind, [(200, 40, 40), (40, 40, 200)])
    pixels = read_style(path, None)
    assert pixels.shape == (32, 48, 3)
    assert pixels.dtype == np.uint8
    assert pixels[16, 8] == pytest.approx(colours[0], abs=3)
    assert pixels[16, 40] == pytest.approx(colours[1], abs=3)
    crop = centre_crop(Photo("picture", path), 32)
    assert crop[16, 4] == pytest.approx(colours[0], abs=3)
    assert crop[16, 28] == pytest.approx(colours[1], abs=3)


def test_half_transparency_is_laid_over_white(tmp_path: Path) -> None:
    Image.new("RGBA", (20, 20), (0, 100, 200, 102)).save(tmp_path / "a.png")
    assert read_style(tmp_path / "a.png", None)[10, 10] == pytest.approx((153, 193, 233), abs=1)


def test_the_style_is_brought_to_its_size(tmp_path: Path) -> None:
    ramp(300, 200).save(tmp_path / "a.png")
    assert read_style(tmp_path / "a.png", None).shape == (200, 300, 3)
    assert read_style(tmp_path / "a.png", 64).shape == (64, 96, 3)
    assert read_style(str(tmp_path / "a.png"), 400).shape == (400, 600, 3)
    small = read_style(tmp_path / "a.png", 64).astype(float)
    assert small.mean((0, 1)) == pytest.approx((127.5, 127.5, 0), abs=1)


def test_bad_style_pictures_are_refused_in_one_line(tmp_path: Path) -> None:
    whole = encoded(noise(0, 200, 200), "JPEG")
    bad = {
        "cut.jpg": (whole[: len(whole) // 2], "truncated"),
        "words.jpg": (b"not a picture", "not a picture"),
        "tiny.png": (encoded(noise(0, 200, 15)), "has a side of 15 px; at least 16"),
        "empty.png": (b"", "not a picture"),
    }
    for name, (content, message) in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImpastoError, match=rf"^--style: .*{message}") as caught:
            read_style(tmp_path / name, 64)
        assert "\n" not in str(caught.value)
    with pytest.raises(ImpastoError, match="folder"):
        read_style(tmp_path, 64)
    with pytest.raises(ImpastoError, match="no such file"):
        read_style(tmp_path / "missing.png", 64)


def test_a_strip_is_no_style(tmp_path):
    Image.new("RGB", (2000, 20)).save(tmp_path / "strip.png")
    with pytest.raises(ImpastoError, match="times as long as wide; crop it"):
        read_style(tmp_path / "strip.png", 384)
