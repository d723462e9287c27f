"""The models that Findling knows: ``resources/models.toml`` read into frozen entries."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from core.errors import UsageError
from core.resources import resource
from core.types import ModelRole


class Form(StrEnum):
    """The library that reads a model's folder."""

    SENTENCE_TRANSFORMERS = "sentence-transformers"
    OPEN_CLIP = "open_clip"
    WHISPER = "whisper"


ROLE_OF_FORM = {
    Form.SENTENCE_TRANSFORMERS: ModelRole.TEXT,
    Form.OPEN_CLIP: ModelRole.PHOTO,
    Form.WHISPER: ModelRole.SPEECH,
}

# What the product does to an input before a model of that form sees it; raise the number when that changes,
# and old vectors stay in their own space.
DEFAULT_PREPROCESSING = {
    Form.SENTENCE_TRANSFORMERS: "plain-1",
    Form.OPEN_CLIP: "preview512-1",
    Form.WHISPER: "silero-windows-1",
}


@dataclass(frozen=True)
class CatalogueEntry:
    """One model of the catalogue; ``resources/models.toml`` explains every field."""

    name: str
    role: ModelRole
    form: Form
    title: str
    size_bytes: int
    licence: str
    languages: str
    preprocessing: str
    weights: str
    dim: int | None = None
    query_prefix: str = ""
    passage_prefix: str = ""
    package: str | None = None
    repo: str | None = None
    files: tuple[tuple[str, ...], ...] = ()
    text_repo: str | None = None
    text_files: tuple[tuple[str, ...], ...] = ()
    url: str | None = None
    sha256: str | None = None

    @property
    def source(self) -> str:
        """Where it comes from, as shown to a person before a fetch."""
        if self.package:
            return f"the Python package {self.package}"
        if self.repo:
            return f"https://huggingface.co/{self.repo}"
        return self.url or ""


@dataclass(frozen=True)
class Catalogue:
    """All known models, in order of preference."""

    entries: tuple[CatalogueEntry, ...]

    def find(self, name: str) -> CatalogueEntry | None:
        return next((entry for entry in self.entries if entry.name == name), None)

    def get(self, name: str) -> CatalogueEntry:
        """Raises ``UsageError`` naming the known ones when there is no such model."""
        entry = self.find(name)
        if entry is None:
            known = ", ".join(entry.name for entry in self.entries)
            raise UsageError(f'no model is called "{name}"; known are {known}')
        return entry


def read_catalogue(path: Path) -> Catalogue:
    """Read a catalogue file. A wrong one is a broken installation: ``ValueError`` and ``OSError`` pass through."""
    document = tomllib.loads(path.read_text("utf-8"))
    return Catalogue(tuple(msgspec.convert(document["model"], list[CatalogueEntry])))


@functools.cache
def shipped_catalogue() -> Catalogue:
    return read_catalogue(resource("models.toml"))


def recommended(role: ModelRole, language_code: str) -> str:
    """The model to offer first to a person of that language (ISO 639-1, a region after it is ignored).

    In English the English models are better and smaller; ViT-B-32 finds 0.7% of photos by a Chinese caption
    where its multilingual sibling finds 53.7% (open_clip's published R@1 on Crossmodal-3600).
    """
    english = language_code.replace("_", "-").split("-")[0].lower() == "en"
    match role:
        case ModelRole.TEXT:
            return "all-MiniLM-L6-v2" if english else "multilingual-e5-small"
        case ModelRole.PHOTO:
            return "ViT-B-32" if english else "xlm-roberta-base-ViT-B-32"
        case ModelRole.SPEECH:
            return "whisper-base"
