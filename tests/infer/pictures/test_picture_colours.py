"""The pixels of pictures of every kind, against colours that were computed another way."""

import io
import struct

import numpy as np
import pytest
from impasto.pictures.color import srgb_profile
from impasto.pictures.formats import FORMATS
from impasto.pictures.picture import Picture
from impasto.pictures.reading import read_picture
from impasto.pictures.writing import write_picture
from PIL import Image, ImageCms


def profile(primaries: np.ndarray, gamma: float, *, grey: bool = False) -> bytes:
    """An ICC profile (version 2) of a display with these primaries, or of grey, with a gamma curve.

    Args:
        primaries: float ``[3, 3]``, the columns being the XYZ (under D50) of red, green and blue at full.
    """

    def number(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(values) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(number, values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(79), b"wtpt": xyz(D50)}
    if grey:
        tags[b"kTRC"] = curve
    else:
        tags |= {b"rXYZ": xyz(primaries[:, 0]), b"gXYZ": xyz(primaries[:, 1]), b"bXYZ": xyz(primaries[:, 2])}
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    kind = b"GRAY" if grey else b"RGB "
    head = struct.pack(">I4xI", 128 + len(table) + len(body), 0x02100000) + b"mntr"
    head += kind + b"XYZ " + bytes(12) + b"acsp" + bytes(28) + b"".join(map(number, D50))
    return head.ljust(128, b"\0") + table + body


D50 = (0.9642, 1.0, 0.8249)
# Adobe RGB (1998) and sRGB, adapted to D50, as their specifications and profiles give them.
ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])


def encode_srgb(linear: np.ndarray) -> np.ndarray:
    """Linear light 0..1 to sRGB levels, by the formula of IEC 61966-2-1."""
    linear = linear.clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_an_rgb_profile_is_converted_to_srgb(rgb, tmp_path):
    path = tmp_path / "adobe.png"
    Image.fromarray(rgb).save(path, icc_profile=profile(ADOBE, 563 / 256))
    linear = (rgb / 255) ** (563 / 256) @ ADOBE.T
    wanted = encode_srgb(linear @ np.linalg.inv(SRGB).T)
    found = read_picture(path).rgb
    inside = (wanted > 16) & (wanted < 255)  # near black the matrix's last digits weigh
    assert np.abs(found - wanted)[inside].max() < 1.6
    assert np.abs(found.astype(int) - rgb).max() > 20  # it was not just handed through


def test_a_grey_profile_is_converted_to_srgb(tmp_path):
    path = tmp_path / "grey.png"
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(levels).save(path, icc_profile=profile(ADOBE, 1.0, grey=True))  # linear light
    found = read_picture(path).rgb
    wanted = encode_srgb(levels / 255)
    assert np.abs(found - wanted[..., None])[levels > 2].max() < 1.6


def test_srgb_by_any_profile_keeps_its_pixels(rgb, tmp_path):
    for number, embedded in enumerate(
        [srgb_profile(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), None]
    ):
        path = tmp_path / f"{number}.png"
        Image.fromarray(rgb).save(path, icc_profile=embedded)
        np.testing.assert_array_equal(read_picture(path).rgb, rgb)


@pytest.mark.parametrize(
    "broken",
    [b"nonsense", b"", profile(ADOBE, 1.8)[:200], profile(ADOBE, 1.8, grey=True), bytes(3000)],
    ids=["nonsense", "empty", "truncated", "of grey", "zeros"],
)
def test_a_profile_that_does_not_work_is_passed_over(broken, rgb, tmp_path):
    path = tmp_path / "broken.tif"
    Image.fromarray(rgb).save(path, icc_profile=broken)
    np.testing.assert_array_equal(read_picture(path).rgb, rgb)


def test_cmyk(tmp_path):
    path = tmp_path / "cmyk.jpg"
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(path, quality=100)  # no cyan, full magenta and yellow
    for embedded in (None, profile(ADOBE, 1.8)):  # the profile is of RGB, and does not apply
        Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(path, quality=100, icc_profile=embedded)
        picture = read_picture(path)
        assert picture.alpha is None
        assert np.abs(picture.rgb.astype(int) - (255, 0, 0)).max() <= 3


def test_lab(tmp_path):
    path = tmp_path / "lab.tif"
    Image.new("LAB", (4, 4), (137, 128, 128)).save(path)  # L* 53.7 of 100, a* and b* 0: sRGB 128
    found = read_picture(path).rgb
    assert np.abs(found.astype(int) - 128).max() <= 2


