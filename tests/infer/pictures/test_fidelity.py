"""What docs/fidelity.md says is kept: bits, compression, IPTC, and what Stylizer's images say of themselves."""

import io
import struct
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from impasto import Stylizer
from impasto.painting.look import Look
from impasto.pictures.color import srgb_profile
from impasto.pictures.formats import format_of
from impasto.pictures.picture import Picture, shrunk
from impasto.pictures.pixels import narrowed
from impasto.pictures.reading import from_pil, read_picture
from impasto.pictures.writing import write_picture
from PIL import Image
from samples import smooth
from test_picture_colours import ADOBE, SRGB, encode_srgb, profile

EXIF_IFD, GPS_IFD, EXPOSURE, ARTIST = 0x8769, 0x8825, 0x829A, 0x013B
IPTC = b"\x1c\x02\x78\0\x09a caption"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description dc:title="A title"/></x:xmpmeta>'


@pytest.fixture
def stylize(model):
    return Stylizer(model, device="cpu")


def ramp(channels: int = 3) -> np.ndarray:
    """uint16 ``[24, 300, C]`` in steps far smaller than a level of 255."""
    row = np.linspace(20_000, 24_000, 300)
    return np.stack([np.tile(row + 700 * c, (24, 1)) for c in range(channels)], axis=-1).round().astype(np.uint16)


