"""What a file is, judged by its content; the extension only breaks ties and names formats without a signature."""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import filetype as signatures

from core.errors import SkippedError, UnreadableError
from core.extract import media_types as mt
from core.extract.media_types import BY_EXTENSION, extension_of, guess_kind, kind_of
from core.extract.placeholder import IN_THE_CLOUD, in_the_cloud
from core.extract.zip_directory import directory_is_too_large
from core.types import Kind

__all__ = ["detect", "guess_kind", "kind_of", "open_regular", "type_by_head"]

_HEAD_BYTES = 64 * 1024
_MIMETYPE_BYTES = 100  # the longest ODF or EPUB media type is shorter

# (offset, signature, media type); the first match wins.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (0, b"II*\0", mt.TIFF),
    (0, b"MM\0*", mt.TIFF),
    (0, b"II+\0", mt.TIFF),
    (0, b"MM\0+", mt.TIFF),
    (0, b"IIRO", mt.CAMERA_RAW),  # Olympus
    (0, b"IIRS", mt.CAMERA_RAW),
    (0, b"MMOR", mt.CAMERA_RAW),
    (0, b"IIU\0", mt.CAMERA_RAW),  # Panasonic, Leica
    (0, b"FUJIFILMCCD-RAW", mt.CAMERA_RAW),
    (0, b"FOVb", mt.CAMERA_RAW),  # Sigma
    (0, b"\0MRM", mt.CAMERA_RAW),  # Minolta
    (0, b"II\x1a\0\0\0HEAPCCDR", mt.CAMERA_RAW),  # Canon CRW
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (0, b"icns", "image/icns"),
    (0, b"\0\0\0\x0cjP  ", "image/jp2"),
    (0, b"\xff\x4f\xff\x51", "image/jp2"),
    (0, b"\xff\x0a", mt.JPEG_XL),
    (0, b"\0\0\0\x0cJXL ", mt.JPEG_XL),
    (0, b"qoif", "image/qoi"),
    (0, b"DDS ", "image/x-dds"),
    (0, b"SIMPLE  =", "image/fits"),
    (0, b"\x01\xda", "image/sgi"),
    (0, b"\x59\xa6\x6a\x95", "image/x-sun-raster"),
    (0, b"/* XPM */", "image/x-xpixmap"),
    (0, b"BLP1", "image/x-blp"),
    (0, b"BLP2", "image/x-blp"),
    (0, b"FTEX", "image/x-ftex"),
    (0, b"DanM", "image/x-msp"),
    (0, b"LinS", "image/x-msp"),
    (0, b"gimp xcf", "image/x-xcf"),
    (0, b"\xd7\xcd\xc6\x9a", "image/wmf"),
    (40, b" EMF", "image/emf"),
    (0, b"\xc5\xd0\xd3\xc6", mt.POSTSCRIPT),
    (0, b"%!PS", mt.POSTSCRIPT),
    (0, b"AT&TFORM", "image/vnd.djvu"),
    (0, b"{\\rtf", mt.RTF),
    (0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "application/onenote"),
    (0, b"\xffWPC", "application/vnd.wordperfect"),
    (60, b"BOOKMOBI", "application/x-mobipocket-ebook"),
    (0, b"caff", "audio/x-caf"),
    (0, b".snd", "audio/basic"),
    (0, b"MAC ", "audio/x-ape"),
    (0, b"wvpk", "audio/x-wavpack"),
    (0, b"TTA1", "audio/x-tta"),
    (0, b"MPCK", "audio/x-musepack"),
    (0, b"MThd", "audio/midi"),
    (0, b"\x0b\x77", "audio/ac3"),
    (0, b"\x7f\xfe\x80\x01", "audio/vnd.dts"),
    (0, b"riff\x2e\x91\xcf\x11", "audio/wav"),  # Wave64
    (0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01", "video/mxf"),
    (257, b"ustar", "application/x-tar"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"\0asm", "application/wasm"),
    (0, b"\0\x01\0\0\0", "font/sfnt"),
    (0, b"OTTO", "font/sfnt"),
    (0, b"ttcf", "font/sfnt"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff"),
)

# Brands of the ISO base media format (the ``ftyp`` box); the rest of its kind is called MP4 and judged by its streams.
_BRANDS = {
    b"heic": "image/heif", b"heix": "image/heif", b"heim": "image/heif", b"heis": "image/heif",
    b"hevc": "image/heif", b"hevx": "image/heif", b"mif1": "image/heif", b"msf1": "image/heif",
    b"avif": "image/avif", b"avis": "image/avif", b"crx ": mt.CAMERA_RAW, b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4", b"M4B ": "audio/mp4",
}  # fmt: skip

# What the ``filetype`` package calls differently or means less precisely than we do.
_RENAMED = {
    "video/x-m4v": mt.MP4,
    "audio/x-wav": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/x-aiff": "audio/aiff",
    "audio/aac": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "video/x-ms-asf": "video/x-ms-wmv",
    "application/x-rar-compressed": "application/vnd.rar",
    "application/x-msdownload": "application/x-executable",
    "application/x-bzip": "application/x-bzip2",
}

# Formats that text passes for; every one is checked by more than the extension in ``_text_type``.
# A comment is taken once and for all: to try every end of each takes a century for forty comments.
_HTML_START = re.compile(rb"\s*+(?:<!--(?>.*?-->)\s*+)*+<(?:!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_XML_START = re.compile(rb"\s*<\?xml\b|\s*<!DOCTYPE\s+(?!html)|\s*<svg\b", re.IGNORECASE)
_SVG_ROOT = re.compile(rb"<(?:\w+:)?svg[\s>]")
_XHTML_ROOT = re.compile(rb"<(?:\w+:)?html[\s>]", re.IGNORECASE)
_MAIL_FIELD = re.compile(rb"^([A-Za-z][A-Za-z0-9-]*):[ \t]*\S?", re.MULTILINE)
_MAIL_FIELDS = frozenset(
    b"received return-path from to subject date message-id mime-version delivered-to x-mailer reply-to cc".split()
)

_CONTROLS = bytes(set(range(32)) - {7, 8, 9, 10, 12, 13, 27}) + b"\x7f"  # bell, escape and the like occur in logs
_MAX_CONTROL_SHARE = 0.002


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading, never a pipe, socket or device: those could hang or act when opened.

    Nor what is only a placeholder here: opening it would fetch it from a cloud service. Raises ``SkippedError`` for
    that, ``UnreadableError`` for anything else and what ``open`` raises.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableError("not an ordinary file")
    if in_the_cloud(os.fsencode(path), status):
        raise SkippedError(IN_THE_CLOUD)
    # Between the two looks the file may have been replaced: opening without waiting and looking again is safe.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnreadableError("not an ordinary file")
    return os.fdopen(descriptor, "rb")


def detect(path: Path) -> str:
    """The media type of a regular file.

    Raises ``SkippedError`` for an empty file, ``UnreadableError`` for what is not a regular file, ``OSError``.
    """
    with open_regular(path) as file:
        head = file.read(_HEAD_BYTES)
        if not head:
            raise SkippedError("empty file")
        return _detect(file, head, extension_of(path.name))


def _detect(file: BinaryIO, head: bytes, extension: str) -> str:
    suggested = BY_EXTENSION.get(extension, mt.BINARY)
    if head.startswith(b"PK\x03\x04"):
        return _zip_type(file, suggested)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _ole_type(file, head)
    if b"%PDF-" in head[:1024]:
        return mt.PDF
    if media_type := _by_signature(head):
        if media_type == mt.TIFF and suggested == mt.CAMERA_RAW:
            return mt.CAMERA_RAW  # most camera formats are TIFF with another name
        return media_type
    if looks_like_text(head):
        return _text_type(head, suggested)
    if media_type := _by_package(head):
        return media_type
    # No signature: the formats without one are known by their extension, and a damaged file fails in its reader.
    return mt.BINARY if suggested in _TEXTUAL else suggested


def type_by_head(file: BinaryIO, head: bytes) -> tuple[str | None, frozenset[str]]:
    """The media type that the first bytes alone tell, and the names in a compound file's directory.

    Nothing is unpacked: of a zip archive this is all that is said. None where no signature tells, as for Targa.
    """
    if head.startswith(b"PK\x03\x04"):
        return mt.ZIP, frozenset()
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        names = frozenset(name.lstrip("\5").casefold() for name in _ole_names(file, head))
        return mt.OLE, names
    if b"%PDF-" in head[:1024]:
        return mt.PDF, frozenset()
    found = _by_signature(head) or (_text_type(head, mt.TEXT) if looks_like_text(head) else _by_package(head))
    return found, frozenset()


_TEXTUAL = frozenset({mt.TEXT, mt.MARKDOWN, mt.HTML, mt.XML, mt.SVG, mt.MAIL, mt.RTF, mt.MBOX})


def _by_signature(head: bytes) -> str | None:
    for offset, signature, media_type in _SIGNATURES:
        if head.startswith(signature, offset):
            return media_type
    if head[4:8] == b"ftyp":
        return _brand(head)
    if (
        head[:2] == b"BM"
        and len(head) > 18
        and struct.unpack_from("<I", head, 14)[0] in (12, 16, 40, 52, 56, 64, 108, 124)
    ):
        return "image/bmp"
    if head[:1] == b"P" and head[1:2] in b"1234567fFy" and head[2:3] in b" \t\r\n#" and len(head) > 3:
        return "image/x-portable-anymap"
    if head[:4] in (b"\0\0\1\0", b"\0\0\2\0") and 0 < int.from_bytes(head[4:6], "little") < 256:
        return "image/vnd.microsoft.icon"  # counts its pictures; a Targa picture, which starts alike, has zeros there
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if len(head) > 188 * 2 and head[0] == head[188] == head[376] == 0x47:
        return "video/mp2t"
    if len(head) > 392 and head[4] == head[196] == head[388] == 0x47:
        return "video/mp2t"  # with a four-byte time code before every packet, as camcorders write
    if head[4:6] in (b"\x11\xaf", b"\x12\xaf") and len(head) >= 128:
        return "image/x-fli"
    return None


def _brand(head: bytes) -> str:
    """Major brand first, then the compatible ones: phones write ``mif1`` or ``isom`` in front of what counts."""
    length = min(struct.unpack_from(">I", head)[0], 256)
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, length, 4))]
    if brands[0] in (b"mif1", b"msf1") and any(brand in (b"avif", b"avis") for brand in brands):
        return "image/avif"
    return _BRANDS.get(brands[0], mt.MP4)


