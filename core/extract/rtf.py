"""Rich Text Format."""

from __future__ import annotations

import re
from pathlib import Path

from core.errors import UnreadableError
from core.extract import media_types as mt
from core.extract.dates import pdf_wall_clock
from core.extract.passages import Section, cut
from core.extract.text_codec import CUT_NOTE, MAX_TEXT_BYTES
from core.types import Extraction, Kind, Metadata

_INFO = re.compile(r"\{\\info\b.*?\}\s*\}", re.DOTALL)
_FIELD = re.compile(r"\{\\(title|author)\s+([^{}\\]*)\}")
_CREATED = re.compile(r"\{\\creatim\\yr(\d{4})\\mo(\d{1,2})\\dy(\d{1,2})")
_PICTURE = re.compile(r"[0-9a-fA-F\s]{1000,}")  # pictures as hexadecimal digits: most of a file's bytes and no words


class RtfExtractor:
    """Rich text as Word and TextEdit write it."""

    name = "rtf"
    version = 1
    media_types = frozenset((mt.RTF,))

    def extract(self, path: Path, media_type: str) -> Extraction:
        from striprtf.striprtf import rtf_to_text

        with path.open("rb") as file:
            data = file.read(MAX_TEXT_BYTES + 1)
        source = _PICTURE.sub(" ", data[:MAX_TEXT_BYTES].decode("latin-1"))
        try:
            text: str = rtf_to_text(source, encoding="cp1252", errors="replace")  # type: ignore[no-untyped-call]
        except Exception as error:  # striprtf fails in many ways on what is damaged
            raise UnreadableError("damaged rich text") from error
        info = _INFO.search(source)
        fields = dict(_FIELD.findall(info.group())) if info else {}
        created = _CREATED.search(source)
        return Extraction(
            kind=Kind.DOCUMENT,
            media_type=media_type,
            metadata=Metadata(
                title=" ".join(fields.get("title", "").split()) or None,
                author=" ".join(fields.get("author", "").split()) or None,
                taken_at=pdf_wall_clock("".join(part.zfill(2) for part in created.groups())) if created else None,
            ),
            passages=cut([Section(text.replace("\0", " "), offset=0)]),
            note=CUT_NOTE if len(data) > MAX_TEXT_BYTES else None,
        )
