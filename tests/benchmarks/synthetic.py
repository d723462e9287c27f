"""A made-up library of any size, written straight into an index: documents and photos whose files do not exist.

Its folder is missing, so it counts as a drive that is unplugged: its files stay and are found, and no scan touches
them. Six of ten segments are passages (three to a document), four are photos. Vectors lie in the spaces of the models
that a measurement uses, so that real queries are compared with them.
"""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.config import Settings
from core.extract.version import extractor_version
from core.models.installed import active_model
from core.store.migrations import MIGRATIONS
from core.store.store import Store
from core.store.words import split_name
from core.types import EmbeddingSpace, ModelRole
from tests.benchmarks import backends, homes, inputs
from tests.benchmarks.harness import Bench

GONE = "/unplugged/library"
PASSAGES_IN_A_DOCUMENT = 3
_PART = 20_000  # segments a transaction


def home(bench: Bench, segments: int) -> Settings:
    """Settings of a home that holds such a library. It is kept; who writes into it works on a copy."""
    name = f"library-{segments}-{_version(bench)}"
    models = backends.models_fp32(bench)
    path = bench.kept(name, lambda folder: _fill(homes.settings_at(folder, models), segments))
    return homes.settings_at(path, models)


def copied(bench: Bench, segments: int, target: Path) -> Settings:
    """The same in a folder that may be written to."""
    original = home(bench, segments)
    settings = homes.settings_at(target, backends.models_fp32(bench))
    shutil.copytree(original.folders.data, settings.folders.data, dirs_exist_ok=True)
    shutil.copytree(original.folders.cache, settings.folders.cache, dirs_exist_ok=True)
    return settings


def spaces(settings: Settings) -> tuple[EmbeddingSpace, EmbeddingSpace]:
    """The spaces of texts and of photos."""
    text, photo = active_model(settings, ModelRole.TEXT), active_model(settings, ModelRole.PHOTO)
    assert text is not None
    assert photo is not None
    return text.space, photo.space


def vectors_home(bench: Bench, count: int, dim: int, made: Callable[[], NDArray[np.float32]] | None = None) -> Settings:
    """A home with pictures' vectors in one space and nothing else: made-up ones, or those that ``made`` gives."""

    def fill(folder: Path) -> None:
        store = Store(homes.settings_at(folder).folders)
        try:
            store.roots.add(os.fsencode(GONE))
            space_id = store.vectors.space_id(EmbeddingSpace("vectors", "1", dim, "1"))
            rows = _rows(count, dim, 3) if made is None else (row.tobytes() for row in made().astype("<f4"))
            _photos(store, space_id, 0, count, rows)
            store.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            store.close()

    name = f"vectors-{count}x{dim}-{'made' if made is None else 'real'}-{len(MIGRATIONS)}"
    return homes.settings_at(bench.kept(name, fill))


def _version(bench: Bench) -> str:
    """Another one when what the library is made of is another."""
    text, photo = spaces(homes.settings_at(bench.scratch / "nowhere", backends.models_fp32(bench)))
    parts = f"1 {len(MIGRATIONS)} {extractor_version()} {text} {photo}"
    return f"{zlib.crc32(parts.encode()):08x}"