def png(pixels: np.ndarray, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of uint16 ``[H, W, C]``, by the standard."""
    height, width, channels = pixels.shape
    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = np.insert(pixels.astype(">u2").view(np.uint8).reshape(height, -1), 0, 0, axis=1)
    written = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")):
        written += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return written


def pixels_of(path) -> np.ndarray:
    """What a 16-bit PNG or TIFF holds, uint16 ``[H, W, C]``, without Pillow."""
    if path.suffix == ".tif":
        return tifffile.imread(path)
    data, at, packed = path.read_bytes(), 8, b""
    width, height, depth, kind = struct.unpack_from(">IIBB", data, 16)
    assert depth == 16
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        packed += data[at + 8 : at + 8 + length] if name == b"IDAT" else b""
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, -1)
    assert (rows[:, 0] == 2).all()  # each is what it adds to the one above
    summed = np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8)
    return summed.view(">u2").reshape(height, width, {2: 3, 6: 4}[kind]).astype(np.uint16)


def write_wide(path, pixels: np.ndarray, order: str = "<", **options) -> None:
    if path.suffix == ".png":
        path.write_bytes(png(pixels))
    else:
        extra = {"extrasamples": ["unassalpha"]} if pixels.shape[2] == 4 else {}
        tifffile.imwrite(path, pixels, photometric="rgb", byteorder=order, **extra, **options)


# -- 16 bits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".png", {}),
        (".tif", {}),
        (".tif", {"order": ">"}),
        (".tif", {"compression": "zlib"}),
        (".tif", {"compression": "zlib", "predictor": True}),
        (".tif", {"compression": "zlib", "order": ">"}),
    ],
)
def test_sixteen_bits_come_back(suffix, options, channels, tmp_path):
    wide = np.random.default_rng(0).integers(0, 65536, (600, 31, channels), dtype=np.uint16)
    wide[..., 3:] = wide[..., 3:] // 257 * 257  # alpha is kept in 8 bits
    write_wide(tmp_path / f"in{suffix}", wide, **options)
    found = read_picture(tmp_path / f"in{suffix}")
    np.testing.assert_array_equal(found.wide, wide[..., :3])
    np.testing.assert_array_equal(found.rgb, np.round(wide[..., :3] / 257))
    write_picture(tmp_path / f"out{suffix}", found)
    np.testing.assert_array_equal(pixels_of(tmp_path / f"out{suffix}"), wide)
    np.testing.assert_array_equal(read_picture(tmp_path / f"out{suffix}").wide, wide[..., :3])


def test_sixteen_bits_of_grey_and_of_pages(tmp_path):
    wide = ramp(1)[..., 0]
    Image.fromarray(wide).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "grey.png").wide, np.dstack([wide] * 3))
    pages = np.stack([ramp(), ramp()[:, ::-1]])
    tifffile.imwrite(tmp_path / "pages.tif", pages, photometric="rgb")
    write_picture(tmp_path / "out.tif", read_picture(tmp_path / "pages.tif"))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif", key=(0, 1)), pages)


def test_sixteen_bits_by_a_profile_of_curves_and_a_matrix(tmp_path):
    wide = np.random.default_rng(0).integers(0, 65536, (40, 60, 3), dtype=np.uint16)
    packed = b"icc\0\0" + zlib.compress(profile(ADOBE, 563 / 256))
    (tmp_path / "adobe.png").write_bytes(png(wide, (b"iCCP", packed)))
    found = read_picture(tmp_path / "adobe.png").wide
    linear = (wide / 65535) ** (563 / 256) @ ADOBE.T
    wanted = 257 * encode_srgb(linear @ np.linalg.inv(SRGB).T)
    inside = (wanted > 16 * 257) & (wanted < 65535)
    assert np.abs(found - wanted)[inside].max() < 100  # of 65,535, by the matrix's last digits


def curve(kind: int, numbers: list[float]) -> bytes:
    return (
        b"para"
        + bytes(4)
        + struct.pack(">HH", kind, 0)
        + b"".join(struct.pack(">i", round(n * 65536)) for n in numbers)
    )


def with_tag(whole: bytes, old: bytes, name: bytes, tag: bytes) -> bytes:
    """An ICC profile whose tags ``old`` are replaced."""
    (count,) = struct.unpack_from(">I", whole, 128)
    changed = bytearray(whole + tag)
    for at in range(132, 132 + 12 * count, 12):
        if whole[at : at + 4].endswith(old):
            struct.pack_into(">4sII", changed, at, name or whole[at : at + 4], len(whole), len(tag))
    struct.pack_into(">I", changed, 0, len(changed))
    return bytes(changed)


@pytest.mark.parametrize(
    "tag",
    [
        curve(0, [1.8]),
        curve(1, [2.0, 1.1, -0.1]),
        curve(2, [2.0, 0.9, 0.1, -0.01]),
        curve(3, [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045]),
        curve(4, [2.2, 0.95, 0.05, 0.1, 0.05, 0.0, 0.0]),
        b"curv" + bytes(4) + struct.pack(">I", 0),
        b"curv" + bytes(4) + struct.pack(">I5H", 5, 0, 4000, 16000, 36000, 65535),
    ],
    ids=["para0", "para1", "para2", "para3", "para4", "identity", "table"],
)
def test_a_profile_means_the_same_in_16_bits_as_in_8(tag, tmp_path):
    changed = with_tag(profile(ADOBE, 1.0), b"TRC", b"", tag)
    rgb = np.random.default_rng(0).integers(40, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "narrow.png", icc_profile=changed)
    packed = b"icc\0\0" + zlib.compress(changed)
    (tmp_path / "wide.png").write_bytes(png(rgb.astype(np.uint16) * 257, (b"iCCP", packed)))
    narrow, wide = (read_picture(tmp_path / name) for name in ("narrow.png", "wide.png"))
    assert narrow.wide is None
    assert wide.wide is not None
    assert np.abs(narrow.rgb.astype(int) - rgb).max() > 10
    assert np.abs(narrow.rgb.astype(int) - wide.rgb).max() <= 1


def test_a_profile_of_tables_is_applied_in_8_bits(tmp_path):
    corners = [ADOBE @ (r, g, b) for r in (0, 1) for g in (0, 1) for b in (0, 1)]  # linear in between
    table = b"mft2" + bytes(4) + bytes([3, 3, 2, 0]) + struct.pack(">9i", *np.eye(3, dtype=int).ravel() * 65536)
    table += struct.pack(">HH6H", 2, 2, *[0, 65535] * 3)
    table += (np.array(corners) * 32768).round().astype(">u2").tobytes() + struct.pack(">6H", *[0, 65535] * 3)
    packed = b"icc\0\0" + zlib.compress(with_tag(profile(ADOBE, 1.0), b"desc", b"A2B0", table))
    (tmp_path / "tables.png").write_bytes(png(ramp(), (b"iCCP", packed)))
    found = read_picture(tmp_path / "tables.png")
    assert found.wide is None
    wanted = encode_srgb((ramp() / 65535) @ ADOBE.T @ np.linalg.inv(SRGB).T)
    assert np.abs(found.rgb - wanted).max() < 3


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_no_bands_where_the_photo_shines_through(suffix, stylize, tmp_path):
    """A ramp of 4,000 steps: the photo itself at strength 0 and under a mask, and as many steps in between."""
    write_wide(tmp_path / f"in{suffix}", ramp())
    picture = read_picture(tmp_path / f"in{suffix}")
    mask = np.zeros((24, 300), np.uint8)
    for look in (Look(0.0), Look(1.0, mask=mask)):
        write_picture(tmp_path / f"out{suffix}", stylize.restyle(picture, look))
        np.testing.assert_array_equal(pixels_of(tmp_path / f"out{suffix}"), ramp())
    for look in (Look(0.25), Look(1.0, mask=mask + np.uint8(64)), Look(0.25, stroke=2)):
        painted = stylize.restyle(picture, look).wide
        assert len(np.unique(painted[..., 0])) > 150, look
    np.testing.assert_array_equal(stylize.restyle(picture, Look()).wide, (255 - picture.rgb).astype(np.uint16) * 257)


def test_a_batch_becomes_eight_bits_in_little_memory():
    wide = np.random.default_rng(0).integers(0, 65536, (1, 3000, 100, 3), dtype=np.uint16)
    tracemalloc.start()
    try:
        narrow = narrowed(wide)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(narrow, np.round(wide / 257))
    assert peak < 2.5 * narrow.nbytes


def test_sixteen_bits_through_resizing(tmp_path):
    write_wide(tmp_path / "a.png", ramp(4))
    picture = read_picture(tmp_path / "a.png")
    small = shrunk(picture, 150)
    assert small.wide.shape == (12, 150, 3)
    wanted = ramp()[::2, ::2]
    assert np.abs(small.wide[2:-2, 4:-4].astype(int) - wanted[2:-2, 4:-4]).max() < 40
    assert len(np.unique(small.wide[..., 0])) == 150


def test_sixteen_bits_and_alpha_are_resized_in_little_memory():
    random = np.random.default_rng(0)
    wide = random.integers(0, 65536, (3000, 200, 3), dtype=np.uint16)
    picture = Picture(narrowed(wide), random.integers(0, 256, wide.shape[:2], dtype=np.uint8), wide=wide)
    tracemalloc.start()
    try:
        small = shrunk(picture, 1500)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert small.wide.shape == (1500, 100, 3)
    assert peak < 4 * wide.nbytes


# -- compression -----------------------------------------------------------------------------------


def tags() -> Image.Exif:
    exif = Image.Exif()
    exif[ARTIST] = "a painter"
    exif.get_ifd(EXIF_IFD).update({EXPOSURE: 0.5})
    exif.get_ifd(GPS_IFD).update({1: "N"})
    return exif


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd"])
def test_a_tiff_keeps_its_compression_and_its_tags(compression, tmp_path):
    packed = {} if compression == "raw" else {"compression": compression}
    Image.fromarray(smooth()).save(tmp_path / "photo.tif", **packed, dpi=(300, 150))
    exif = io.BytesIO()
    Image.fromarray(smooth()).save(exif, "JPEG", exif=tags())
    told = read_picture(io.BytesIO(exif.getvalue()))
    found = read_picture(tmp_path / "photo.tif")
    write_picture(tmp_path / "out.tif", replace(found, exif=told.exif, xmp=XMP, iptc=IPTC))
    with Image.open(tmp_path / "out.tif") as image:
        image.load()
        assert image.info["compression"] == compression
        assert image.getexif()[ARTIST] == "a painter"
        assert image.getexif().get_ifd(EXIF_IFD)[EXPOSURE] == 0.5
        assert image.getexif().get_ifd(GPS_IFD) == {1: "N"}
        assert image.info["dpi"] == (300, 150)
        assert image.info["icc_profile"] == srgb_profile()
    again = read_picture(tmp_path / "out.tif")
    assert (again.xmp, again.iptc) == (XMP, IPTC)
    assert np.abs(again.rgb.astype(int) - smooth()).max() <= (4 if compression == "jpeg" else 0)


@pytest.mark.parametrize(
    "layout", [{256: 80, 257: 60}, {262: 6}, {284: 2}, {320: (0, 0, 0)}, {338: (0,)}], ids=lambda tags: str([*tags])
)
def test_a_tiff_of_a_jpeg_does_not_take_over_what_its_exif_says_of_its_layout(layout, rgb, tmp_path):
    exif = Image.Exif()
    exif.update(layout | {ARTIST: "A. N. Other"})  # as photo editors and phones write them
    Image.fromarray(rgb).save(tmp_path / "photo.jpg", exif=exif)
    photo = shrunk(read_picture(tmp_path / "photo.jpg"), 40)
    write_picture(tmp_path / "result.tif", replace(photo, format="TIFF"))
    np.testing.assert_array_equal(read_picture(tmp_path / "result.tif").rgb, photo.rgb)
    with Image.open(tmp_path / "result.tif") as result:
        assert result.getexif()[ARTIST] == "A. N. Other"


def test_a_tag_of_an_odd_type_is_left_out_of_a_tiff(rgb, tmp_path):
    software = struct.pack("<HHIf", 0x0131, 11, 1, 2.5)  # a program's name as a number
    artist = struct.pack("<HHI4s", ARTIST, 2, 3, b"me")
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + software + artist + bytes(4)
    Image.fromarray(rgb).save(tmp_path / "photo.jpg", exif=exif)
    write_picture(tmp_path / "result.tif", replace(read_picture(tmp_path / "photo.jpg"), format="TIFF"))
    with Image.open(tmp_path / "result.tif") as result:
        assert (result.getexif()[ARTIST], 0x0131 in result.getexif()) == ("me", False)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
def test_only_a_jpeg_leaves_long_metadata_out(suffix, rgb, tmp_path):
    exif = Image.Exif()
    exif[ARTIST] = "artist" * 12_000
    long = replace(from_pil(Image.fromarray(rgb)), format=format_of(f"x{suffix}"))
    long = replace(long, exif=b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0"), xmp=XMP + b" " * 70_000)
    write_picture(tmp_path / f"result{suffix}", replace(long, comment=b"a comment" * 8_000))
    with Image.open(tmp_path / f"result{suffix}") as result:
        kept = ARTIST in result.getexif(), bool(result.info.get("xmp")), "comment" in result.info
    assert kept == ((False,) * 3 if suffix == ".jpg" else (True, True, False))


def test_a_fax_becomes_deflate(tmp_path):
    Image.new("1", (40, 30)).save(tmp_path / "fax.tif", compression="group4")
    write_picture(tmp_path / "out.tif", read_picture(tmp_path / "fax.tif"))
    with Image.open(tmp_path / "out.tif") as image:
        assert image.info["compression"] == "tiff_adobe_deflate"


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("frames", [1, 2])
def test_a_lossless_webp_stays_lossless(lossless, frames, rgb, stylize, tmp_path):
    images = [Image.fromarray(np.roll(rgb, index)) for index in range(frames)]
    images[0].save(
        tmp_path / "in.webp", lossless=lossless, save_all=True, append_images=images[1:], exif=tags(), duration=100
    )
    painted = stylize.restyle(read_picture(tmp_path / "in.webp"), Look())
    write_picture(tmp_path / "out.webp", painted, quality=40)
    assert (b"VP8L" in (tmp_path / "out.webp").read_bytes()) == lossless
    same = np.array_equal(read_picture(tmp_path / "out.webp").rgb, painted.rgb)
    assert same == lossless


# -- what files and images say ---------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_iptc_is_kept(suffix, tmp_path):
    if suffix == ".jpg":
        block = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC
        options = {"extra": b"\xff\xed" + struct.pack(">H", 2 + len(block)) + block}
    else:
        options = {"tiffinfo": {33723: IPTC}}
    Image.fromarray(smooth()).save(tmp_path / f"in{suffix}", **options)
    picture = read_picture(tmp_path / f"in{suffix}")
    assert picture.iptc == IPTC
    write_picture(tmp_path / f"out{suffix}", picture)
    assert read_picture(tmp_path / f"out{suffix}").iptc == IPTC
    write_picture(tmp_path / f"out{suffix}", picture.stripped())
    assert read_picture(tmp_path / f"out{suffix}").iptc == b""


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_images_of_stylizer_say_what_the_photo_said(suffix, stylize, tmp_path):
    path = tmp_path / f"photo{suffix}"
    Image.fromarray(smooth()).save(path, exif=tags(), dpi=(300, 150), icc_profile=profile(ADOBE, 2.2))
    with Image.open(path) as image:
        made = [stylize(path), stylize(image)]
    for result in made:
        assert result.info["icc_profile"] == srgb_profile()
        assert result.info["dpi"] == pytest.approx((300, 150), rel=1e-3)
        assert result.getexif()[ARTIST] == "a painter"
    result.save(tmp_path / "again.jpg", exif=result.info["exif"], dpi=result.info["dpi"])
    again = read_picture(tmp_path / "again.jpg")
    assert (again.dpi, again.exif) == (pytest.approx((300, 150)), result.info["exif"])
    assert stylize(Image.fromarray(smooth())).info == {"icc_profile": srgb_profile()}
