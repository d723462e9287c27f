"""What is opened with the system's application, and what is only shown in its folder."""

from __future__ import annotations

import os
import struct
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.extract import opening
from core.extract.media_types import BY_EXTENSION
from core.extract.opening import why_not_by_name, why_not_opened

PROGRAMS = {
    "elf": b"\x7fELF\x02\x01\x01" + bytes(57),
    "windows": b"MZ\x90\0" + bytes(60),
    "mach-o": b"\xcf\xfa\xed\xfe" + bytes(60),
    "java": b"\xca\xfe\xba\xbe" + bytes(60),
    "shortcut": b"\x4c\0\0\0\x01\x14\x02\0" + bytes(60),
    "shell": b"#!/bin/sh\nrm -rf ~\n",
    "python": b"#!/usr/bin/env python3\nprint()\n",
    "shell after a byte order mark": b"\xef\xbb\xbf#!/bin/sh\n",
    "launcher": b"[Desktop Entry]\nType=Application\nExec=sh\n",
    "launcher after blank lines": b"\n\n[Desktop Entry]\nExec=sh\n",
    "link": b"[InternetShortcut]\r\nURL=file:///c:/windows/system32/calc.exe\r\n",
    "batch": b"@echo off\r\nformat c:\r\n",
    "in UTF-16": "#!/bin/sh\nevil and more of it\n".encode("utf-16"),
    "web page": b"<!DOCTYPE html><script>alert(1)</script>",
    "drawing with a script": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "PostScript": b"%!PS-Adobe-3.0\n(/etc/passwd) (r) file\n",
}
NAMES = ["a.jpg", "a.txt", "a.pdf", "a.mp3", "a.mp4", "a.docx", "a.md", "a.csv", "a.heic", "a.tga", "a"]


def put(folder: Path, name: str, content: bytes) -> bytes:
    (folder / name).write_bytes(content)
    return os.fsencode(folder / name)


def compound(*names: str) -> bytes:
    """A compound file of one directory sector."""
    head = bytearray(512)
    head[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<H", head, 30, 9)
    struct.pack_into("<I", head, 48, 0)
    struct.pack_into("<109I", head, 76, *([0xFFFFFFFF] * 109))
    directory = bytearray(512)
    for number, name in enumerate(names):
        encoded = name.encode("utf-16-le") + b"\0\0"
        directory[number * 128 : number * 128 + len(encoded)] = encoded
        struct.pack_into("<H", directory, number * 128 + 64, len(encoded))
    return bytes(head + directory)


@pytest.fixture
def media(tmp_path: Path) -> dict[str, bytes]:
    """Ordinary files, by name."""
    for name in ("photo.jpg", "photo.png", "photo.tga", "photo.bmp", "photo.webp"):
        Image.new("RGB", (8, 8), (200, 80, 10)).save(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "letter.docx", "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    contents = {
        "paper.pdf": b"%PDF-1.7\n",
        "notes.txt": b"Buy bread.\n",
        "notes.md": b"# Bread\n",
        "table.csv": b"a,b\n1,2\n",
        "letter.rtf": b"{\\rtf1 hello}",
        "mail.eml": b"From: a@b.c\nTo: d@e.f\nSubject: x\n\nhello\n",
        "song.mp3": b"ID3\x04\0\0\0\0\0\0" + bytes(100),
        "song.flac": b"fLaC" + bytes(100),
        "memo.wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes(100),
        "film.mp4": b"\0\0\0\x18ftypisom" + bytes(100),
        "film.mkv": b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska" + bytes(100),
        "old.doc": compound("Root Entry", "WordDocument"),
        "secret.docx": compound("Root Entry", "EncryptedPackage"),
        "no extension": b"\xff\xd8\xff\xe0" + bytes(100),
    }
    for name, content in contents.items():
        put(tmp_path, name, content)
    return {path.name: os.fsencode(path) for path in tmp_path.iterdir()}


def test_what_people_keep_is_opened(media: dict[str, bytes]) -> None:
    assert {name: why_not_opened(path) for name, path in media.items()} == dict.fromkeys(media)


@pytest.mark.parametrize("content", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_a_program_is_not_opened_by_any_name(content: bytes, tmp_path: Path) -> None:
    for name in NAMES:
        assert why_not_opened(put(tmp_path, name, content)) is not None, name


UNSAFE_NAMES = (
    "run.sh run.desktop run.exe run.bat run.cmd run.com run.msi run.jar run.lnk run.url run.app run.command run.ps1 "
    "run.vbs run.js run.py run.scr run.hta run.reg run.html run.svg run.mht run.docm run.xlsm run.one run.eps run.iso "
    "run.AppImage run.deb run.workflow run.webloc run.jnlp run.pif run.cpl run.chm run.xlsb run.dmg run.unheardof "
    "RUN.SH run.Desktop run.jpg.exe"
)


@pytest.mark.parametrize("name", UNSAFE_NAMES.split())
def test_a_name_that_could_run_is_not_opened_whatever_is_in_it(name: str, tmp_path: Path) -> None:
    for content in (b"\xff\xd8\xff\xe0" + bytes(100), b"Buy bread.\n", b"%PDF-1.7\n"):
        path = put(tmp_path, name, content)
        assert why_not_by_name(path) is not None
        assert why_not_opened(path) is not None


def test_every_reason_is_a_few_plain_words() -> None:
    for reason in (opening.PROGRAM, opening.WEB_PAGE, opening.MACROS, opening.UNKNOWN, opening.DISGUISED, opening.GONE):
        assert len(reason) < 60 and reason.isprintable()


def test_old_office_files_with_macros_are_not_opened(tmp_path: Path) -> None:
    assert why_not_opened(put(tmp_path, "a.doc", compound("Root Entry", "WordDocument", "Macros"))) == opening.MACROS
    assert why_not_opened(put(tmp_path, "a.xls", compound("Workbook", "_VBA_PROJECT_CUR"))) == opening.MACROS


def test_content_of_another_kind_than_the_name_says_is_not_opened(tmp_path: Path) -> None:
    assert why_not_opened(put(tmp_path, "a.jpg", b"Buy bread.\n")) == opening.DISGUISED
    assert why_not_opened(put(tmp_path, "a.txt", b"\xff\xd8\xff\xe0" + bytes(100))) == opening.DISGUISED
    assert why_not_opened(put(tmp_path, "a.jpg", b"PK\x03\x04" + bytes(100))) == opening.DISGUISED
    assert why_not_opened(put(tmp_path, "plain", b"Buy bread.\n")) == opening.DISGUISED  # it could be a script


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_link_is_judged_by_what_it_leads_to(tmp_path: Path, media: dict[str, bytes]) -> None:
    put(tmp_path, "run.sh", b"echo\n")
    (tmp_path / "innocent.txt").symlink_to(tmp_path / "run.sh")
    (tmp_path / "holiday.jpg").symlink_to(os.fsdecode(media["photo.jpg"]))
    assert why_not_opened(os.fsencode(tmp_path / "innocent.txt")) == opening.PROGRAM
    assert why_not_opened(os.fsencode(tmp_path / "holiday.jpg")) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_what_is_no_ordinary_file_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("pipe.jpg", "folder.jpg", "gone.jpg"):
        assert why_not_opened(os.fsencode(tmp_path / name)) == opening.GONE


@given(content=st.binary(max_size=300), name=st.sampled_from(sorted(BY_EXTENSION)))
def test_any_content_gets_an_answer(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    path = put(tmp_path_factory.getbasetemp(), f"any.{name}", content)
    reason = why_not_opened(path)
    assert reason is None or reason.isprintable()