def _by_package(head: bytes) -> str | None:
    guess = signatures.guess(head)
    if guess is None:
        return None
    name = _RENAMED.get(guess.mime, guess.mime)
    return name if name in mt.UNREAD or kind_of(name) is not Kind.OTHER else None


def _zip_type(file: BinaryIO, suggested: str) -> str:
    """Office, e-book and other formats that are zip archives inside, by their directory."""
    if directory_is_too_large(file):
        return suggested if suggested not in _TEXTUAL else mt.ZIP  # no document; its reader says so
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
            if "mimetype" in names and archive.getinfo("mimetype").file_size <= _MIMETYPE_BYTES:
                declared = archive.read("mimetype").decode("ascii", "replace").strip().removesuffix("-template")
                if declared in (mt.ODT, mt.ODS, mt.ODP, mt.EPUB):
                    return declared
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        struct.error,
    ):
        return suggested if suggested not in _TEXTUAL else mt.ZIP  # cut or damaged; its reader says so
    if any(name.startswith("word/") for name in names):
        return mt.DOCX
    if any(name.startswith("ppt/") for name in names):
        return mt.PPTX
    if "xl/workbook.bin" in names:
        return mt.XLSB
    if any(name.startswith("xl/") for name in names):
        return mt.XLSX
    if any(name.startswith("visio/") for name in names):
        return mt.VISIO
    if "META-INF/container.xml" in names:
        return mt.EPUB
    if any(name.endswith(".iwa") or name in ("Index.zip", "index.apxl", "index.xml") for name in names):
        return mt.IWORK
    return mt.ZIP


