"""Rich Text Format (specification 1.9.1), read in one pass.

A reader of our own: striprtf's patterns take time that grows with the cube of their input, minutes for some kilobytes
of fonts or links, and it gives up on a whole file for one number that is missing.
"""

from __future__ import annotations

import codecs
import itertools
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.errors import UnreadableError
from core.extract import media_types as mt
from core.extract.dates import pdf_wall_clock
from core.extract.passages import Section, cut
from core.extract.printable import one_line
from core.extract.text_codec import CUT_NOTE, MAX_TEXT_BYTES
from core.types import Extraction, Kind, Metadata

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?[0-9]{1,10})? ?"  # a control word
    rb"|\\'([0-9a-fA-F]{2})"  # a byte
    rb"|\\([^a-zA-Z'])"  # a control symbol
    rb"|([{}])"
    rb"|([^\\{}\r\n]+)"  # text
    rb"|[\r\n]+|\\",  # nothing
    re.DOTALL,
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_DEEPEST = 2000  # groups inside one another; Word writes some twenty

_BREAKS = {"par": "\n", "line": "\n", "row": "\n", "nestrow": "\n", "sect": "\n\n", "page": "\n\n", "column": "\n\n"}
_CHARACTERS = _BREAKS | {
    "cell": "\t", "nestcell": "\t", "tab": "\t", "emspace": " ", "enspace": " ", "qmspace": " ",
    "emdash": "\u2014", "endash": "\u2013", "bullet": "\u2022",
    "lquote": "\u2018", "rquote": "\u2019", "ldblquote": "\u201c", "rdblquote": "\u201d",
}  # fmt: skip
_SYMBOLS = {b"~": "\xa0", b"_": "-", b"-": "", b"\n": "\n", b"\r": "\n", b"{": "{", b"}": "}", b"\\": "\\"}

# Groups whose words nobody sees in the document. Those that begin with ``\*`` are left out whatever they are.
_LEFT_OUT = frozenset(
    "aftncn aftnsep aftnsepc annotation atnid bkmkend bkmkstart buptim colortbl comment creatim doccomm fldinst "  # noqa: SIM905
    "fontemb fontfile footer footerf footerl footerr ftncn ftnsep ftnsepc header headerf headerl headerr info keywords "
    "levelnumbers leveltext list listname listoverride listtable listoverridetable nextfile objclass objdata objname "
    "pict pntext pntxta pntxtb printim private revtbl revtim rxe shprslt sn stylesheet subject sv tc tcn template txe "
    "xe".split()
)
_SHOWN_AGAIN = frozenset(("shptxt", "dptxbxtext"))  # a text box, inside a drawing that is left out
_FACTS = frozenset(("title", "author"))
_CLOCK = ("yr", "mo", "dy", "hr", "min", "sec")

