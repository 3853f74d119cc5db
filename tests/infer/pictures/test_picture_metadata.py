"""What a file says beside its pixels: orientation and other EXIF, XMP, dots per inch, texts and comments."""

import struct
import warnings
from dataclasses import replace

import numpy as np
import pytest
from impasto.pictures.exif import with_density
from impasto.pictures.formats import format_of
from impasto.pictures.picture import to_pil
from impasto.pictures.reading import read_picture
from impasto.pictures.writing import write_picture
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo
from samples import smooth

ORIENTATION, ARTIST, EXIF_IFD, GPS_IFD, WIDTH, HEIGHT = 0x0112, 0x013B, 0x8769, 0x8825, 0xA002, 0xA003
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" dc:title="A title"/></x:xmpmeta>'


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


def turns(pixels):
    """A picture in each of the eight orientations."""
    return [np.rot90(each, count) for each in (pixels, pixels[:, ::-1]) for count in range(4)]


def alike(first, second):
    return first.shape == second.shape and np.allclose(first, second, atol=12)


def test_exif_with_any_byte_changed_reads_or_is_dropped(tmp_path):
    good = exif(8).tobytes()
    path = tmp_path / "photo.jpg"
    for position in range(0, len(good), 3):
        bad = bytearray(good)
        bad[position] ^= 0xFF
        Image.fromarray(smooth()).save(path, exif=bytes(bad))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on the damage
            found = read_picture(path)
            write_picture(path, found)
            again = read_picture(path)
        assert any(alike(found.rgb, turned) for turned in turns(smooth()))
        assert alike(again.rgb, found.rgb)  # turned once
        assert again.exif == found.exif


# -- XMP, dots per inch, texts and comments --------------------------------------------------------


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


@pytest.mark.parametrize("order", [None, "<", ">"])
@pytest.mark.parametrize("suffix", [".webp", ".avif", ".heic"])
def test_dots_per_inch_go_into_exif_where_a_format_has_no_other_place(tmp_path, suffix, order):
    tags = Image.Exif()
    if order:
        tags.endian = order
        tags[ARTIST] = "a painter"
        tags.get_ifd(EXIF_IFD)[0x829A] = 0.5
    Image.fromarray(smooth()).save(tmp_path / "a.jpg", dpi=(300, 150), exif=tags.tobytes() if order else b"")
    picture = replace(read_picture(tmp_path / "a.jpg"), format=format_of(f"b{suffix}"))
    write_picture(tmp_path / f"b{suffix}", picture)
    found = Image.Exif()
    found.load(read_picture(tmp_path / f"b{suffix}").exif)
    assert [found[tag] for tag in (282, 283, 296)] == [300, 150, 2]
    assert (found.get(ARTIST), found.get_ifd(EXIF_IFD).get(0x829A)) == (("a painter", 0.5) if order else (None, None))
    stated = with_density(picture.exif, (72.5, 72))  # what the file says stays
    assert with_density(stated, (300, 150)) == stated
    assert with_density(b"no EXIF", (300, 150)) == b"no EXIF"


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


def test_a_tiff_that_says_nothing_of_its_density(tmp_path):
    path = tmp_path / "a.tif"
    Image.new("RGB", (4, 4)).save(path)
    assert read_picture(path).dpi is None
    Image.new("RGB", (4, 4)).save(path, dpi=(200, 100))
    assert read_picture(path).dpi == (200, 100)