_OLE_STREAMS = (
    ("encryptedpackage", mt.ENCRYPTED_OFFICE),
    ("worddocument", mt.DOC),
    ("powerpoint document", mt.PPT),
    ("workbook", mt.XLS),
    ("book", mt.XLS),
    ("__properties_version1.0", mt.MSG),
    ("visiodocument", mt.VISIO),
    ("matost", "application/vnd.ms-works"),
    ("hwpsummaryinformation", "application/x-hwp"),
)


def _ole_type(file: BinaryIO, head: bytes) -> str:
    """Old Office formats, by the names in their compound file's directory."""
    # Case is kept in these names but does not count; a control character in front marks property sets.
    names = {name.lstrip("\5").casefold() for name in _ole_names(file, head)}
    for stream, media_type in _OLE_STREAMS:
        if stream in names:
            return media_type
    return mt.OLE


def _ole_names(file: BinaryIO, head: bytes, max_sectors: int = 64) -> set[str]:
    """Names of the first storages and streams of a compound file (MS-CFB 2.2, 2.3, 2.6)."""
    names: set[str] = set()
    sector_bytes = 1 << min(max(struct.unpack_from("<H", head.ljust(512, b"\0"), 30)[0], 9), 12)
    sector = struct.unpack_from("<I", head.ljust(512, b"\0"), 48)[0]
    fat_sectors = struct.unpack_from("<109I", head.ljust(512, b"\0"), 76)
    for _ in range(max_sectors):
        file.seek((sector + 1) * sector_bytes)
        block = file.read(sector_bytes)
        for at in range(0, len(block) - 127, 128):
            length = struct.unpack_from("<H", block, at + 64)[0]
            if 2 < length <= 64:
                names.add(block[at : at + length - 2].decode("utf-16-le", "replace"))
        index, slot = divmod(sector, sector_bytes // 4)
        if index >= len(fat_sectors):
            break
        file.seek((fat_sectors[index] + 1) * sector_bytes + slot * 4)
        following = file.read(4)
        if len(following) < 4:
            break
        sector = struct.unpack("<I", following)[0]
        if sector >= 0xFFFFFFFA:  # end of chain, or not a sector
            break
    return names


def looks_like_text(head: bytes) -> bool:
    """Whether the first bytes of a file can be text in some encoding: UTF-16 and UTF-32 too, else no control bytes."""
    if head.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return True
    if b"\0" in head:
        return utf16_order(head) is not None
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return controls <= len(head) * _MAX_CONTROL_SHARE


def utf16_order(head: bytes) -> str | None:
    """``utf-16-le`` or ``utf-16-be`` for text without a byte order mark: its zero bytes stand on one side."""
    head = head[: len(head) & ~1]
    if len(head) < 4:
        return None
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    for codec, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zeros > half * 0.3 and others <= half * 0.01:
            try:
                text = head.decode(codec, "strict")
            except UnicodeDecodeError:
                continue
            if (
                sum(not character.isprintable() and character not in "\t\r\n\f" for character in text)
                <= len(text) * 0.01
            ):
                return codec
    return None


def _text_type(head: bytes, suggested: str) -> str:
    flat = head.replace(b"\0", b"")  # near enough to ASCII for marks, also in UTF-16
    flat = flat.removeprefix(b"\xef\xbb\xbf").lstrip(b"\xff\xfe")
    if flat.startswith(b"{\\rtf"):
        return mt.RTF
    if _HTML_START.match(flat):
        return mt.HTML
    if _XML_START.match(flat):
        if _SVG_ROOT.search(flat[:4096]):
            return mt.SVG
        return mt.HTML if _XHTML_ROOT.search(flat[:4096]) else mt.XML
    if flat.startswith(b"From ") and (suggested == mt.MBOX or _mail_fields(flat) >= 2):
        return mt.MBOX
    if suggested == mt.MAIL or (suggested == mt.BINARY and _mail_fields(flat) >= 3):
        return mt.MAIL
    if flat.startswith(b"#define ") and suggested == "image/x-xbitmap":
        return suggested
    if flat.startswith(b"Image type:") and suggested == "image/x-im":
        return suggested
    if suggested in (mt.MARKDOWN, mt.HTML, mt.XML):
        return suggested
    return mt.TEXT


def _mail_fields(flat: bytes) -> int:
    """How many header fields of a mail stand before the first blank line."""
    header = re.split(rb"\r?\n\r?\n", flat, maxsplit=1)[0]
    return len({field.lower() for field in _MAIL_FIELD.findall(header)} & _MAIL_FIELDS)
