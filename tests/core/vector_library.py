"""An index with contents of several segments and random vectors, and what a plain scan of it finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.config import folders_under
from core.store.files import FoundFile
from core.store.filters import FileFilter
from core.store.jobs import ModelState
from core.store.store import Store
from core.store.vectors import NewVector
from core.types import (
    EmbeddingSpace,
    Extraction,
    FileStamp,
    Kind,
    Locator,
    Matrix,
    Passage,
    SegmentKind,
    SpeechSpan,
    Stage,
    Vector,
)

DIM = 24
SPACE = EmbeddingSpace("test", "w1", DIM, "1")
KINDS = (Kind.DOCUMENT, Kind.AUDIO)
MODELS = ModelState()


class VectorLibrary:
    """A store with contents whose vectors are drawn at random. Two of them may be opened over one index."""

    def __init__(self, base: Path, seed: int = 0) -> None:
        self.folders = folders_under(base)
        self.folders.create()
        self.store = Store(self.folders)
        self.space_id = self.store.vectors.space_id(SPACE)
        self._root = self.store.roots.add(b"/r")
        self._random = np.random.default_rng(seed)
        self._made = 0

    def unit(self, count: int = 1) -> Matrix:
        rows = self._random.standard_normal((count, DIM)).astype(np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    def add(self, segments: int, kind: Kind = Kind.DOCUMENT, folder: str = "a", phash: int | None = None) -> int:
        """A file of a kind with so many passages or spans of speech, all with vectors; its content's id."""
        self._made += 1
        path = f"/r/{folder}/{self._made}".encode()
        self.store.files.add(self._root, [FoundFile(path, kind, FileStamp(1, 1, 1, self._made))])
        known = self.store.files.by_path(path)
        assert known is not None
        passages = tuple(Passage(f"text {number}", Locator(page=number + 1)) for number in range(segments))
        content_id = self.store.commit_content(
            known.id,
            self._made.to_bytes(32, "big"),
            Extraction(kind, "x/y", passages=passages if kind is Kind.DOCUMENT else (), phash=phash),
            extractor_version=1,
            look_alike=None,
            models=MODELS,
        )
        if kind is not Kind.DOCUMENT:
            spans = [SpeechSpan(number, number + 1, f"words {number}") for number in range(segments)]
            self.store.commit_speech(known.id, content_id, spans, "m@1", MODELS)
        self.encode(content_id)
        return content_id

    def encode(self, content_id: int) -> None:
        """New vectors for all segments of a content, in place of those it had."""
        rows = self.store.segments.of_content(content_id, [SegmentKind.PASSAGE, SegmentKind.SPEECH])
        vectors = [
            NewVector(row.id, content_id, vector) for row, vector in zip(rows, self.unit(len(rows)), strict=True)
        ]
        files = self.store.files.rows_of_contents([content_id]).get(content_id, [])
        self.store.commit_vectors(files[0].id if files else 0, Stage.TEXT, self.space_id, vectors)

    def forget(self, content_id: int, *, vectors_too: bool) -> None:
        """The content's file goes, and with ``vectors_too`` the content itself."""
        for row in self.store.files.rows_of_contents([content_id]).get(content_id, []):
            known = self.store.files.by_path(row.path)
            assert known is not None
            self.store.tombstones.bury([known])
        if vectors_too:
            self.store.contents.sweep(1)
            self.store.contents.sweep(2**62)

    def nearest(self, query: Vector, kind: SegmentKind, where: FileFilter) -> list[tuple[float, int, int]]:
        """(cosine, content, segment) of every segment of a kind that may be found, by a plain scan, best first."""
        scores = self.store.vectors.scan(self.space_id, query)
        found = self.store.files.rows_of_contents(sorted(set(scores.content_ids.tolist())), where)
        columns = zip(
            scores.cosines.tolist(),
            scores.content_ids.tolist(),
            scores.segment_ids.tolist(),
            scores.speech.tolist(),
            strict=True,
        )
        wanted = kind is SegmentKind.SPEECH
        listed = [row[:3] for row in columns if row[3] == wanted and row[1] in found]
        return sorted(listed, key=lambda row: (-row[0], row[2]))

    def close(self) -> None:
        self.store.close()
