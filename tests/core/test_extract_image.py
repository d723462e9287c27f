"""Reading pictures: every format, their metadata, and how alike they look."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms, ImageDraw, ImageEnhance, ImageFile, ImageFilter

from core.errors import UnreadableError
from core.extract import image as image_module
from core.extract import look_alike
from core.extract.exif import camera_name, wall_clock
from core.extract.registry import read
from core.search.hashes import NEAR_COPY_BITS
from core.types import Extraction, Kind
from tests.benchmarks.inputs import with_preview
from tests.core.heic_maker import write_heic


def scene(width: int = 320, height: int = 240, seed: int = 0) -> Image.Image:
    """A picture with a sky, a ground and a few things, different on all sides and for every seed."""
    random = np.random.default_rng(seed)
    picture = Image.new("RGB", (width, height), tuple(random.integers(120, 255, 3).tolist()))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, height * 2 // 3, width, height), fill=tuple(random.integers(0, 120, 3).tolist()))
    for _ in range(5):
        x, y = random.integers(0, width), random.integers(0, height)
        size = int(random.integers(width // 12, width // 4))
        draw.ellipse((x, y, x + size, y + size * 2 // 3), fill=tuple(random.integers(0, 255, 3).tolist()))
    draw.polygon([(0, 0), (width // 4, 0), (0, height // 3)], fill="red")
    return picture


def save(path: Path, picture: Image.Image, form: str, **options: object) -> Path:
    picture.save(path, form, **options)
    return path


def preview(extraction: Extraction) -> Image.Image:
    assert extraction.preview is not None
    return Image.open(io.BytesIO(extraction.preview))


def descriptor(extraction: Extraction) -> np.ndarray:
    assert extraction.look_alike is not None
    return np.frombuffer(extraction.look_alike, "<f4")


def differing_bits(one: int, other: int) -> int:
    return (one ^ other).bit_count()


FORMS = [
    ("JPEG", "jpg"), ("PNG", "png"), ("GIF", "gif"), ("WEBP", "webp"), ("TIFF", "tif"), ("BMP", "bmp"),
    ("AVIF", "avif"), ("JPEG2000", "jp2"), ("TGA", "tga"), ("PCX", "pcx"), ("PPM", "ppm"), ("ICNS", "icns"),
    ("ICO", "ico"), ("SGI", "sgi"), ("DDS", "dds"), ("QOI", "qoi"), ("DIB", "dib"), ("IM", "im"), ("MPO", "jpg"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "extension"), FORMS)
def test_every_format_shows_the_same_picture(tmp_path: Path, form: str, extension: str) -> None:
    original = scene(256, 256)
    path = save(tmp_path / f"a.{extension}", original, form)
    extraction = read(path)
    assert extraction.kind is Kind.PHOTO
    with Image.open(path) as stored:  # icons come in several sizes; the largest counts
        assert (extraction.metadata.width, extraction.metadata.height) == stored.size
    assert float(descriptor(extraction) @ look_alike.describe(original)) > 0.97
    assert differing_bits(extraction.phash or 0, look_alike.perceptual_hash(original)) <= NEAR_COPY_BITS


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_pixel_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    grey = scene(300, 200).convert("L")
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(grey, np.uint16) * 257)
    elif mode in ("I", "F"):
        picture = Image.fromarray(
            np.asarray(grey).astype(np.int32) * 16 if mode == "I" else np.asarray(grey) / np.float32(255)
        )
    else:
        picture = scene(300, 200).convert(mode)
    extraction = read(save(tmp_path / "a.tif", picture, "TIFF"))
    shown = preview(extraction)
    assert shown.mode == "RGB"
    # Blurred, for a picture of black and white dots is grey from afar.
    near, far = (np.asarray(one.convert("L").filter(ImageFilter.BoxBlur(5)), int) for one in (shown, grey))
    assert np.abs(near - far).mean() < 8, "the picture is neither black nor inverted nor washed out"


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (100, 100), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (0, 0, 50, 100))
    forms = [
        ("a.png", "PNG", picture),
        ("b.png", "PNG", picture.quantize()),
        ("c.png", "PNG", picture.convert("LA")),
        ("d.gif", "GIF", picture),
        ("e.webp", "WEBP", picture),
    ]
    for name, form, transparent in forms:
        shown = preview(read(save(tmp_path / name, transparent, form)))
        assert min(shown.getpixel((80, 50))) > 245, name  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("size", "thumbnail", "shown"),
    [
        ((4000, 3000), (256, 192), (512, 384)),
        ((300, 1200), (64, 256), (128, 512)),
        ((40, 30), (40, 30), (40, 30)),
        ((6000, 1), (256, 1), (512, 1)),
    ],
)
def test_sizes(tmp_path: Path, size: tuple[int, int], thumbnail: tuple[int, int], shown: tuple[int, int]) -> None:
    extraction = read(save(tmp_path / "a.jpg", scene(*size) if min(size) > 8 else Image.new("RGB", size), "JPEG"))
    assert extraction.thumbnail is not None
    assert Image.open(io.BytesIO(extraction.thumbnail)).size == thumbnail
    assert preview(extraction).size == shown
    assert (extraction.metadata.width, extraction.metadata.height) == size


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("form", "extension"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("TIFF", "tif"), ("AVIF", "avif")]
)
def test_orientation_is_applied_once(tmp_path: Path, orientation: int, form: str, extension: str) -> None:
    upright = scene(320, 200)
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = upright.transpose(turns[orientation]) if orientation in turns else upright
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    extraction = read(save(tmp_path / f"a.{extension}", stored, form, exif=exif))
    assert (extraction.metadata.width, extraction.metadata.height) == (320, 200)
    assert preview(extraction).size == (320, 200)
    assert float(descriptor(extraction) @ look_alike.describe(upright)) > 0.97


@pytest.mark.parametrize("quarter_turns", range(4))
def test_a_phones_heic_is_turned_once(tmp_path: Path, quarter_turns: int) -> None:
    stored = scene(320, 192)
    extraction = read(write_heic(tmp_path / "IMG_0001.HEIC", stored, quarter_turns=quarter_turns))
    upright = stored.rotate(90 * quarter_turns, expand=True)
    assert extraction.media_type == "image/heif"
    assert (extraction.metadata.width, extraction.metadata.height) == upright.size
    assert preview(extraction).size == upright.size
    assert float(descriptor(extraction) @ look_alike.describe(upright)) > 0.95


def test_exif_facts(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Canon"
    exif[ExifTags.Base.Model] = "Canon EOS 5D"
    exif[ExifTags.Base.DateTime] = "2024:05:06 07:08:09"
    exif[ExifTags.Base.ImageDescription] = "Boats  in the\nharbour"
    exif[ExifTags.Base.Artist] = "Ann"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2023:01:02 03:04:05"
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitude], place[ExifTags.GPS.GPSLatitudeRef] = (33.0, 51.0, 36.0), "S"
    place[ExifTags.GPS.GPSLongitude], place[ExifTags.GPS.GPSLongitudeRef] = (151.0, 12.0, 0.0), "E"
    metadata = read(save(tmp_path / "a.jpg", scene(), "JPEG", exif=exif)).metadata
    assert metadata.taken_at == "2023-01-02T03:04:05"
    assert metadata.camera == "Canon EOS 5D"
    assert metadata.title == "Boats in the harbour"
    assert metadata.author == "Ann"
    assert metadata.latitude == pytest.approx(-33.86)
    assert metadata.longitude == pytest.approx(151.2)


def test_half_a_place_is_none(tmp_path: Path) -> None:
    exif = Image.Exif()
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitude], place[ExifTags.GPS.GPSLatitudeRef] = (33.0, 51.0, 36.0), "S"
    metadata = read(save(tmp_path / "a.jpg", scene(), "JPEG", exif=exif)).metadata
    assert metadata.latitude is None
    assert metadata.longitude is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024:05:06 07:08:09", "2024-05-06T07:08:09"),
        ("2024:05:06 07:08:09.123+02:00", "2024-05-06T07:08:09"),
        ("2024-05-06", "2024-05-06"),
        (b"2024:05:06 07:08:09\0", "2024-05-06T07:08:09"),
        ("0000:00:00 00:00:00", None),
        ("2024:13:45 00:00:00", None),
        ("    :  :     :  :  ", None),
        (None, None),
        (17, None),
    ],
)
def test_exif_dates(value: object, expected: str | None) -> None:
    assert wall_clock(value) == expected


@given(st.one_of(st.text(), st.binary()))
def test_any_exif_date_is_none_or_a_date(value: str | bytes) -> None:
    found = wall_clock(value)
    assert found is None or found[4] == "-"


def test_camera_names() -> None:
    assert camera_name("NIKON CORPORATION", "NIKON D90") == "NIKON D90"
    assert camera_name("Apple", "iPhone 15") == "Apple iPhone 15"
    assert camera_name(None, "X") == "X"
    assert camera_name("Apple", None) == "Apple"
    assert camera_name(None, None) is None


def test_a_colour_profile_is_respected(tmp_path: Path) -> None:
    """A profile with red and green exchanged: what is stored as green is to be seen as red."""
    swapped = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {
        swapped[132 + 12 * n : 136 + 12 * n].decode(): 132 + 12 * n
        for n in range(int.from_bytes(swapped[128:132], "big"))
    }
    red, green = tags["rXYZ"], tags["gXYZ"]
    swapped[red + 4 : red + 12], swapped[green + 4 : green + 12] = (
        swapped[green + 4 : green + 12],
        swapped[red + 4 : red + 12],
    )
    path = save(tmp_path / "a.png", Image.new("RGB", (64, 64), (0, 220, 0)), "PNG", icc_profile=bytes(swapped))
    red_seen, green_seen, _ = preview(read(path)).getpixel((32, 32))  # type: ignore[misc]
    assert red_seen > 180 > green_seen


def test_a_broken_colour_profile_does_no_harm(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.new("RGB", (64, 64), (0, 220, 0)), "PNG", icc_profile=b"no profile")
    assert preview(read(path)).getpixel((32, 32))[1] > 200  # type: ignore[index]


def test_an_animation_shows_its_first_picture(tmp_path: Path) -> None:
    frames = [scene(200, 150, seed) for seed in range(3)]
    for form, extension in (("GIF", "gif"), ("WEBP", "webp"), ("PNG", "png"), ("TIFF", "tif")):
        path = save(tmp_path / f"a.{extension}", frames[0], form, save_all=True, append_images=frames[1:])
        alike = [float(descriptor(read(path)) @ look_alike.describe(frame)) for frame in frames]
        assert alike.index(max(alike)) == 0, form


def test_a_picture_that_is_cut_off_is_told(tmp_path: Path) -> None:
    for form, extension in (("JPEG", "jpg"), ("PNG", "png"), ("TIFF", "tif"), ("BMP", "bmp")):
        path = save(tmp_path / f"a.{extension}", scene(800, 600), form)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(UnreadableError, match=r"cut off|damaged"):
            read(path)


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    save(path, Image.new("L", (16, 16)), "PNG")
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    path.write_bytes(data)
    with pytest.raises(UnreadableError, match="more than 256 million pixels"):
        read(path)


def test_a_large_photo_is_no_bomb() -> None:
    assert image_module.MAX_PIXELS > 16_320 * 12_240, "200 megapixels, as phones write"


def test_garbage_with_a_pictures_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(200))
    with pytest.raises(UnreadableError, match=r"damaged|cut off"):
        read(path)


def dng(width: int, height: int, orientation: int = 1) -> bytes:
    """A little raw file: a Bayer mosaic (DNG 1.4), bright red on the left and dark blue on the right."""
    mosaic = np.zeros((height, width), np.uint16)
    mosaic[0::2, 0::2][:, : width // 4] = 60_000  # red
    mosaic[1::2, 1::2][:, width // 4 :] = 20_000  # blue
    strip = mosaic.tobytes()
    entries: list[tuple[int, int, bytes]] = [
        (254, 4, struct.pack("<I", 0)), (256, 4, struct.pack("<I", width)), (257, 4, struct.pack("<I", height)),
        (258, 3, struct.pack("<H", 16)), (259, 3, struct.pack("<H", 1)), (262, 3, struct.pack("<H", 32803)),
        (271, 2, b"Maker\0"), (272, 2, b"Raw One\0"), (273, 4, b"STRIP"), (274, 3, struct.pack("<H", orientation)),
        (277, 3, struct.pack("<H", 1)), (278, 4, struct.pack("<I", height)), (279, 4, struct.pack("<I", len(strip))),
        (306, 2, b"2022:03:04 05:06:07\0"), (33421, 3, struct.pack("<HH", 2, 2)), (33422, 1, bytes((0, 1, 1, 2))),
        (50706, 1, bytes((1, 4, 0, 0))), (50708, 2, b"Maker Raw One\0"),
        (50721, 10, struct.pack("<18i", 1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1)),
        (50728, 5, struct.pack("<6I", 1, 1, 1, 1, 1, 1)),
    ]  # fmt: skip
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 10: 8}
    table_bytes = 2 + 12 * len(entries) + 4
    extra = b""
    table = struct.pack("<H", len(entries))
    strip_at = 8 + table_bytes + sum(len(value) + len(value) % 2 for _, _, value in entries if len(value) > 4)
    for tag, kind, value in entries:
        value = struct.pack("<I", strip_at) if value == b"STRIP" else value
        table += struct.pack("<HHI", tag, kind, len(value) // sizes[kind])
        if len(value) <= 4:
            table += value.ljust(4, b"\0")
        else:
            table += struct.pack("<I", 8 + table_bytes + len(extra))
            extra += value + b"\0" * (len(value) % 2)
    data = b"II*\0" + struct.pack("<I", 8) + table + struct.pack("<I", 0) + extra
    return data.ljust(strip_at, b"\0") + strip


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_camera_raw_is_developed_upright(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(dng(128, 96, orientation))
    extraction = read(path)
    assert extraction.kind is Kind.PHOTO
    assert extraction.media_type == "image/x-dcraw"
    turned = orientation in (6, 8)
    assert (extraction.metadata.width, extraction.metadata.height) == ((96, 128) if turned else (128, 96))
    assert extraction.metadata.camera == "Maker Raw One"
    assert extraction.metadata.taken_at == "2022-03-04T05:06:07"
    shown = preview(extraction)
    width, height = shown.size
    assert (height > width) == turned
    # Where the stored left edge, which is red, is to be seen.
    at = {1: (0.1, 0.5), 3: (0.9, 0.5), 6: (0.5, 0.1), 8: (0.5, 0.9)}[orientation]
    red, _, blue = shown.getpixel((int(width * at[0]), int(height * at[1])))  # type: ignore[misc]
    assert red > blue + 50
    red, _, blue = shown.getpixel((int(width * (1 - at[0])), int(height * (1 - at[1]))))  # type: ignore[misc]
    assert blue > red


def test_garbage_named_as_raw(tmp_path: Path) -> None:
    path = tmp_path / "a.nef"
    path.write_bytes(b"II*\0" + bytes(500))
    with pytest.raises(UnreadableError, match="damaged, or from a camera that is not known"):
        read(path)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The sizes at which Pillow decodes pixels: each time that it makes room for them."""
    sizes: list[tuple[int, int]] = []
    make_room = ImageFile.ImageFile.load_prepare

    def seen(picture: ImageFile.ImageFile) -> None:
        sizes.append(picture.size)
        make_room(picture)

    monkeypatch.setattr(ImageFile.ImageFile, "load_prepare", seen)
    return sizes


