"""Pictures in and out of files, against pixels and colours that were computed another way."""

import io
import os
import struct
import sys
import warnings
import zlib

import numpy as np
import pytest
from impasto import ImpastoError, _pictures
from impasto._color import srgb_profile
from impasto._extras import pip_line
from impasto._formats import FORMATS, Picture, format_of, to_pil
from impasto._pictures import from_pil, read_picture
from impasto._writing import write_picture
from PIL import Image, ImageCms, ImageOps
from PIL.PngImagePlugin import PngInfo

ORIENTATION, ARTIST, EXIF_IFD, GPS_IFD, WIDTH, HEIGHT = 0x0112, 0x013B, 0x8769, 0x8825, 0xA002, 0xA003


@pytest.fixture
def rgb() -> np.ndarray:
    """Noise of 24x36 px: no two pixels the same, so that nothing can be turned or cut unseen."""
    return np.random.default_rng(0).integers(0, 256, (24, 36, 3), dtype=np.uint8)


@pytest.fixture
def alpha() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (24, 36), dtype=np.uint8)


def line(source) -> str:
    """The one line that `read_picture` refuses a file with."""
    with pytest.raises(ImpastoError) as caught:
        read_picture(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def smooth(height: int = 24, width: int = 36) -> np.ndarray:
    """A picture that lossy formats keep: slow ramps in each channel."""
    y, x = np.mgrid[:height, :width]
    return np.stack([60 + 3 * y, 200 - 2 * x, 80 + x + y], axis=-1).astype(np.uint8)


# -- colours ---------------------------------------------------------------------------------------


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
    for number, embedded in enumerate([srgb_profile(), ImageCms.ImageCmsProfile(
        ImageCms.createProfile("sRGB")).tobytes(), None]):  # fmt: skip
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


@pytest.mark.parametrize("mode", ["F", "I"])
def test_numbers_of_no_known_range_are_refused(mode, tmp_path):
    path = tmp_path / "wide.tif"
    Image.new(mode, (4, 4), 1).save(path)
    assert "not supported" in line(path)
    with pytest.raises(ImpastoError, match="not supported"):
        from_pil(Image.new(mode, (4, 4)))


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


# -- orientation and EXIF --------------------------------------------------------------------------


def exif(orientation: int, **more) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    tags[ARTIST] = "a painter"
    tags.get_ifd(EXIF_IFD).update({WIDTH: 36, HEIGHT: 24, 0x829A: 0.5})
    tags.get_ifd(GPS_IFD).update({1: "N"})
    return tags


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_to_pixels_and_alpha(orientation, suffix, rgb, alpha, tmp_path):
    """A pixel's place by the words of the EXIF standard: where row 0 and column 0 are seen."""
    path = tmp_path / f"turned{suffix}"
    Image.fromarray(np.dstack([rgb, alpha])).save(path, exif=exif(orientation))
    found = read_picture(path)
    np.testing.assert_array_equal(np.dstack([found.rgb, found.alpha]), np.asarray(to_pil(found)))
    row_0, column_0 = {
        1: ("top", "left"),
        2: ("top", "right"),
        3: ("bottom", "right"),
        4: ("bottom", "left"),
        5: ("left", "top"),
        6: ("right", "top"),
        7: ("right", "bottom"),
        8: ("left", "bottom"),
    }[orientation]
    edges = {"top": found.rgb[0], "bottom": found.rgb[-1], "left": found.rgb[:, 0], "right": found.rgb[:, -1]}
    backwards = slice(None, None, -1)
    np.testing.assert_array_equal(edges[row_0], rgb[0] if column_0 in ("top", "left") else rgb[0, backwards])
    np.testing.assert_array_equal(edges[column_0], rgb[:, 0] if row_0 in ("top", "left") else rgb[backwards, 0])
    with path.open("rb") as file, Image.open(file) as image:  # given the path, Pillow garbles a TIFF of this kind
        np.testing.assert_array_equal(np.asarray(to_pil(found)), np.asarray(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
def test_what_is_written_is_upright_and_keeps_the_other_tags(suffix, tmp_path):
    path, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    Image.fromarray(smooth()).save(path, exif=exif(6).tobytes())
    picture = read_picture(path)
    assert picture.rgb.shape == (36, 24, 3)
    write_picture(out, picture)
    with Image.open(out) as image:
        image.load()
        assert image.size == (24, 36)
        tags = image.getexif()
        assert tags.get(ORIENTATION, 1) == 1
        assert tags[ARTIST] == "a painter"
        assert tags.get_ifd(EXIF_IFD)[0x829A] == 0.5
        assert tags.get_ifd(GPS_IFD) == {1: "N"}
        if suffix != ".tif":  # there Pillow has turned the picture before we see it
            assert (tags.get_ifd(EXIF_IFD)[WIDTH], tags.get_ifd(EXIF_IFD)[HEIGHT]) == (24, 36)
    np.testing.assert_allclose(read_picture(out).rgb, np.rot90(smooth(), -1), atol=12)


def test_maker_notes_keep_their_place_and_the_thumbnail_goes(tmp_path):
    """A block laid out by hand, big-endian: the orientation alone, then a thumbnail's directory, then data."""
    block = b"MM\0*" + struct.pack(">I", 8)
    block += struct.pack(">HHHIHHI", 1, ORIENTATION, 3, 1, 6, 0, 26)
    block += struct.pack(">HHHIII", 1, 0x0201, 4, 1, 44, 0) + b"maker's own bytes"
    path = tmp_path / "photo.jpg"
    Image.fromarray(smooth()).save(path, exif=b"Exif\0\0" + block)
    found = read_picture(path).exif.removeprefix(b"Exif\0\0")
    assert len(found) == len(block)
    assert [at for at in range(len(block)) if block[at] != found[at]] == [19, 25]  # the orientation, the link
    assert found[18:20] == b"\0\x01"
    assert found[22:26] == bytes(4)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff" + bytes(60),
        b"MM" * 40,
    ],
    ids=["empty", "bare", "short", "offset", "count", "nonsense"],
)
def test_broken_exif_does_not_matter(broken, rgb, tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(rgb).save(path, exif=broken)
    found = read_picture(path)
    np.testing.assert_array_equal(found.rgb, rgb)
    write_picture(path, found)


def test_exif_with_any_byte_changed_reads_or_is_dropped(tmp_path):
    good = exif(8).tobytes()
    path = tmp_path / "photo.jpg"
    for position in range(0, len(good), 3):
        bad = bytearray(good)
        bad[position] ^= 0xFF
        Image.fromarray(smooth()).save(path, exif=bytes(bad))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on the damage
            write_picture(path, read_picture(path))


# -- formats ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_comes_back_as_it_went(name, tmp_path):
    path = tmp_path / f"picture{FORMATS[name].suffixes[0]}"
    write_picture(path, Picture(smooth(), format=name))
    found = read_picture(path)
    assert (found.format, found.alpha) == (name, None)
    assert format_of(path) == name
    lossy = {"JPEG": 4, "WEBP": 12, "GIF": 12, "AVIF": 6, "HEIF": 6}.get(name, 0)
    assert np.abs(found.rgb.astype(int) - smooth()).max() <= lossy
    assert os.listdir(tmp_path) == [path.name]


def test_heic_without_its_extra_names_the_pip_line(tmp_path, rgb, monkeypatch):
    write_picture(tmp_path / "a.heic", Picture(rgb, format="HEIF"))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert f"HEIC needs one more package: {pip_line('heif')}" in line(tmp_path / "a.heic")
    with pytest.raises(ImpastoError, match="HEIC needs one more package"):
        write_picture(tmp_path / "b.heic", Picture(rgb, format="HEIF"))
    assert os.listdir(tmp_path) == ["a.heic"]


@pytest.mark.parametrize("name", FORMATS)
def test_transparency_is_kept_or_shown_on_white(name, tmp_path):
    path = tmp_path / f"picture{FORMATS[name].suffixes[0]}"
    alpha = np.zeros((24, 36), np.uint8)
    alpha[:, 18:] = 255
    write_picture(path, Picture(smooth(), alpha, name))
    found = read_picture(path)
    if FORMATS[name].alpha:
        np.testing.assert_array_equal(found.alpha, alpha)
    else:
        assert found.alpha is None
        assert found.rgb[:, :16].min() >= 250
    assert np.abs(found.rgb[:, 20:].astype(int) - smooth()[:, 20:]).max() <= 12


def test_jpeg_is_written_without_chroma_subsampling(rgb, tmp_path):
    path = tmp_path / "photo.jpg"
    write_picture(path, Picture(rgb, format="JPEG"))
    with Image.open(path) as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3


def test_a_photo_with_a_second_one_behind_it_is_a_jpeg(tmp_path):
    path = tmp_path / "phone.jpg"
    first, second = Image.fromarray(smooth()), Image.new("RGB", (8, 8))
    first.save(path, format="MPO", save_all=True, append_images=[second], quality=95)
    found = read_picture(path)
    assert (found.format, found.rgb.shape) == ("JPEG", (24, 36, 3))


def test_sizes_that_a_format_cannot_hold(tmp_path):
    for name, length in (("WEBP", 16_384), ("JPEG", 65_501)):
        with pytest.raises(ImpastoError, match="at most"):
            write_picture(tmp_path / "long", Picture(np.zeros((1, length, 3), np.uint8), format=name))
    assert os.listdir(tmp_path) == []


def test_narrow_pictures(tmp_path):
    for shape in ((1, 1, 3), (1, 20_000, 3), (20_000, 1, 3)):
        path = tmp_path / "narrow.png"
        pixels = np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)
        write_picture(path, Picture(pixels))
        np.testing.assert_array_equal(read_picture(path).rgb, pixels)


# -- what cannot be read or written ----------------------------------------------------------------


def test_missing_and_folder(tmp_path):
    missing = tmp_path / "nothing.jpg"
    assert line(missing) == f"cannot read {missing}: no such file"
    assert line(tmp_path) == f"cannot read {tmp_path}: it is a folder"


@pytest.mark.parametrize("data", [b"", b"text named .jpg", bytes(500), b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_not_a_picture(data, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    assert line(path).startswith(f"cannot read {path}: not a picture")


@pytest.mark.parametrize("name", FORMATS)
def test_truncated_anywhere(name, rgb, tmp_path):
    path = tmp_path / f"cut{FORMATS[name].suffixes[0]}"
    write_picture(path, Picture(rgb, format=name))
    data = path.read_bytes()
    for share in (0.02, 0.3, 0.6, 0.9):
        path.write_bytes(data[: int(len(data) * share)])
        assert str(path) in line(path)
    path.write_bytes(data)
    assert read_picture(path).rgb.shape == rgb.shape


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that promises this many pixels."""
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    struct.pack_into(">II", data, 16, width, height)
    struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    return bytes(data)


@pytest.mark.parametrize(("width", "height"), [(65_000, 65_000), (50_000, 30_000)])
def test_a_decompression_bomb(width, height, tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(width, height))
    before = Image.MAX_IMAGE_PIXELS
    assert "decompression bomb" in line(path)
    assert before == Image.MAX_IMAGE_PIXELS


def test_pictures_between_the_limit_of_pillow_and_ours_are_read(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(bomb(20_000, 20_000))  # more than Pillow allows; the bytes for it are missing
    assert "truncated" in line(path)


def test_just_above_our_limit(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(25_000, 20_001))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "decompression bomb" in line(path)


def film(path, count=3, **options):
    """Write frames that differ, the first opaque red, each of its own duration; gives their colours and durations."""
    colours, durations = [(200, 20 + 60 * i, 40 * i) for i in range(count)], [100 + 50 * i for i in range(count)]
    frames = [Image.new("RGB", (24, 16), colour) for colour in colours]
    if path.suffix != ".tif":
        options |= {"duration": durations, "loop": 2}
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    return colours, durations


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".avif"])
def test_animations_keep_frames_and_timing(tmp_path, suffix):
    path, again = tmp_path / f"film{suffix}", tmp_path / f"again{suffix}"
    colours, durations = film(path)
    picture = read_picture(path)
    write_picture(again, picture)
    for found in (picture, read_picture(again)):
        frames = [found, *found.later]
        assert [frame.duration for frame in frames] == durations
        for frame, colour in zip(frames, colours, strict=True):
            assert np.abs(frame.rgb.astype(int) - colour).max() <= 4
    if suffix != ".avif":  # which plays for ever
        assert picture.loop == 2
        with Image.open(again) as image:
            assert image.info["loop"] == 2


def test_frames_of_a_gif_keep_their_transparency(tmp_path):
    frames = []
    for x in (0, 8):  # a square that moves: nothing of the first may stay in the second
        pixels = np.zeros((16, 16, 4), np.uint8)
        pixels[:8, x : x + 8] = (250, 10, 10, 255)
        frames.append(Image.fromarray(pixels))
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], disposal=2, duration=80)
    write_picture(tmp_path / "b.gif", read_picture(tmp_path / "a.gif"))
    found = read_picture(tmp_path / "b.gif")
    for frame, wanted in zip((found, *found.later), frames, strict=True):
        np.testing.assert_array_equal(frame.alpha, np.asarray(wanted)[..., 3])


def test_pages_of_a_tiff_are_kept(tmp_path):
    colours, _ = film(tmp_path / "a.tif")
    write_picture(tmp_path / "b.tif", read_picture(tmp_path / "a.tif"))
    found = read_picture(tmp_path / "b.tif")
    assert [tuple(page.rgb[0, 0]) for page in (found, *found.later)] == colours
    assert found.duration is None


def test_frames_that_are_too_many_together_are_a_bomb(tmp_path, monkeypatch):
    film(tmp_path / "film.gif")
    monkeypatch.setattr(_pictures, "MAX_PIXELS", 24 * 16 * 3 - 1)
    assert "decompression bomb" in line(tmp_path / "film.gif")


# -- what else a file says -------------------------------------------------------------------------

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" dc:title="A title"/></x:xmpmeta>'


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif"])
def test_xmp_is_kept_but_for_the_orientation(tmp_path, suffix):
    path, again = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    options = {"xmp": XMP}
    if suffix == ".png":
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options = {"pnginfo": text}
    Image.fromarray(smooth()).save(path, **options)
    picture = read_picture(path)
    assert picture.xmp == XMP.replace(b'"6"', b'"1"')
    write_picture(again, picture)
    assert read_picture(again).xmp == picture.xmp
    write_picture(again, picture.stripped())
    assert read_picture(again).xmp == b""


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".bmp"])
def test_dots_per_inch_are_kept_and_turn_with_the_picture(tmp_path, suffix):
    tags = Image.Exif()
    if suffix == ".jpg":
        tags[ORIENTATION] = 6
    Image.fromarray(smooth()).save(tmp_path / f"a{suffix}", dpi=(300, 150), exif=tags.tobytes())
    write_picture(tmp_path / f"b{suffix}", read_picture(tmp_path / f"a{suffix}").stripped())
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.info["dpi"] == pytest.approx((150, 300) if suffix == ".jpg" else (300, 150), rel=1e-3)


def test_texts_of_a_png_and_the_comment_of_a_jpeg_are_kept(tmp_path):
    text = PngInfo()
    text.add_text("Author", "Ann")
    text.add_itxt("Title", "陰画", zip=True)
    Image.fromarray(smooth()).save(tmp_path / "a.png", pnginfo=text)
    Image.fromarray(smooth()).save(tmp_path / "a.jpg", comment=b"by Ann")
    for name in ("a.png", "a.jpg"):
        write_picture(tmp_path / f"kept-{name}", read_picture(tmp_path / name))
        write_picture(tmp_path / f"bare-{name}", read_picture(tmp_path / name).stripped())
    with Image.open(tmp_path / "kept-a.png") as kept, Image.open(tmp_path / "bare-a.png") as bare:
        assert kept.text == {"Author": "Ann", "Title": "陰画"}
        assert bare.text == {}
    with Image.open(tmp_path / "kept-a.jpg") as kept, Image.open(tmp_path / "bare-a.jpg") as bare:
        assert kept.info["comment"] == b"by Ann"
        assert "comment" not in bare.info


def test_quality_is_of_lossy_formats(tmp_path, rgb):
    sizes = {}
    for quality in (None, 95, 30):
        write_picture(tmp_path / "a.jpg", Picture(rgb, format="JPEG"), quality=quality)
        sizes[quality] = (tmp_path / "a.jpg").stat().st_size
        write_picture(tmp_path / "a.png", Picture(rgb), quality=quality)
        np.testing.assert_array_equal(read_picture(tmp_path / "a.png").rgb, rgb)
    assert sizes[30] < sizes[95] == sizes[None]


def test_an_open_file_is_read_and_left_open(rgb):
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    file.seek(0)
    np.testing.assert_array_equal(read_picture(file).rgb, rgb)
    assert not file.closed
    assert "the picture" in line(io.BytesIO(b"nothing"))


def test_a_place_that_cannot_be_written(rgb, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "file" / "out.png", tmp_path / "folder.png"):
        with pytest.raises(ImpastoError, match="cannot write"):
            write_picture(path, Picture(rgb))
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.png"]
    assert os.listdir(tmp_path / "folder.png") == []


def test_a_failed_write_leaves_the_old_file(rgb, tmp_path, monkeypatch):
    path = tmp_path / "out.png"
    path.write_text("what was there")

    def fail(self, place, **options):
        place.write(b"half a pict")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(ImpastoError, match="No space left"):
        write_picture(path, Picture(rgb))
    assert os.listdir(tmp_path) == ["out.png"]
    assert path.read_text() == "what was there"
