"""Pictures that declare far more pixels than are decoded, and files with pictures without end."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

from PIL import Image

from tests.core.bombs import Maker, patched, write
from tests.core.heic_maker import write_heic

SIDE = 50_000  # 2.5 thousand million pixels


def saved(form: str, **options: object) -> bytes:
    """A valid picture of 64 x 48 pixels."""
    out = io.BytesIO()
    Image.linear_gradient("L").resize((64, 48)).convert("RGB").save(out, form, **options)
    return out.getvalue()


def png(folder: Path) -> Path:
    return write(folder / "a.png", png_bytes(SIDE, SIDE))


def png_bytes(width: int, height: int, depth: int = 8, colour: int = 0, rows: int = 64) -> bytes:
    """A PNG of black pixels; only the first ``rows`` of them are there."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packer = zlib.compressobj(9)
    bits = width * depth * {0: 1, 2: 3, 6: 4}[colour]
    row = bytes(1 + (bits + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def apng(folder: Path) -> Path:
    data = saved("PNG", save_all=True, append_images=[Image.new("RGB", (64, 48), "red")])
    data = patched(data, b"IHDR", 0, struct.pack(">II", SIDE, SIDE))
    return write(folder / "a.apng", _with_crc(data, b"IHDR", 13))


def _with_crc(data: bytes, name: bytes, length: int) -> bytes:
    at = data.index(name)
    return patched(data, name, length, struct.pack(">I", zlib.crc32(data[at : at + 4 + length])))


def jpeg(folder: Path) -> Path:
    return write(folder / "a.jpg", patched(saved("JPEG"), b"\xff\xc0\x00\x11\x08", 0, struct.pack(">HH", 65000, 65000)))


def tiff(folder: Path) -> Path:
    return write(folder / "a.tif", tiff_bytes(SIDE, SIDE))


def tiff_bytes(width: int, height: int, following: int = 0) -> bytes:
    """One strip of a few bytes; ``following`` is where the next page's directory is."""
    tags = ((256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, height), (279, 16))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 24) + bytes(16) + struct.pack("<H", len(tags)) + entries + struct.pack(
        "<I", following
    )  # fmt: skip


def endless_tiff(folder: Path) -> Path:
    """Its first page is followed by itself."""
    data = bytearray(tiff_bytes(4, 4, following=24))
    return write(folder / "endless.tif", bytes(data))


def gif(folder: Path) -> Path:
    return write(folder / "a.gif", patched(saved("GIF"), b"GIF87a", 0, struct.pack("<HH", 65535, 65535)))


def gif_of_many_frames(folder: Path) -> Path:
    first = saved("GIF")
    frame = first[first.index(b",") : -1]
    return write(folder / "frames.gif", first[:-1] + frame * 20_000 + b";")


def webp(folder: Path) -> Path:
    """A canvas of 16384 x 16384 in the extended form."""
    picture = saved("WEBP", lossless=True)[12:]
    extended = b"VP8X" + struct.pack("<IB", 10, 0) + bytes(3) + (16383).to_bytes(3, "little") * 2
    return write(
        folder / "a.webp", b"RIFF" + struct.pack("<I", 4 + len(extended + picture)) + b"WEBP" + extended + picture
    )


def ico(folder: Path) -> Path:
    inner = png_bytes(SIDE, SIDE)
    entry = struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(inner), 22)
    return write(folder / "a.ico", b"\0\0\1\0\1\0" + entry + inner)


def psd(folder: Path) -> Path:
    head = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, SIDE, SIDE, 8, 3)
    return write(folder / "a.psd", head + bytes(12) + b"\0\0" + bytes(64))


def bmp(folder: Path) -> Path:
    return write(folder / "a.bmp", patched(saved("BMP"), b"BM", 16, struct.pack("<ii", SIDE, SIDE)))


