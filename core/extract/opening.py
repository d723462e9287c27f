"""Which files may be handed to the system's application for them, and which are only shown in their folder.

The system chooses the application by the name, some of them by the content, and some names and contents are programs.
Whether a file is marked executable says nothing: many drives mount everything so. Therefore a file is opened when its
name *and* its content, looked at anew, are of a format that only shows something. Scripts, launchers and programs are
not, nor are web pages, which run scripts and can call home, nor office files that carry macros.
"""

from __future__ import annotations

import os
from pathlib import Path

from core.errors import UnreadableError
from core.extract import media_types as mt
from core.extract.filetype import looks_like_text, open_regular, type_by_head
from core.extract.media_types import BY_EXTENSION, extension_of, kind_of
from core.types import Kind

PROGRAM = "it could run as a program"
WEB_PAGE = "a web page could run scripts or call home"
MACROS = "it carries macros, which could run"
UNKNOWN = "files of this type are not opened from here"
DISGUISED = "its content is not what its name says"
GONE = "it cannot be read now"

# Names by which a system opens a web browser, whatever the content.
_WEB = frozenset(["html", "htm", "xhtml", "xht", "xml", "svg", "rss", "opml", "mht", "mhtml"])
_MACRO_NAMES = frozenset(["docm", "dotm", "xlsm", "xltm", "xlam", "xlsb", "pptm", "potm", "ppsm", "ppam"])
# A double click runs these on some system; those that no table of ours knows are refused with everything unknown.
_SCRIPTS = frozenset(
    ["py", "pyi", "js", "mjs", "jsx", "rb", "php", "pl", "lua", "r", "sh", "bash", "zsh", "bat", "ps1"]
)
# Formats that are programs, or whose applications run what they hold.
_NOT_OPENED = frozenset(
    {mt.POSTSCRIPT, mt.BINARY, "application/onenote", "image/vnd.dwg", "image/wmf", "image/emf", mt.VISIO}
)
_ZIPPED = frozenset({mt.DOCX, mt.XLSX, mt.PPTX, mt.ODT, mt.ODS, mt.ODP, mt.EPUB, mt.IWORK})
_COMPOUND = frozenset({mt.DOC, mt.XLS, mt.PPT, mt.MSG, mt.OLE, mt.ENCRYPTED_OFFICE})
_MACRO_STORAGES = frozenset({"macros", "_vba_project_cur", "vba", "_vba_project"})

_HEAD_BYTES = 64 * 1024
_PROGRAM_STARTS = (
    b"MZ", b"\x7fELF", b"#!", b"\xfe\xed\xfa", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\0asm",
    b"\x4c\0\0\0\x01\x14\x02\0",  # a Windows shortcut
)  # fmt: skip
_LAUNCHER_STARTS = (
    b"[desktop entry]",
    b"[internetshortcut]",
    b"@echo",
    b"<?php",
    b"<job",
    b"<hta:",
    b"windows registry",
)


def why_not_by_name(path: bytes) -> str | None:
    """Why a file of this name is not opened, in a few words; None when its content decides."""
    extension = extension_of(os.fsdecode(path))
    if extension in _WEB:
        return WEB_PAGE
    if extension in _MACRO_NAMES:
        return MACROS
    if extension in _SCRIPTS:
        return PROGRAM
    if not extension:
        return None
    media_type = BY_EXTENSION.get(extension)
    if media_type is None or media_type in _NOT_OPENED or kind_of(media_type) is Kind.OTHER:
        return UNKNOWN
    return None


def why_not_opened(path: bytes) -> str | None:
    """Why a file is not opened now, by its name, by where it leads, and by its content; None when it may be.

    Reads the first 64 KB of the file and, of an old Office format, its directory.
    """
    try:
        real = os.path.realpath(path)  # a link's name is not what is opened
        reason = why_not_by_name(path) or why_not_by_name(real)
        if reason is not None:
            return reason
        with open_regular(Path(os.fsdecode(real))) as file:
            head = file.read(_HEAD_BYTES)
            if (reason := _why_not_started(head)) is not None:
                return reason
            named = BY_EXTENSION.get(extension_of(os.fsdecode(real)))
            found, names = type_by_head(file, head)
    except (OSError, UnreadableError):
        return GONE
    if found in _COMPOUND and names & _MACRO_STORAGES:
        return MACROS
    return None if _fits(found, named, head) else DISGUISED


def _why_not_started(head: bytes) -> str | None:
    """Whether the first bytes are those of a program, a script or a launcher."""
    if head.startswith(_PROGRAM_STARTS):
        return PROGRAM
    if not looks_like_text(head):
        return None
    flat = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    return PROGRAM if flat.startswith((b"#!", *_LAUNCHER_STARTS)) else None


def _fits(found: str | None, named: str | None, head: bytes) -> bool:
    """Whether content of type ``found`` (None: no signature tells) may be opened under a name of type ``named``."""
    if found in (mt.HTML, mt.SVG) or found in _NOT_OPENED:
        return False
    if named is None:  # no extension: the system looks at the content too, and text could be a script
        return found is not None and kind_of(found) is not Kind.OTHER and not looks_like_text(head)
    if found is None:  # formats without a signature, such as Targa: they are binary
        return kind_of(named) is not Kind.DOCUMENT and not looks_like_text(head)
    if found == mt.ZIP:
        return named in _ZIPPED
    if found in _COMPOUND:
        return named in _COMPOUND or named in _ZIPPED  # a password's shell has the name of what is in it
    sounds = {Kind.AUDIO, Kind.VIDEO}  # one container for both
    kinds = {kind_of(found), kind_of(named)}
    return len(kinds) == 1 or kinds == sounds
