"""Documents that are zip archives of XML: limits against bombs, and XML without entities or network."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from lxml import etree

from core.errors import UnreadableError
from core.extract.text_codec import declared_charset, decode
from core.extract.zip_directory import directory_is_too_large

MAX_PART_BYTES = 64 * 1024 * 1024  # one XML part; parsed it takes about ten times that
MAX_READ_BYTES = 256 * 1024 * 1024  # all parts of one document that are read
MAX_ENTRIES = 50_000

_ZERO_WITHIN = 4096  # bytes; XML in UTF-16 has a zero in its first four
_REFERENCE = re.compile(rb"&#(?:x([0-9a-fA-F]+)|([0-9]+));")
_TOO_MANY = "holds too many parts to be read"

Element = Any  # lxml has no types of its own

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, OSError, ValueError)


class Archive:
    """A zip archive whose parts are read within limits on what they unpack to."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._left = MAX_READ_BYTES
        self._entries = {entry.filename.replace("\\", "/"): entry for entry in archive.infolist()}

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._entries)

    def sizes(self, ending: str) -> list[int]:
        """What the parts with names of this ending claim to unpack to, in bytes; zipfile holds them to it."""
        return [entry.file_size for name, entry in self._entries.items() if name.endswith(ending)]

    def read(self, name: str) -> bytes | None:
        """One part; None where there is none. Raises ``UnreadableError`` where it is damaged, locked or too large."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        if entry.flag_bits & 1:
            raise UnreadableError("needs a password")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # which is all that documents use
            raise UnreadableError("damaged: a part of it cannot be unpacked")
        most = min(MAX_PART_BYTES, self._left)
        try:
            with self._archive.open(entry) as part:
                data = part.read(most + 1)
        except (*_DAMAGED, RuntimeError) as error:
            raise UnreadableError("damaged: a part of it cannot be unpacked") from error
        if len(data) > most:
            raise UnreadableError("unpacks to too much to be read")
        self._left -= len(data)
        return data

    def xml(self, name: str) -> Element | None:
        """The root element of one part; None where there is no such part or nothing of it can be parsed."""
        data = self.read(name)
        return parse_xml(data) if data is not None else None

    def required_xml(self, name: str) -> Element:
        """As ``xml``, but raises ``UnreadableError`` where that has none."""
        root = self.xml(name)
        if root is None:
            raise UnreadableError("damaged: its main part is missing")
        return root


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a zip archive. Raises ``UnreadableError`` where it is none or holds too many parts."""
    with path.open("rb") as file:
        if directory_is_too_large(file):
            raise UnreadableError(_TOO_MANY)
        with _zip_file(file) as archive:
            if len(archive.infolist()) > MAX_ENTRIES:
                raise UnreadableError(_TOO_MANY)
            yield Archive(archive)


def parse_xml(data: bytes) -> Element | None:
    """The root of what can be parsed of an XML document, None where that is nothing.

    Entities stay unresolved and nothing is loaded: neither bombs nor references outside have an effect.
    """
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, recover=True, huge_tree=False
    )
    try:
        return etree.fromstring(_as_utf8(data), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _as_utf8(data: bytes) -> bytes:
    """The same document in sound UTF-8: where it is not, lxml parses it and fails when the text is asked for."""
    data = _REFERENCE.sub(_sound_reference, data) if b"&#" in data else data
    if b"\0" not in data[:_ZERO_WITHIN]:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            pass
        else:
            return data
    return decode(data, declared_charset(data)).encode("utf-8", "replace")


def _sound_reference(match: re.Match[bytes]) -> bytes:
    """A reference to a character, or to U+FFFD where it is to half a character."""
    hexadecimal, decimal = (digits and digits.lstrip(b"0") for digits in match.groups())
    digits = hexadecimal or decimal or b"0"
    number = int(digits, 16 if hexadecimal else 10) if len(digits) <= 8 else 0
    return b"&#xFFFD;" if 0xD800 <= number <= 0xDFFF else match[0]


def local_name(element: Element) -> str:
    """An element's name without its namespace or prefix; empty for comments and instructions."""
    # Not by lxml's QName, which refuses prefixes that nobody declared.
    return re.split("[}:]", element.tag)[-1] if isinstance(element.tag, str) else ""


def _zip_file(file: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except _DAMAGED as error:
        raise UnreadableError("damaged: it cannot be unpacked") from error