def _fill(settings: Settings, segments: int) -> None:
    store = Store(settings.folders)
    try:
        text, photo = spaces(settings)
        space_ids = store.vectors.space_id(text), store.vectors.space_id(photo)
        store.roots.add(os.fsencode(GONE))
        passages = segments * 6 // 10 // PASSAGES_IN_A_DOCUMENT * PASSAGES_IN_A_DOCUMENT
        pictures = segments - passages
        _documents(store, space_ids[0], text.dim, passages // PASSAGES_IN_A_DOCUMENT)
        _photos(store, space_ids[1], passages // PASSAGES_IN_A_DOCUMENT, pictures, _rows(pictures, photo.dim, 2))
        with store.database.write() as db:
            db.execute("UPDATE roots SET held = (SELECT count(*) FROM files)")
        connection = store.database.connection
        connection.execute("INSERT INTO segments_fts(segments_fts) VALUES ('optimize')")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        store.close()


def _documents(store: Store, space_id: int, dim: int, count: int) -> None:
    words = inputs.Words(1)
    rows = _rows(count * PASSAGES_IN_A_DOCUMENT, dim, 1)
    step = _PART // PASSAGES_IN_A_DOCUMENT
    for start in range(0, count, step):
        numbers = range(start + 1, min(start + step, count) + 1)
        texts = words.texts(len(numbers) * PASSAGES_IN_A_DOCUMENT)
        _contents(store, numbers, "document", "text/plain", ".txt", words)
        first = (start * PASSAGES_IN_A_DOCUMENT) + 1
        with store.database.write() as db:
            db.executemany(
                """
                INSERT INTO segments (id, content_id, kind, ordinal, char_offset, text)
                VALUES (?, ?, 'passage', ?, ?, ?)
                """,
                (
                    (first + at, numbers[at // PASSAGES_IN_A_DOCUMENT], at % PASSAGES_IN_A_DOCUMENT, at * 250, one)
                    for at, one in enumerate(texts)
                ),
            )
            _vectors(db, space_id, first, [numbers[at // PASSAGES_IN_A_DOCUMENT] for at in range(len(texts))], rows)


def _photos(store: Store, space_id: int, before: int, count: int, rows: Iterator[bytes]) -> None:
    words = inputs.Words(2)
    segment_before = before * PASSAGES_IN_A_DOCUMENT
    for start in range(0, count, _PART):
        numbers = range(before + start + 1, before + min(start + _PART, count) + 1)
        _contents(store, numbers, "photo", "image/jpeg", ".jpg", words)
        first = segment_before + start + 1
        with store.database.write() as db:
            db.executemany(
                "INSERT INTO segments (id, content_id, kind, ordinal) VALUES (?, ?, 'photo', 0)",
                ((first + at, number) for at, number in enumerate(numbers)),
            )
            _vectors(db, space_id, first, list(numbers), rows)


def _contents(store: Store, numbers: range, kind: str, media_type: str, extension: str, words: inputs.Words) -> None:
    """A content and a file for each number, over ten years of days and folders of a hundred."""
    photo = kind == "photo"
    random = np.random.default_rng(numbers.start)
    with store.database.write() as db:
        db.executemany(
            """
            INSERT INTO contents (id, hash, kind, media_type, width, height, phash, extractor_version)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            (
                (
                    number, number.to_bytes(32, "big"), kind, media_type, *((4000, 3000) if photo else (None, None)),
                    int(random.integers(-(2**63), 2**63)) if photo else None, extractor_version(),
                )
                for number in numbers
            ),
        )  # fmt: skip
        named = [(number, *_place(number, extension, words)) for number in numbers]
        (root_id,) = [root.id for root in store.roots.all()]
        db.executemany(
            """
            INSERT INTO files (id, root_id, path, kind, size, mtime_ns, ctime_ns, inode, day, content_id)
            VALUES (?, ?, ?, ?, 1000, ?, ?, ?, ?, ?)
            """,
            (
                (
                    number, root_id, f"{GONE}/{folder}/{name}".encode(), kind, number * 10**12, number * 10**12,
                    number, f"{2015 + number % 10}-{number % 12 + 1:02}-{number % 28 + 1:02}", number,
                )
                for number, folder, name in named
            ),
        )  # fmt: skip
        db.executemany(
            "INSERT INTO names_fts (rowid, name, about) VALUES (?, ?, ?)",
            ((number, split_name(name), folder) for number, folder, name in named),
        )


def _place(number: int, extension: str, words: inputs.Words) -> tuple[str, str]:
    stem = f"IMG_{number:07}" if extension == ".jpg" else f"{words.word(number % 4001)}-{words.word(number % 6007)}"
    return f"{words.word(number // 100 % 997)} {number // 100}", f"{stem}_{number}{extension}"


def _rows(count: int, dim: int, seed: int) -> Iterator[bytes]:
    for block in inputs.vectors(count, dim, seed):
        for row in block.astype("<f4"):
            yield row.tobytes()


def _vectors(db: object, space_id: int, first: int, content_ids: list[int], rows: Iterator[bytes]) -> None:
    db.executemany(  # type: ignore[attr-defined]
        "INSERT INTO vectors (space_id, segment_id, content_id, vector, checksum) VALUES (?, ?, ?, ?, ?)",
        (
            (space_id, first + at, content_id, blob, zlib.crc32(blob))
            for at, (content_id, blob) in enumerate(zip(content_ids, islice(rows, len(content_ids)), strict=True))
        ),
    )