def test_outputs_say_that_they_are_srgb(rgb, tmp_path):
    for name, one in FORMATS.items():
        path = tmp_path / f"out{one.suffixes[0]}"
        write_picture(path, Picture(rgb, format=name))
        with Image.open(path) as image:
            assert image.info.get("icc_profile") == (srgb_profile() if one.profile else None), name


def test_the_profile_is_the_same_every_time():
    stamped = srgb_profile()
    srgb_profile.cache_clear()
    assert srgb_profile() == stamped
    assert ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(stamped))).startswith("sRGB")


# -- kinds of pixels -------------------------------------------------------------------------------


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path):
    wide = np.arange(0, 65536, 64, dtype=np.uint16).reshape(16, 64)
    wanted = np.round(wide / 257)
    for suffix in (".png", ".tif"):
        path = tmp_path / f"wide{suffix}"
        Image.fromarray(wide).save(path)
        found = read_picture(path)
        assert found.alpha is None
        np.testing.assert_array_equal(found.rgb, np.repeat(wanted[..., None], 3, axis=-1))
    path = tmp_path / "wide.pgm"
    path.write_bytes(b"P5 64 16 65535\n" + wide.astype(">u2").tobytes())
    np.testing.assert_array_equal(read_picture(path).rgb[..., 0], wanted)
    path = tmp_path / "big-endian.tif"
    Image.frombytes("I;16B", (64, 16), wide.astype(">u2").tobytes()).save(path)
    np.testing.assert_array_equal(read_picture(path).rgb[..., 0], wanted)


def test_sixteen_bit_grey_with_a_transparent_level(tmp_path):
    path = tmp_path / "wide.png"
    wide = np.array([[0, 1000, 65535]], np.uint16)
    Image.fromarray(wide).save(path, transparency=1000)
    found = read_picture(path)
    assert found.alpha is not None
    assert found.alpha.tolist() == [[255, 0, 255]]
    assert found.rgb[..., 0].tolist() == [[0, 4, 255]]


def test_grey_and_bilevel(tmp_path):
    path = tmp_path / "grey.png"
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(grey).save(path)
    np.testing.assert_array_equal(read_picture(path).rgb, np.repeat(grey[..., None], 3, axis=-1))
    Image.fromarray(grey > 100).save(path)
    np.testing.assert_array_equal(read_picture(path).rgb[..., 1], np.where(grey > 100, 255, 0))


def test_transparency_of_every_kind(rgb, alpha, tmp_path):
    path = tmp_path / "clear.png"
    grey = rgb[..., 0]

    Image.fromarray(np.dstack([rgb, alpha])).save(path)
    found = read_picture(path)
    np.testing.assert_array_equal(found.rgb, rgb)
    np.testing.assert_array_equal(found.alpha, alpha)

    Image.fromarray(np.dstack([grey, alpha])).save(path)
    found = read_picture(path)
    np.testing.assert_array_equal(found.rgb, np.dstack([grey] * 3))
    np.testing.assert_array_equal(found.alpha, alpha)

    Image.fromarray(grey).save(path, transparency=7)  # one level is clear
    found = read_picture(path)
    np.testing.assert_array_equal(found.alpha, np.where(grey == 7, 0, 255))

    Image.fromarray(rgb).save(path, transparency=tuple(rgb[3, 5].tolist()))  # one colour is clear
    found = read_picture(path)
    assert found.alpha is not None
    assert found.alpha[3, 5] == 0
    assert (found.alpha == 0).sum() == 1

    palette = Image.fromarray(np.arange(4, dtype=np.uint8).reshape(2, 2), "L").convert("P")
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 1, 2, 3])
    palette.save(path, transparency=bytes([255, 128, 0, 9]))  # an alpha for each colour
    found = read_picture(path)
    assert found.rgb.reshape(-1, 3).tolist() == [[10, 20, 30], [40, 50, 60], [70, 80, 90], [1, 2, 3]]
    assert found.alpha.ravel().tolist() == [255, 128, 0, 9]


def test_a_grey_profile_applies_under_transparency(alpha, tmp_path):
    path = tmp_path / "grey.png"
    grey = np.full((24, 36), 50, np.uint8)
    Image.fromarray(np.dstack([grey, alpha])).save(path, icc_profile=profile(ADOBE, 1.0, grey=True))
    found = read_picture(path)
    np.testing.assert_array_equal(found.alpha, alpha)
    assert np.abs(found.rgb - encode_srgb(np.array(50 / 255))).max() < 1.6