@pytest.mark.parametrize(("form", "extension"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("TIFF", "tif")])
def test_a_picture_is_decoded_once_for_all_that_is_kept_of_it(
    tmp_path: Path, decoded: list[tuple[int, int]], form: str, extension: str
) -> None:
    extraction = read(save(tmp_path / f"a.{extension}", scene(600, 400), form))
    assert decoded == [(600, 400)]
    assert None not in (extraction.preview, extraction.thumbnail, extraction.look_alike, extraction.phash)


@pytest.mark.parametrize(
    ("size", "expected"), [((4000, 3000), (1000, 750)), ((2048, 1536), (1024, 768)), ((700, 500), (700, 500))]
)
def test_a_jpeg_is_decoded_at_a_fraction_of_its_size(
    tmp_path: Path, decoded: list[tuple[int, int]], size: tuple[int, int], expected: tuple[int, int]
) -> None:
    extraction = read(save(tmp_path / "a.jpg", scene(*size), "JPEG", quality=90))
    assert decoded == [expected]
    assert (extraction.metadata.width, extraction.metadata.height) == size
    assert float(descriptor(extraction) @ look_alike.describe(scene(*size))) > 0.97


@pytest.mark.parametrize(("side", "is_used"), [(1200, True), (200, False)])
def test_a_camera_raws_own_preview_is_used_where_it_is_large_enough(
    tmp_path: Path, decoded: list[tuple[int, int]], side: int, is_used: bool
) -> None:
    shown = scene(side, side * 3 // 4)
    path = tmp_path / "a.dng"
    path.write_bytes(with_preview(dng(1600, 1200), shown))
    extraction = read(path)
    assert (extraction.metadata.width, extraction.metadata.height) == (1600, 1200)
    likeness = float(descriptor(extraction) @ look_alike.describe(shown))
    assert (likeness > 0.97) is is_used, "what the sensor saw is another picture here"
    assert decoded == [(side, side * 3 // 4)] * is_used


def test_the_descriptor_knows_copies_from_others() -> None:
    """Every altered copy is nearer to its original than any other scene is."""
    scenes = [scene(480, 360, seed) for seed in range(40)]
    originals = np.stack([look_alike.describe(one) for one in scenes])
    alterations = {
        "crop": lambda one: one.crop((30, 20, 450, 345)),
        "small": lambda one: one.resize((120, 90)),
        "bright": lambda one: ImageEnhance.Brightness(one).enhance(1.3),
        "pale": lambda one: ImageEnhance.Color(one).enhance(0.4),
    }
    for name, alter in alterations.items():
        copies = np.stack([look_alike.describe(alter(one)) for one in scenes])
        assert ((copies @ originals.T).argmax(axis=1) == np.arange(len(scenes))).all(), name


def test_the_descriptor_is_a_unit_vector() -> None:
    for picture in (scene(), Image.new("RGB", (50, 20), "white"), Image.new("RGB", (1, 1), "black")):
        vector = look_alike.describe(picture)
        assert vector.shape == (look_alike.DIM,)
        assert vector.dtype == np.float32
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_the_hash_is_that_of_the_picture_not_of_its_file() -> None:
    picture = scene(600, 400)
    value = look_alike.perceptual_hash(picture)
    assert 0 <= value < 2**64
    assert differing_bits(value, look_alike.perceptual_hash(picture.resize((150, 100)))) <= 4
    assert differing_bits(value, look_alike.perceptual_hash(scene(600, 400, 1))) > 12
    assert look_alike.perceptual_hash(Image.new("RGB", (90, 90), "teal")) == 0
