"""What a file is goes by its content; its name only breaks ties."""

from __future__ import annotations

import io
import os
import struct
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.errors import SkippedError, UnreadableError
from core.extract import media_types as mt
from core.extract.filetype import detect, looks_like_text
from core.extract.media_types import guess_kind
from core.types import Kind


def zipped(**parts: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml").replace("_bin", ".bin"), text)
    return out.getvalue()


def compound(*streams: str) -> bytes:
    """A compound file (MS-CFB) with nothing but a directory of these names."""
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HH", header, 30, 9, 6)
    struct.pack_into("<I", header, 48, 1)  # the directory is in sector 1
    struct.pack_into("<109I", header, 76, 0, *([0xFFFFFFFF] * 108))  # the allocation table in sector 0
    table = struct.pack("<128I", 0xFFFFFFFD, 0xFFFFFFFE, *([0xFFFFFFFF] * 126))
    directory = bytearray(512)
    for index, name in enumerate(("Root Entry", *streams)):
        encoded = name.encode("utf-16-le")
        directory[index * 128 : index * 128 + len(encoded)] = encoded
        struct.pack_into("<H", directory, index * 128 + 64, len(encoded) + 2)
    return bytes(header) + table + bytes(directory)


def picture(form: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, form)
    return out.getvalue()


MAIL = b"Received: from a by b\r\nFrom: Ann <ann@example.org>\r\nSubject: boats\r\nMIME-Version: 1.0\r\n\r\nHello\r\n"

CASES = [
    ("photo.txt", picture("JPEG"), "image/jpeg"),
    ("photo", picture("PNG"), "image/png"),
    ("holiday.doc", picture("GIF"), "image/gif"),
    ("a.jpg", picture("WEBP"), "image/webp"),
    ("a.jpg", picture("BMP"), "image/bmp"),
    ("a.tif", picture("TIFF"), mt.TIFF),
    ("a.nef", picture("TIFF"), mt.CAMERA_RAW),
    ("a.tga", picture("TGA"), mt.TGA),
    ("a.ppm", picture("PPM"), "image/x-portable-anymap"),
    ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heif"),
    ("a.avif", b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "image/avif"),
    ("a.cr3", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", mt.CAMERA_RAW),
    ("a.bin", b"\0\0\0\x18ftypisom\0\0\2\0isommp41", mt.MP4),
    ("a.mov", b"\0\0\0\x14ftypqt  \0\0\2\0qt  ", "video/quicktime"),
    ("song", b"ID3\x03\0\0\0\0\0\x0a" + bytes(40), "audio/mpeg"),
    ("a.wav", b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0" + bytes(30), "audio/wav"),
    ("a.mkv", b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska" + bytes(40), mt.MATROSKA),
    ("clip.ts", (b"\x47" + bytes(187)) * 4, "video/mp2t"),
    ("code.ts", b"export const boat: string = 'red';\n", mt.TEXT),
    ("paper.pdf", b"%PDF-1.7\n%\xe2\xe3\n", mt.PDF),
    ("junk-first.bin", b"\r\n--junk--\0\0" + b"%PDF-1.4\n", mt.PDF),
    ("a.docx", zipped(word__document_xml="<a/>"), mt.DOCX),
    ("renamed.zip", zipped(ppt__presentation_xml="<a/>"), mt.PPTX),
    ("a.xlsx", zipped(xl__workbook_xml="<a/>"), mt.XLSX),
    ("a.xlsb", zipped(xl__workbook_bin="x"), mt.XLSB),
    ("a.odt", zipped(mimetype=mt.ODT), mt.ODT),
    ("a.ott", zipped(mimetype=mt.ODT + "-template"), mt.ODT),
    ("a.ods", zipped(mimetype=mt.ODS), mt.ODS),
    ("a.epub", zipped(mimetype=mt.EPUB), mt.EPUB),
    ("a.docx", zipped(notes="just an archive"), mt.ZIP),
    ("cut.docx", zipped(word__document_xml="<a/>" * 500)[:200], mt.DOCX),
    ("a.doc", compound("WordDocument", "1Table"), mt.DOC),
    ("a.bin", compound("Workbook"), mt.XLS),
    ("a.doc", compound("PowerPoint Document"), mt.PPT),
    ("a", compound("__properties_version1.0"), mt.MSG),
    ("locked.docx", compound("EncryptionInfo", "EncryptedPackage"), mt.ENCRYPTED_OFFICE),
    ("other.doc", compound("Something"), mt.OLE),
    ("a.doc", b"{\\rtf1\\ansi Hello}", mt.RTF),
    ("page", b"<!-- saved -->\n<!DOCTYPE html><html><body>x", mt.HTML),
    ("a.html", b"just words with <b>tags</b>", mt.HTML),
    ("a.txt", "\ufeff<html><body>x</body></html>".encode("utf-16"), mt.HTML),
    ("a", b'<?xml version="1.0"?><note>x</note>', mt.XML),
    ("a.xml", b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">', mt.HTML),
    ("a.xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>", mt.SVG),
    ("message", MAIL, mt.MAIL),
    ("notes.txt", MAIL, mt.TEXT),
    ("box", b"From ann@example.org Mon Jan 1\r\n" + MAIL, mt.MBOX),
    ("a.md", b"# Boats\n", mt.MARKDOWN),
    ("a.csv", b"a,b\n1,2\n", mt.TEXT),
    ("a.py", b"print('boat')\n", mt.TEXT),
    ("README", "Grüße\n".encode("cp1252"), mt.TEXT),
    ("wide", "Grüße aus Köln\n".encode("utf-16-le"), mt.TEXT),
    ("run", b"\x7fELF\2\1\1" + bytes(60), "application/x-executable"),
    ("a.txt", bytes(range(256)) * 4, mt.BINARY),
    ("a.gz", b"\x1f\x8b\x08\0" + bytes(20), "application/gzip"),
    ("a.rar", b"Rar!\x1a\x07\x01\0" + bytes(20), "application/vnd.rar"),
    ("a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(20), "application/x-7z-compressed"),
    ("data", b"\1\2\3\4" * 50, mt.BINARY),
]


@pytest.mark.parametrize(
    ("name", "content", "expected"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_type_by_content(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert detect(path) == expected


def test_an_empty_file_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(SkippedError, match="empty file"):
        detect(tmp_path / "a.txt")


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes are POSIX")
def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(UnreadableError, match="not an ordinary file"):
        detect(tmp_path / "a.jpg")


@given(st.binary(min_size=1, max_size=300), st.sampled_from(sorted(mt.BY_EXTENSION)))
def test_any_bytes_have_a_known_type(tmp_path_factory: pytest.TempPathFactory, content: bytes, extension: str) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{extension}"
    path.write_bytes(content)
    known = (
        set(mt.UNREAD) | set(mt.DOCUMENTS) | set(mt.PICTURES) | set(mt.SOUNDS) | set(mt.FILMS) | {mt.ENCRYPTED_OFFICE}
    )
    assert detect(path) in known


@given(st.text(min_size=20, max_size=300).filter(lambda text: text.isprintable()), st.sampled_from(["utf-8", "utf-16"]))
def test_printable_text_is_text(text: str, encoding: str) -> None:
    assert looks_like_text(text.encode(encoding))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("IMG_0001.JPG", Kind.PHOTO),
        ("x.heic", Kind.PHOTO),
        ("x.cr2", Kind.PHOTO),
        ("Letter.Docx", Kind.DOCUMENT),
        ("old.doc", Kind.DOCUMENT),
        ("drawing.svg", Kind.DOCUMENT),
        ("script.py", Kind.DOCUMENT),
        ("memo.m4a", Kind.AUDIO),
        ("film.MKV", Kind.VIDEO),
        ("backup.tar.gz", Kind.OTHER),
        ("font.ttf", Kind.OTHER),
        ("noextension", Kind.OTHER),
        (".hidden", Kind.OTHER),
        ("odd.xyz123", Kind.OTHER),
    ],
)
def test_kind_by_name_alone(name: str, kind: Kind) -> None:
    assert guess_kind(name) is kind


def test_every_unread_type_says_why() -> None:
    for media_type, reason in mt.UNREAD.items():
        assert reason, media_type
        assert "\n" not in reason
        assert len(reason) < 80
