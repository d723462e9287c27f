"""Which single line, if any, stands above the results: what limits them now, and what can be done about it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from core.types import Kind, ModelRole, SearchResult
from desktop.views.search_bar import Ask
from desktop.workers.library import Snapshot


@dataclass(frozen=True)
class Advice:
    """A line, and the words of the button that opens the models."""

    text: str
    action: str


def _tr(text: str) -> str:
    return QCoreApplication.translate("Advice", text)


def advise(snapshot: Snapshot | None, ask: Ask, result: SearchResult | None = None) -> Advice | None:
    """The most useful line for this search; ``None`` when nothing limits it."""
    if snapshot is None or ask.empty:
        return None
    text_model = snapshot.active(ModelRole.TEXT)
    if text_model is not None and text_model.languages == "English" and _beyond_latin(ask.text):
        return Advice(
            _tr("The text model here understands English; other languages are found by their exact words."),
            _tr("Get the multilingual one"),
        )
    photos = snapshot.status.by_kind.get(Kind.PHOTO, 0)
    photos_asked = ask.kind in (None, Kind.PHOTO)
    if photos and photos_asked and snapshot.active(ModelRole.PHOTO) is None:
        return Advice(
            _tr("Until a photo model is here, photos are found by name, folder, date and camera, and by likeness."),
            _tr("Get model"),
        )
    if snapshot.status.waiting.get(ModelRole.SPEECH) and ask.kind is Kind.AUDIO:
        return Advice(
            _tr("Until a speech model is here, recordings are found by name, folder, date and tags."), _tr("Get model")
        )
    if result is not None and result.notes:
        return Advice(result.notes[0][:1].upper() + result.notes[0][1:] + ".", _tr("Models"))
    return None


def _beyond_latin(text: str) -> bool:
    return any(
        character.isalpha() and not unicodedata.name(character, "LATIN").startswith("LATIN") for character in text
    )
