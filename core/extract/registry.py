"""All formats that are read. A new one is a module with an ``Extractor`` and a line in ``EXTRACTORS``."""

from __future__ import annotations

from pathlib import Path

from core.errors import SkippedError, UnreadableError
from core.extract import media_types as mt
from core.extract.base import Extractor
from core.extract.epub import EpubExtractor
from core.extract.filetype import detect
from core.extract.image import ImageExtractor
from core.extract.mail import MailExtractor
from core.extract.markup import HtmlExtractor, XmlExtractor
from core.extract.media import MediaExtractor
from core.extract.opendocument import OpenDocumentExtractor
from core.extract.pdf import PdfExtractor
from core.extract.plain import TextExtractor
from core.extract.rtf import RtfExtractor
from core.extract.sheets import SheetsExtractor
from core.extract.slides import SlidesExtractor
from core.extract.word import WordExtractor
from core.types import Extraction

EXTRACTORS: tuple[Extractor, ...] = (
    ImageExtractor(),
    MediaExtractor(),
    PdfExtractor(),
    WordExtractor(),
    SlidesExtractor(),
    SheetsExtractor(),
    OpenDocumentExtractor(),
    EpubExtractor(),
    HtmlExtractor(),
    XmlExtractor(),
    MailExtractor(),
    RtfExtractor(),
    TextExtractor(),
)

_BY_MEDIA_TYPE = {media_type: extractor for extractor in EXTRACTORS for media_type in extractor.media_types}


def read(path: Path) -> Extraction:
    """Detect a file's type and read it. Runs in the sandbox child only.

    Raises ``SkippedError`` for a type that is not read, ``UnreadableError`` for a broken file, and whatever else an
    extractor lets through.
    """
    media_type = detect(path)
    extractor = _BY_MEDIA_TYPE.get(media_type)
    if extractor is not None:
        return extractor.extract(path, media_type)
    if media_type == mt.ENCRYPTED_OFFICE:
        raise UnreadableError("needs a password")
    raise SkippedError(mt.UNREAD.get(media_type, mt.UNREAD[mt.BINARY]))
