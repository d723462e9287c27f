"""Mail messages: who, when, about what, the text, and the names of what is attached."""

from __future__ import annotations

import email
import email.errors
import email.policy
from collections.abc import Callable
from datetime import datetime
from email.header import decode_header
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path

from core.errors import UnreadableError
from core.extract import media_types as mt
from core.extract.compose import Composer
from core.extract.markup import add_html
from core.extract.text_codec import decode
from core.types import Extraction, Metadata

MAX_MESSAGE_BYTES = 128 * 1024 * 1024  # parsed it takes about five times that
_SHOWN = ("From", "To", "Cc", "Date")
_HEADER_CHARS = 8000  # that are looked at; encoded words take time that grows with the square of their header


class MailExtractor:
    """Single messages (RFC 5322), web pages saved as MHTML included."""

    name = "mail"
    version = 1
    media_types = frozenset((mt.MAIL,))

    def extract(self, path: Path, media_type: str) -> Extraction:
        with path.open("rb") as file:
            data = file.read(MAX_MESSAGE_BYTES + 1)
        if len(data) > MAX_MESSAGE_BYTES:
            raise UnreadableError("too large for a message")
        first, _, rest = data.partition(b"\n")
        if first.strip().isdigit():
            data = rest  # Apple Mail writes the length in front
        try:
            return _read(data, media_type)
        except RecursionError as error:  # the parser goes down as deep as the parts do
            raise UnreadableError("damaged: its parts are nested too deeply") from error


def _read(data: bytes, media_type: str) -> Extraction:
    # compat32 because it never fails; the newer policies raise on malformed headers, which mail is full of.
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    if not message.keys():
        raise UnreadableError("damaged, or not a mail message")
    composer = Composer()
    subject = header(message, "Subject")
    composer.heading(subject or "")
    composer.paragraph("\n".join(f"{name}: {words}" for name in _SHOWN if (words := header(message, name))))
    _add_body(message, composer)
    metadata = Metadata(title=subject, author=header(message, "From"), taken_at=_sent_at(message))
    return composer.document(media_type, metadata)


def header(message: Message, name: str) -> str | None:
    """A header's words with encoded words resolved (RFC 2047); None where it is missing or empty."""
    value = message.get(name)
    if value is None:
        return None
    value = str(value)[:_HEADER_CHARS]
    try:
        parts = decode_header(value)
    except (ValueError, LookupError, email.errors.MessageError):
        parts = [(value, None)]
    words = "".join(part if isinstance(part, str) else decode(part, charset) for part, charset in parts)
    return " ".join(words.split())[:1000] or None


def _add_body(message: Message, composer: Composer) -> None:
    """The plain text, the HTML only where there is no plain text, and the names of attachments."""
    plain: list[str] = []
    html: list[str] = []
    attached: list[str] = []
    for part in message.walk():
        if part.is_multipart():
            continue
        name = _parameter(part.get_filename)
        if name:
            attached.append(" ".join(str(name).split()))
        elif part.get_content_type() == "text/plain":
            plain.append(_text(part))
        elif part.get_content_type() == "text/html":
            html.append(_text(part))
    if any(text.strip() for text in plain):
        for text in plain:
            composer.paragraph(text)
    else:
        for text in html:
            add_html(text, composer)
    if attached:
        composer.paragraph("\n".join(attached))


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    charset = _parameter(part.get_content_charset)
    return decode(payload, charset) if isinstance(payload, bytes) else ""


def _parameter(read: Callable[[], str | None]) -> str | None:
    """A header's parameter; None where it is written in a way that the standard library cannot take apart."""
    try:
        return read()
    except (TypeError, ValueError, LookupError, AttributeError):  # pieces with and without numbers, and the like
        return None


def _sent_at(message: Message) -> str | None:
    """The Date header as the sender's clock showed it."""
    try:
        sent: datetime = parsedate_to_datetime(str(message.get("Date", "")))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return sent.replace(tzinfo=None, microsecond=0).isoformat()