def heic(folder: Path) -> Path:
    path = write_heic(folder / "a.heic", Image.new("RGB", (64, 64), "red"))
    return write(path, patched(path.read_bytes(), b"ispe\0\0\0\0", 0, struct.pack(">II", SIDE, SIDE)))


def avif(folder: Path) -> Path:
    return write(folder / "a.avif", patched(saved("AVIF"), b"ispe\0\0\0\0", 0, struct.pack(">II", SIDE, SIDE)))


def jp2(folder: Path) -> Path:
    data = patched(saved("JPEG2000"), b"ihdr", 0, struct.pack(">II", SIDE, SIDE))
    return write(folder / "a.jp2", patched(data, b"\xff\x51", 4, struct.pack(">II", SIDE, SIDE)))


def j2k(folder: Path) -> Path:
    """The size is in the code stream alone, and the tiles are as large."""
    data = patched(saved("JPEG2000", no_jp2=True), b"\xff\x51", 4, struct.pack(">II", SIDE, SIDE))
    return write(folder / "a.j2k", patched(data, b"\xff\x51", 20, struct.pack(">II", SIDE, SIDE)))


def jp2_that_differs(folder: Path) -> Path:
    """A small picture in its box, a large one in its code stream."""
    data = patched(saved("JPEG2000"), b"\xff\x51", 4, struct.pack(">II", SIDE, SIDE))
    return write(folder / "differs.jp2", patched(data, b"\xff\x51", 20, struct.pack(">II", SIDE, SIDE)))


def ppm(folder: Path) -> Path:
    return write(folder / "a.ppm", b"P6\n%d %d\n255\n" % (SIDE, SIDE) + bytes(64))


def pfm(folder: Path) -> Path:
    return write(folder / "a.pfm", b"Pf\n%d %d\n-1.0\n" % (SIDE, SIDE) + bytes(64))


def tga(folder: Path) -> Path:
    return write(folder / "a.tga", patched(saved("TGA"), b"", 12, struct.pack("<HH", 65535, 65535)))


def dds(folder: Path) -> Path:
    return write(folder / "a.dds", patched(saved("DDS"), b"DDS ", 8, struct.pack("<II", SIDE, SIDE)))


def sgi(folder: Path) -> Path:
    return write(folder / "a.sgi", patched(saved("SGI"), b"\x01\xda", 4, struct.pack(">HH", 65535, 65535)))


def pcx(folder: Path) -> Path:
    return write(folder / "a.pcx", patched(saved("PCX"), b"\x0a\x05", 2, struct.pack("<HHHH", 0, 0, 65534, 65534)))


def qoi(folder: Path) -> Path:
    return write(folder / "a.qoi", b"qoif" + struct.pack(">IIBB", SIDE, SIDE, 3, 0) + bytes(64))


def xbm(folder: Path) -> Path:
    words = f"#define a_width {SIDE}\n#define a_height {SIDE}\nstatic char a_bits[] = {{\n0x00 }};\n"
    return write(folder / "a.xbm", words.encode())


def fits(folder: Path) -> Path:
    cards = ("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", f"NAXIS1  = {SIDE}", f"NAXIS2  = {SIDE}", "END")
    return write(folder / "a.fits", "".join(card.ljust(80) for card in cards).ljust(2880).encode() + bytes(64))


def dng(folder: Path) -> Path:
    return write(folder / "a.dng", tiff_bytes(SIDE, SIDE))


PICTURES: tuple[Maker, ...] = (
    png, apng, jpeg, tiff, gif, webp, ico, psd, bmp, heic, avif, jp2, j2k, jp2_that_differs, ppm, pfm, tga, dds, sgi,
    pcx, qoi, xbm, fits, dng,
)  # fmt: skip
"""Pictures that declare far more pixels than are decoded."""

MANY_PICTURES: tuple[Maker, ...] = (endless_tiff, gif_of_many_frames)
"""Files with pictures without end, of which the first is shown."""