_CHARSETS = {
    77: "mac_roman", 78: "shift_jis", 79: "big5", 80: "euc_kr", 81: "mac_arabic", 83: "mac_greek", 85: "mac_turkish",
    86: "mac_latin2", 88: "mac_croatian", 89: "mac_cyrillic", 128: "cp932", 129: "cp949", 130: "johab", 134: "gbk",
    136: "cp950", 161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257",
    204: "cp1251", 222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip


class RtfExtractor:
    """Rich text as Word, TextEdit and LibreOffice write it."""

    name = "rtf"
    version = 2
    media_types = frozenset((mt.RTF,))

    def extract(self, path: Path, media_type: str) -> Extraction:
        with path.open("rb") as file:
            data = file.read(MAX_TEXT_BYTES + 1)
        reader = _Reader()
        reader.read(data[:MAX_TEXT_BYTES])
        units = itertools.takewhile(reader.created.__contains__, _CLOCK)
        written = "".join(f"{reader.created[unit]:02d}" for unit in units)
        return Extraction(
            kind=Kind.DOCUMENT,
            media_type=media_type,
            metadata=Metadata(
                title=one_line(reader.text("title")),
                author=one_line(reader.text("author")),
                taken_at=pdf_wall_clock(written),
            ),
            passages=cut([Section(reader.text("body"), offset=0)]),
            note=CUT_NOTE if len(data) > MAX_TEXT_BYTES else None,
        )


@dataclass(frozen=True)
class _State:
    """What holds until the group ends."""

    goes_to: str = "body"  # the fact that text belongs to, "" where nobody sees it
    place: str = ""  # the table or fact that a group is: fonttbl, info, creatim
    fallback_bytes: int = 1  # that follow a Unicode character for old readers
    codec: str = ""  # of the font; empty for the document's own


@dataclass
class _Reader:
    """Takes one file apart."""

    created: dict[str, int] = field(default_factory=dict)  # numbers of the moment, by their control words
    _texts: dict[str, list[str]] = field(default_factory=dict)
    _state: _State = field(default_factory=_State)
    _groups: list[_State] = field(default_factory=list)
    _fonts: dict[int, str] = field(default_factory=dict)
    _font: int = 0  # whose entry in the font table is being read
    _own_codec: str = "cp1252"
    _held: bytearray = field(default_factory=bytearray)  # bytes that are not decoded yet
    _to_skip: int = 0
    _starred: bool = False

    def text(self, part: str) -> str:
        """What was read of the body, the title or the author."""
        text = "".join(self._texts.get(part, ()))
        if _SURROGATE.search(text):  # characters beyond 16 bits are written in halves
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return text

    def read(self, data: bytes) -> None:
        """Raises ``UnreadableError`` for groups nested beyond reason."""
        at = 0
        while match := _TOKEN.match(data, at):
            at = match.end()
            word, number, byte, symbol, brace, text = match.groups()
            if brace == b"{":
                self._open()
            elif brace:
                if not self._close():
                    break  # what follows the document's own group belongs to nobody
            elif text is not None:
                self._add_bytes(text)
            elif byte is not None:
                self._add_bytes(bytes((int(byte, 16),)))
            elif symbol is not None:
                self._symbol(symbol)
            elif word is not None:
                value = None if number is None else int(number)
                if word == b"bin":
                    at += max(0, value or 0)
                else:
                    self._word(word.decode("ascii"), value)
        self._flush()

    def _open(self) -> None:
        if len(self._groups) >= _DEEPEST:
            raise UnreadableError("damaged: it is nested too deeply")
        self._to_skip = 0
        self._flush()
        self._groups.append(self._state)

    def _close(self) -> bool:
        """End a group; False for the outermost."""
        self._to_skip = 0
        self._flush()
        if self._state.place == "footnote":
            self._add("\n")
        self._starred = False
        if self._groups:
            self._state = self._groups.pop()
        return bool(self._groups)

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self._starred = True
        elif self._to_skip:
            self._to_skip -= 1
        else:
            self._add(_SYMBOLS.get(symbol, ""))

    def _word(self, word: str, value: int | None) -> None:
        starred, self._starred = self._starred, False
        self._to_skip = 0
        if word in _SHOWN_AGAIN:
            self._enter(goes_to="body", place="")
        elif word in _FACTS and self._state.place == "info":
            self._enter(goes_to=word)
        elif word in _LEFT_OUT or word == "fonttbl" or starred:
            self._enter(goes_to="", place=word)
        elif word == "footnote":
            self._enter(place=word)
            self._add("\n")
        elif word in _CLOCK and self._state.place == "creatim":
            self.created.setdefault(word, min(max(0, value or 0), 9999))
        elif word == "u":
            self._unicode(value)
        elif word in _CHARACTERS:
            self._add(_CHARACTERS[word])
        else:
            self._encoding(word, value)

    def _encoding(self, word: str, value: int | None) -> None:
        """Control words that say how bytes are to be read; all others are about looks."""
        if word == "uc":
            self._enter(fallback_bytes=max(0, 1 if value is None else value))
        elif word == "ansicpg":
            self._own_codec = _code_page(value)
        elif word in ("mac", "pc", "pca"):
            self._own_codec = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}[word]
        elif self._state.place == "fonttbl":
            if word == "f":
                self._font = value or 0
            elif word == "fcharset":
                self._fonts[self._font] = _CHARSETS.get(value or 0, "")
            elif word == "cpg":
                self._fonts[self._font] = _code_page(value)
        elif word == "f":
            self._enter(codec=self._fonts.get(value or 0, ""))
        elif word == "plain":
            self._enter(codec="")

    def _enter(self, **changes: str | int) -> None:
        self._flush()
        self._state = replace(self._state, **changes)  # type: ignore[arg-type]

    def _unicode(self, value: int | None) -> None:
        if value is not None:
            number = value + 0x10000 if value < 0 else value
            self._add(chr(number) if 0 < number <= 0x10FFFF else "\ufffd")
        self._to_skip = self._state.fallback_bytes

    def _add_bytes(self, data: bytes) -> None:
        skipped = min(self._to_skip, len(data))
        self._to_skip -= skipped
        if self._state.goes_to:
            self._held += data[skipped:]  # a character of two bytes may come in two ways of writing

    def _add(self, text: str) -> None:
        self._flush()
        if self._state.goes_to:
            self._texts.setdefault(self._state.goes_to, []).append(text)

    def _flush(self) -> None:
        if self._held:
            text = self._held.decode(self._state.codec or self._own_codec, "replace")
            self._held.clear()
            self._texts.setdefault(self._state.goes_to, []).append(text)


def _code_page(number: int | None) -> str:
    """Python's name for one of Windows' code pages; Western Europe's for those that nobody knows."""
    name = "mac_roman" if number == 10000 else f"cp{number}"
    try:
        b"a".decode(name)
    except (LookupError, UnicodeError):
        return "cp1252"
    return codecs.lookup(name).name
